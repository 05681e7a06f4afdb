"""Volcengine KMS secrets."""
