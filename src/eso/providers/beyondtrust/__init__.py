"""BeyondTrust Password Safe: managed accounts and Secrets Safe."""
