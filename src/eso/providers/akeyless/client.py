"""Items of Akeyless as secrets, in the words of External Secrets Operator."""

from __future__ import annotations

import re
from typing import Any, Final

from eso.errors import InvalidRequestError, ProviderError
from eso.providers.akeyless.api import MANAGED, AkeylessAPI
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import find_property, pushed_value, split_map
from eso.providers.gathering import read_all
from eso.providers.tcpprobe import tcp_probe
from eso.providers.writers import Writers
from eso.transform.find import name_matcher
from eso.transform.gojson import dumps, loads
from eso.values import SecretMap, SecretValue

__all__ = ["AkeylessClient"]

_NUMBER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_LARGEST: Final = 2**31


class AkeylessClient(SecretsClient):
    """A client of one account.

    Args:
        api: Akeyless.
    """

    def __init__(self, api: AkeylessAPI) -> None:
        self._api = api
        self._writers = Writers()

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The value of an item, or a property of it; what is missing is a plain error."""
        value = await self._value(ref.key, _version(ref.version))
        if not ref.property:
            if not value:
                raise ProviderError(f"invalid value received, found no value string : {ref.key}")
            return value
        found = find_property(value, ref.property, order="escaped-first")
        if found is None:
            raise ProviderError(f"key {ref.property} does not exist in value {ref.key}")
        return found

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in an item, or in a property of it."""
        return split_map(await self.get_secret(ref), key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The secrets below the path whose name matches; without a name those that have any of the tags' values."""
        path = f"/{ref.path.strip('/')}/".replace("//", "/") if ref.path is not None else ""
        if ref.name_regexp is not None:
            matcher = name_matcher(ref.name_regexp)
            names = [name for name in await self._api.names(path) if matcher.search(name)]
        elif ref.tags:
            names = [name for tag in dict.fromkeys(ref.tags.values()) for name in await self._api.names(path, tag)]
        else:
            raise InvalidRequestError("unexpected find operator: akeyless needs find.name or find.tags")
        found = await read_all(list(dict.fromkeys(names)), self._value)
        return {name: value for name, value in found.items() if value}

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Merge the whole Secret, or one value as a property, into the JSON object of a static secret."""
        name, key = entry.remote.remote_key, entry.remote.property
        pushed = {key: pushed_value(source, entry)} if key else source.data
        async with self._writers.writing(name):
            before = await self._current(name)
            members = {} if before is None else _members(before, name)
            members.update({member: _text(value, member) for member, value in pushed.items()})
            after = dumps(members)
            if before is None:
                await self._api.create(name, after)
            elif before != SecretValue(after):
                await self._api.update(name, after)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete an item that the operator made, or one property of it; the item goes with the last property.

        Raises:
            InvalidRequestError: there is no such item.
        """
        name = remote.remote_key
        async with self._writers.writing(name):
            item = await self._api.item(name, fresh=True)
            if item is None:
                raise _missing(name)
            if MANAGED not in item.tags:
                return
            if remote.property:
                members = _members(await self._api.value(name, item.kind, fresh=True), name)
                there = members.pop(remote.property, None) is not None
                if members:
                    if there:
                        await self._api.update(name, dumps(members))
                    return
            await self._api.remove(name)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether there is the item, and at the top of its JSON object the property where one is named."""
        current = await self._current(remote.remote_key)
        if current is None or not remote.property:
            return current is not None
        return remote.property in _members(current, remote.remote_key)

    async def validate(self) -> ValidationResult:
        """Connect to the gateway."""
        await tcp_probe(self._api.url, "the Akeyless gateway")
        return ValidationResult.READY

    async def _value(self, name: str, version: int = 0) -> SecretValue:
        item = await self._api.item(name)
        if item is None:
            raise _missing(name)
        return await self._api.value(name, item.kind, version)

    async def _current(self, name: str) -> SecretValue | None:
        """The value as it is now; None when there is no such item."""
        item = await self._api.item(name, fresh=True)
        return None if item is None else await self._api.value(name, item.kind, fresh=True)


def _missing(name: str) -> InvalidRequestError:
    # Never a NoSecretError: as in External Secrets Operator nothing is deleted because an item is not seen.
    return InvalidRequestError(f"item {name} does not exist, or may not be seen")


def _version(text: str) -> int:
    """The number of a version; 0, which is the latest, for what is none."""
    number = int(text[:12]) if _NUMBER.fullmatch(text[:12]) and len(text) <= 12 else 0
    return number if -_LARGEST <= number < _LARGEST else 0


def _members(value: SecretValue, name: str) -> dict[str, Any]:
    try:
        found = loads(value.reveal(), exact=True)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidRequestError(f"item {name} does not hold a JSON object: it has no properties")
    return found


def _text(value: SecretValue, member: str) -> str:
    text = value.utf8()
    if text is None:
        raise InvalidRequestError(f"{member} cannot be pushed to Akeyless: it is not UTF-8")
    return text
