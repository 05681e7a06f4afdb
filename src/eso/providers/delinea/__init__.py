"""Delinea DevOps Secrets Vault."""
