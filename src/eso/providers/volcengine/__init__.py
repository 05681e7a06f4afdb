"""Volcengine KMS: its secrets, by signed requests."""
