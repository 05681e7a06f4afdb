"""Reading and finding secrets of an OpenBao key/value engine."""

from __future__ import annotations

import asyncio
from typing import Final

from eso.errors import InvalidRequestError, ProviderError, UnavailableError
from eso.providers.base import FindRef, RemoteRef, SecretsClient, ValidationResult
from eso.providers.openbao.api import OpenBaoAPI
from eso.transform.find import name_matcher
from eso.transform.gojson import byte_value, dumps, loads
from eso.values import SecretMap, SecretValue

__all__ = ["OpenBaoClient"]

_PROBE_SECONDS: Final = 5.0


class OpenBaoClient(SecretsClient):
    """A client of one store.

    Args:
        api: requests.
    """

    def __init__(self, api: OpenBaoAPI) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """All pairs as JSON, or the one whose name is the property."""
        values = await self._api.read(ref.key, ref.version)
        if not ref.property:
            return SecretValue(dumps(values))
        if ref.property not in values:
            raise ProviderError(f'cannot find secret data for key: "{ref.property}" in {ref.key}')
        return SecretValue(byte_value(values[ref.property]))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the secret, or of the object in the property."""
        try:
            found = loads((await self.get_secret(ref)).reveal())
        except ValueError as err:
            raise ProviderError(f"secret {ref.key} does not hold JSON there, so it has no keys to extract") from err
        if not isinstance(found, dict):
            raise ProviderError(f"secret {ref.key} does not hold a JSON object there, so it has no keys to extract")
        return {key: SecretValue(byte_value(value)) for key, value in found.items()}

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The secrets of one folder whose names match."""
        if ref.tags is not None:
            raise InvalidRequestError("dataFrom.find.tags is not supported by the openBao provider")
        if ref.name_regexp is None:
            raise InvalidRequestError("dataFrom.find.name is required by the openBao provider")
        matcher = name_matcher(ref.name_regexp)
        folder = f"{ref.path.strip('/')}/" if ref.path and ref.path.strip("/") else ""
        names = [name for name in await self._api.names(folder) if not name.endswith("/") and matcher.search(name)]
        found = await self._api.read_all([f"{folder}{name}" for name in names])
        return {name: SecretValue(dumps(values)) for name, values in zip(names, found, strict=True)}

    async def validate(self) -> ValidationResult:
        """Whether the mount is a key/value engine of the configured version."""
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._api.check_mount()
        except TimeoutError as err:
            raise UnavailableError(f"the OpenBao server did not answer within {_PROBE_SECONDS:g} s") from err
        return ValidationResult.READY

    async def close(self) -> None:
        """Revoke the token that a login gave."""
        await self._api.close()
