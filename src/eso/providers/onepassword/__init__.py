"""1Password: fields and files of items, through the REST API of a Connect server."""
