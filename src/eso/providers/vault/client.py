"""Reading, finding and pushing secrets of a key/value mount."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.gathering import gathered
from eso.providers.vault.api import VaultAPI
from eso.providers.vault.push import VaultPush
from eso.transform.find import name_matcher, tags_match
from eso.transform.gojson import byte_value, dumps, loads
from eso.transform.property import value_at
from eso.values import SecretMap, SecretValue

__all__ = ["VaultClient"]

_AT_ONCE: Final = 32


class VaultClient(SecretsClient):
    """A client of one store.

    Args:
        api: requests.
        check_and_set: whether pushes state the version that they replace.
    """

    def __init__(self, api: VaultAPI, *, check_and_set: bool = False) -> None:
        self._api = api
        self._push = VaultPush(api, check_and_set=check_and_set)

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """All pairs as JSON, one of them, or what a path finds in them; the same of the metadata with `Fetch`."""
        relative = self._api.mount.relative(ref.key)
        if ref.metadata_policy == "Fetch":
            values: Mapping[str, Any] | None = await self._api.metadata(relative)
            if values is None:
                raise ProviderError(f"secret not found: {ref.key} has no metadata")
            if not values:
                return SecretValue(b"")
        else:
            values = await self._api.read(relative, ref.version)
        return _selected(values, ref)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the secret, or of the object at the property."""
        try:
            # Numbers become floats on this way, as in ESO: whole ones above 2**53 are rounded, and Secrets out there hold them so.
            found = loads((await self.get_secret(ref)).reveal())
        except ValueError as err:
            raise ProviderError(f"{_name(ref)} is not JSON, so it has no keys to extract") from err
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise ProviderError(f"{_name(ref)} is not a JSON object, so it has no keys to extract")
        return {key: SecretValue(byte_value(value)) for key, value in found.items()}

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The secrets whose path matches, or whose metadata have the tags."""
        v2 = self._api.mount.v2
        if ref.name_regexp is None and ref.tags is not None and not v2:
            raise InvalidRequestError("dataFrom.find.tags needs version v2: version v1 has no metadata")
        folder = f"{ref.path.rstrip('/')}/" if ref.path else ""
        matcher = None if ref.name_regexp is None else name_matcher(ref.name_regexp)
        names = await self._api.names(folder)
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def read(name: str) -> SecretValue | None:
            async with at_once:
                if matcher is None and ref.tags and not tags_match(ref.tags, await self._api.metadata(name) or {}):
                    return None
                try:
                    return SecretValue(dumps(await self._api.read(name)))
                except NoSecretError:
                    return None

        hits = names if matcher is None else [name for name in names if matcher.search(name)]
        found = await gathered([read(name) for name in hits])
        return {name: value for name, value in zip(hits, found, strict=True) if value is not None}

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Replace the secret, or one key of it; only secrets that this operator made, and only when something differs."""
        self._require_path()
        await self._push.push(source, entry)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Remove the secret, or one key of it; one that somebody else made stays."""
        self._require_path()
        await self._push.delete(remote)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether it can be read, and has the property if one is named."""
        try:
            values = await self._api.read(self._api.mount.relative(remote.remote_key))
        except NoSecretError:
            return False
        return not remote.property or _property(values, remote.property) is not None

    async def validate(self) -> ValidationResult:
        """Whether there is a token that works."""
        await self._api.valid()
        return ValidationResult.READY

    async def close(self) -> None:
        """Revoke the token that a login gave."""
        await self._api.close()

    def _require_path(self) -> None:
        if not self._api.mount.path and not self._api.mount.v2:
            raise InvalidSpecError("PushSecret to a store of version 1 needs spec.provider.vault.path")


def _selected(values: Mapping[str, Any], ref: RemoteRef) -> SecretValue:
    if not ref.property:
        return SecretValue(dumps(values))
    found = _property(values, ref.property)
    if found is None:
        raise ProviderError(f'cannot find secret data for key: "{ref.property}" in {ref.key}')
    return SecretValue(found)


def _property(values: Mapping[str, Any], name: str) -> bytes | None:
    """A key of that very name, else what the path finds."""
    if name in values:
        return byte_value(values[name])
    return value_at(dumps(values).encode(), name)


def _name(ref: RemoteRef) -> str:
    return f"property {ref.property} of secret {ref.key}" if ref.property else f"secret {ref.key}"
