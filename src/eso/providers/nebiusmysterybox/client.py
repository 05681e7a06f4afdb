"""Secrets of MysteryBox in the words of External Secrets Operator."""

from __future__ import annotations

from eso.providers.base import RemoteRef, SecretsClient
from eso.providers.nebiusmysterybox.api import Mysterybox
from eso.providers.payload import as_json, as_map
from eso.values import SecretMap, SecretValue

__all__ = ["NebiusMysteryboxClient"]


class NebiusMysteryboxClient(SecretsClient):
    """Reads secrets; its validation asks nobody, as the client has signed in when it was made.

    Args:
        api: MysteryBox.
    """

    def __init__(self, api: Mysterybox) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The entry whose key is the property as it is; without a property a JSON object of all, what is not text as base64."""
        if ref.property:
            return SecretValue((await self._api.entry(ref.key, ref.version, ref.property)).value)
        return as_json(await self._api.entries(ref.key, ref.version))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """All entries as they are."""
        return as_map(await self._api.entries(ref.key, ref.version))

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()
