"""Devolutions Server: credential entries."""
