"""Keeper Secrets Manager."""
