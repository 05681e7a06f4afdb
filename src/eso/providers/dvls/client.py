"""Entries of Devolutions Server as secrets, in the words of External Secrets Operator."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError
from eso.providers.base import PushEntry, PushRemoteRef, RemoteRef, SecretsClient, SourceSecret
from eso.providers.common import pushed_value
from eso.providers.dvls.api import DVLSAPI
from eso.providers.dvls.entries import Entry
from eso.values import SecretMap, SecretValue

__all__ = ["DVLSClient", "is_uuid"]

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_PASSWORD: Final = "password"


class _Place(NamedTuple):
    """Where an entry is: two ids."""

    vault: str
    identity: str


def is_uuid(text: str) -> bool:
    """Whether it is an id, as the server writes them, rather than a name."""
    return _UUID.fullmatch(text) is not None


class DVLSClient(SecretsClient):
    """Reads credential entries and writes their passwords. Building one signed in, so its validation asks nobody again.

    Args:
        api: the server.
        vault: id of the vault that keys are about; empty where each key names its own.
    """

    def __init__(self, api: DVLSAPI, vault: str) -> None:
        self._api = api
        self._vault = vault
        self._known: dict[str, str] = {}

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """One field of an entry, its password unless the property says otherwise."""
        wanted = ref.property or _PASSWORD
        found = (await self._entry(ref.key)).fields()
        if wanted not in found:
            raise InvalidRequestError(f'property "{wanted}" not found in entry {ref.key}')
        return found[wanted]

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """All fields of an entry that are not empty, with its id and its name."""
        return (await self._entry(ref.key)).fields()

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Set the password of an entry, which must exist."""
        key = entry.remote.remote_key
        if not entry.secret_key:
            raise InvalidSpecError("secretKey is required for DVLS push")
        value = pushed_value(source, entry)
        if not value:
            raise InvalidRequestError(f'key "{entry.secret_key}" in secret "{source.name}" is empty')
        try:
            text = value.reveal().decode()
        except UnicodeDecodeError:
            raise InvalidRequestError(
                f'key "{entry.secret_key}" in secret "{source.name}" cannot be pushed: it is not UTF-8'
            ) from None
        try:
            found = await self._entry(key, fresh=True)
            await self._api.update(self._vault or _both(key).vault, found.identity, found.with_password(text))
        except NoSecretError as err:
            raise InvalidRequestError(f"entry {key} not found: it must exist before secrets are pushed") from err

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Remove an entry with all its fields; none is success."""
        key = remote.remote_key
        self._known.pop(key, None)
        try:
            place = await self._place(key, fresh=True)
            await self._api.delete(place.vault, place.identity)
        except NoSecretError:
            return
        finally:
            self._known.pop(key, None)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether there is such an entry; the property does not matter."""
        try:
            await self._entry(remote.remote_key, fresh=True)
        except NoSecretError:
            return False
        return True

    async def _entry(self, key: str, *, fresh: bool = False) -> Entry:
        """The entry of a key.

        Raises:
            NoSecretError: there is none.
        """
        known = key in self._known
        place = await self._place(key, fresh=fresh)
        try:
            return await self._api.entry(place.vault, place.identity, fresh=fresh)
        except NoSecretError:
            self._known.pop(key, None)
            if not known:
                raise
        # The one that had this name is gone; there may be another.
        place = await self._place(key, fresh=True)
        return await self._api.entry(place.vault, place.identity, fresh=True)

    async def _place(self, key: str, *, fresh: bool) -> _Place:
        if not self._vault:
            return _both(key)
        if is_uuid(key):
            return _Place(self._vault, key)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = await self._look_for(key, fresh=fresh)
        return _Place(self._vault, known)

    async def _look_for(self, key: str, *, fresh: bool) -> str:
        """The id of the entry that a name, with or without folders in front, means."""
        folder, _, name = key.replace("/", "\\").rpartition("\\")
        folder = folder.strip("\\")
        if not name:
            raise InvalidSpecError(f'"{key}" does not end with the name of an entry')
        hits = await self._api.hits(self._vault, name, folder, fresh=fresh)
        readable = [hit for hit in hits if hit.readable]
        if len(readable) > 1:
            ids = ", ".join(hit.identity for hit in readable)
            raise InvalidRequestError(f"entry {key}: several have this name ({ids}), name one by its id")
        if readable:
            return readable[0].identity
        if hits:
            # Not a NoSecretError: it is there.
            raise InvalidRequestError(f"entry {key} ({hits[0].identity}) is of a type that is not supported")
        raise NoSecretError(f"entry {key} does not exist in the vault, or may not be seen")


def _both(key: str) -> _Place:
    """Where a key points that names its vault."""
    vault, slash, identity = (part.strip() for part in key.partition("/"))
    if not slash:
        raise InvalidSpecError(f'invalid key format: expected "<vault-id>/<entry-id>", got "{key}"')
    if not vault:
        raise InvalidSpecError("vault ID cannot be empty")
    if not identity:
        raise InvalidSpecError("entry ID cannot be empty")
    if not {".", ".."}.isdisjoint((vault, identity)):
        raise InvalidSpecError(f'"{key}" does not name an entry')
    return _Place(vault, identity)
