"""Secrets of another namespace or another cluster."""
