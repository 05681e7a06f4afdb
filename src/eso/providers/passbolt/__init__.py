"""Passbolt, signed in with OpenPGP."""
