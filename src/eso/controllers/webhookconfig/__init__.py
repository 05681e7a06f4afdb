"""Keeps the configurations of the webhook up to date with its Service and certificate."""
