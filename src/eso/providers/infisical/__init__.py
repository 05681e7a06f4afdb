"""Infisical, with machine identities."""
