"""Secrets of a Bitwarden organisation, in the words of External Secrets Operator."""

from __future__ import annotations

import re
from typing import Final

from eso.errors import InvalidRequestError, InvalidSpecError
from eso.providers.base import FindRef, PushEntry, PushRemoteRef, RemoteRef, SecretsClient, SourceSecret
from eso.providers.bitwardensecretsmanager.api import BitwardenAPI, Secret
from eso.providers.bitwardensecretsmanager.document import YamlError, members
from eso.providers.common import find_in_metadata, pushed_value, split_map
from eso.providers.gathering import gathered, read_all
from eso.providers.writers import Writers
from eso.values import SecretMap, SecretValue, wrap_all

__all__ = ["BitwardenSecretsManagerClient"]

_UUID: Final = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_NOTE: Final = "note"


class BitwardenSecretsManagerClient(SecretsClient):
    """Reads and writes secrets by id, and by name in one project. Its validation asks nobody, as in External Secrets Operator.

    Args:
        api: the server.
        project: UUID of the project in which names count and new secrets are made.
    """

    def __init__(self, api: BitwardenAPI, project: str) -> None:
        self._api = api
        self._project = project
        self._writers = Writers()

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The text of a secret; `property` and `version` do not matter."""
        if _UUID.fullmatch(ref.key):
            return (await self._api.secret(ref.key)).value
        return (await self._named(ref.key, fresh=False)).value

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the YAML mapping, or of the JSON object, in a secret."""
        value = await self.get_secret(ref)
        try:
            return wrap_all(members(value.reveal()))
        except YamlError:
            return split_map(value, key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """Every secret of the organisation, by its id: what `find` asks for does not matter."""
        identities = [identity for identity, _ in await self._api.identities()]

        async def read(identity: str) -> SecretValue:
            return (await self._api.secret(identity)).value

        return await read_all(identities, read)

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Write the secret that has this key, the note and the project; one with another note stays, and gets a twin."""
        key = entry.remote.remote_key
        if not key:
            raise InvalidSpecError("remote key must be defined")
        value = pushed_value(source, entry)
        text = value.utf8()
        if text is None:
            raise InvalidRequestError(f"{entry.secret_key} cannot be pushed to Bitwarden: it is not UTF-8")
        note = find_in_metadata(entry.metadata, _NOTE, "", str)
        async with self._writers.writing(key):
            # What it would make twice, somebody else may have made meanwhile: never by a shared answer.
            candidates = [each for each in await self._candidates(key, fresh=True) if each.note == note]
            if any(each.value == value for each in candidates):
                return
            if candidates:
                await self._api.update(candidates[0].identity, key, text, note, self._project)
            else:
                await self._api.create(key, text, note, self._project)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete a secret.

        Raises:
            InvalidRequestError: there is none of that name, or more than one.
        """
        key = remote.remote_key
        await self._api.delete(key if _UUID.fullmatch(key) else (await self._named(key, fresh=True)).identity)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether there is such a secret; of an id that the server refuses it cannot be told, which is an error."""
        key = remote.remote_key
        if _UUID.fullmatch(key):
            await self._api.secret(key, fresh=True)
            return True
        return self._single(await self._candidates(key, fresh=True), key) is not None

    async def _named(self, key: str, *, fresh: bool) -> Secret:
        found = self._single(await self._candidates(key, fresh=fresh), key)
        if found is None:
            # A plain error: a secret that is not seen deletes nothing.
            raise InvalidRequestError(f"no secret found for project id {self._project} and name {key}")
        return found

    def _single(self, found: list[Secret], key: str) -> Secret | None:
        if len(found) > 1:
            raise InvalidRequestError(
                f"more than one secret found for project {self._project} with key {key}: name it by its id"
            )
        return found[0] if found else None

    async def _candidates(self, key: str, *, fresh: bool) -> list[Secret]:
        """The secrets of that name in the project; the list does not say which project a secret is in."""
        listed = await self._api.identities(fresh=fresh)
        same = [identity for identity, name in listed if name == key]
        found = await gathered([self._api.secret(identity, fresh=fresh) for identity in same])
        return [secret for secret in found if secret.project == self._project]
