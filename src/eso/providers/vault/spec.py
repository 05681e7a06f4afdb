"""The configuration under `spec.provider.vault` of a store."""

from __future__ import annotations

from eso.api.vault_v1 import VaultSpec

__all__ = ["VaultSpec"]
