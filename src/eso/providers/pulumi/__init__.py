"""Pulumi ESC: values of an environment."""
