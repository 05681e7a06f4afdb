"""Nebius MysteryBox over gRPC."""
