"""Doppler: secrets of a project and config."""
