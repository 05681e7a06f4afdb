"""Secrets of Lockbox in the words of External Secrets Operator."""

from __future__ import annotations

from eso.errors import ProviderError
from eso.providers.base import RemoteRef, SecretsClient
from eso.providers.payload import as_json, as_map
from eso.providers.yandexlockbox.api import Lockbox
from eso.values import SecretMap, SecretValue

__all__ = ["YandexLockboxClient"]


class YandexLockboxClient(SecretsClient):
    """Reads secrets. What is missing is a plain error, so that nothing is deleted.

    Args:
        api: Lockbox.
    """

    def __init__(self, api: Lockbox) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The entry whose key is the property as it is; without a property a JSON object of all, what is not text as base64."""
        entries = await self._api.entries(ref.key, ref.version)
        if ref.property:
            for key, value in entries:
                if key == ref.property:
                    return SecretValue(value)
            raise ProviderError(f"payload entry with key '{ref.property}' not found in secret {ref.key}")
        return as_json(entries)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """All entries as they are."""
        return as_map(await self._api.entries(ref.key, ref.version))

    async def close(self) -> None:
        """Close the connection."""
        await self._api.close()
