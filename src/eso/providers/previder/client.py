"""Secrets of Previder Vault, in the words of External Secrets Operator."""

from __future__ import annotations

from eso.providers.base import RemoteRef, SecretsClient, ValidationResult
from eso.providers.previder.api import PreviderAPI
from eso.values import SecretMap, SecretValue

__all__ = ["PreviderClient"]


class PreviderClient(SecretsClient):
    """Reads secrets.

    Args:
        api: Previder Vault.
    """

    def __init__(self, api: PreviderAPI) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The value of a secret; `property` and `version` do not matter."""
        return await self._api.secret(ref.key)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The value of a secret, under its key."""
        return {ref.key: await self.get_secret(ref)}

    async def validate(self) -> ValidationResult:
        """Ask what the token is."""
        await self._api.probe()
        return ValidationResult.READY
