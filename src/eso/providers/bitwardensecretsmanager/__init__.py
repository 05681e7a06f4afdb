"""Bitwarden Secrets Manager, through the bitwarden-sdk-server REST wrapper."""
