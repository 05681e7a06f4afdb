"""1Password through a Connect server."""
