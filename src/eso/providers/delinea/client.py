"""Secrets of DevOps Secrets Vault, in the words of External Secrets Operator."""

from __future__ import annotations

from typing import Any

from eso.errors import InvalidSpecError
from eso.providers.base import RemoteRef, SecretsClient
from eso.providers.common import select_property
from eso.providers.delinea.api import DelineaAPI
from eso.transform.gojson import byte_value, dumps
from eso.values import SecretMap, SecretValue

__all__ = ["DelineaClient"]


class DelineaClient(SecretsClient):
    """Reads secrets. Its validation asks nobody, as in External Secrets Operator: signing in waits for the first read.

    Args:
        api: the vault.
    """

    def __init__(self, api: DelineaAPI) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The data of a secret as JSON, or a property of it; one without data is empty."""
        data = await self._data(ref)
        return select_property(SecretValue("" if data is None else dumps(data)), ref.property, key=ref.key)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the data; `property` does not matter."""
        data = await self._data(ref) or {}
        return {name: SecretValue(byte_value(value)) for name, value in data.items()}

    async def _data(self, ref: RemoteRef) -> dict[str, Any] | None:
        if ref.version:
            raise InvalidSpecError("specifying a version is not yet supported")
        return await self._api.data(ref.key)
