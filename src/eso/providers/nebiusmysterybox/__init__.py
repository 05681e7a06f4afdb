"""Nebius MysteryBox over gRPC: `nebius.mysterybox.v1.PayloadService`, and IAM's token exchange."""
