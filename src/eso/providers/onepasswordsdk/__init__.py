"""1Password with a service account, without a Connect server."""
