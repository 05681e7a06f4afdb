"""Keeps the webhook certificate, and what the definitions of the operator say about conversion."""
