"""Previder Vault."""
