"""Fortanix Data Security Manager: opaque and secret security objects."""
