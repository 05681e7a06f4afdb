"""Onboardbase: secrets of a project and environment."""
