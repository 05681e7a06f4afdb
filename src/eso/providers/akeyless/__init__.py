"""Akeyless: static, dynamic and rotated secrets over the Akeyless gateway API v2 (https://docs.akeyless.io/reference)."""
