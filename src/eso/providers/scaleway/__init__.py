"""Scaleway Secret Manager."""
