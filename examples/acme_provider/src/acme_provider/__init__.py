"""Acme: one HTTP request for each secret."""
