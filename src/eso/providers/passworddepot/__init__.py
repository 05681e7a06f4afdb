"""Password Depot Enterprise Server."""
