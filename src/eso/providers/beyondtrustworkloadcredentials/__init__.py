"""BeyondTrust Workload Credentials: static key/value secrets."""
