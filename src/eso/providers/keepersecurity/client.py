"""Records of Keeper, in the words of External Secrets Operator."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from eso.errors import InvalidRequestError, InvalidSpecError, ProviderError
from eso.providers.base import FindRef, PushEntry, PushRemoteRef, RemoteRef, SecretsClient, SourceSecret
from eso.providers.common import pushed_value
from eso.providers.gathering import gathered, read_all
from eso.providers.keepersecurity.api import KeeperAPI
from eso.providers.keepersecurity.records import EXTERNAL, Record, Shared, changed, new_document
from eso.providers.keepersecurity.secret import Secret
from eso.providers.writers import Writers
from eso.transform.find import name_matcher
from eso.values import SecretMap, SecretValue, wrap_all

__all__ = ["KeeperSecurityClient"]

_LOG: Final = logging.getLogger(__name__)


class KeeperSecurityClient(SecretsClient):
    """A client of what is shared with one application.

    Args:
        api: the server.
        folder_id: UID of the shared folder in which records are made.
        by_title: whether a key that is no UID may be a title.
    """

    def __init__(self, api: KeeperAPI, folder_id: str, *, by_title: bool) -> None:
        self._api = api
        self._folder_id = folder_id
        self._by_title = by_title
        self._writers = Writers()

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """A field or file of a record, or all of it as JSON."""
        secret = await self._secret(ref.key)
        if ref.property:
            return await self._property(secret, ref)
        return await self._whole(secret)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The fields and files of a record, or the one that is asked for."""
        secret = await self._secret(ref.key)
        if ref.property:
            return {ref.property: await self._property(secret, ref)}
        found = wrap_all(secret.values())
        contents = await self._contents(secret)
        found.update({file.title: SecretValue(content) for file, content in zip(secret.files, contents, strict=True)})
        if not found:
            raise ProviderError(f"record {ref.key} of Keeper has no field with a value and no file")
        return found

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """Records as JSON, by title; of those with the same title the last in Keeper's list."""
        if ref.tags is not None:
            raise InvalidRequestError("find.tags is not supported by the provider keepersecurity: use find.name.regexp")
        if ref.path is not None:
            raise InvalidRequestError("find.path is not supported by the provider keepersecurity: use find.name.regexp")
        if ref.name_regexp is None:
            raise InvalidRequestError("find.name.regexp is needed by the provider keepersecurity")
        matcher = name_matcher(ref.name_regexp)
        records = [record for record in await self._api.records() if matcher.search(record.title)]
        secrets = {record.uid: Secret.of(record) for record in records}
        values = await read_all(list(secrets), lambda uid: self._whole(secrets[uid]))
        titles = Counter(secret.title for secret in secrets.values())
        repeated = sorted(title for title, times in titles.items() if times > 1)
        if repeated:
            # As External Secrets Operator, which does not tell.
            _LOG.warning(
                "finding records of Keeper: of those with the same title the last counts: %s", ", ".join(repeated)
            )
        return {secrets[uid].title: value for uid, value in values.items()}

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Set one field of a record, which is made where it does not exist."""
        if not entry.secret_key:
            raise InvalidRequestError("pushing the whole Secret to Keeper is not supported: name a secretKey")
        title, label = _title_and_label(entry.remote)
        try:
            value = pushed_value(source, entry).reveal().decode()
        except UnicodeDecodeError:
            raise InvalidRequestError(f"{entry.secret_key} cannot be pushed to Keeper: it is not UTF-8") from None
        async with self._writers.writing(title):
            shared = await self._api.shared_now()
            record = _pushed(shared, title)
            if record is None:
                key = await self._folder_key(shared)
                await self._api.create(new_document(title, label, value), self._folder_id, key)
                return
            text = changed(record, label, value)
            if text is not None:
                await self._api.save(record, text)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete the whole record."""
        title, _ = _title_and_label(remote)
        async with self._writers.writing(title):
            record = _pushed(await self._api.shared_now(), title)
            if record is not None:
                await self._api.remove(record.uid)

    async def _secret(self, key: str) -> Secret:
        record = await self._api.record(key)
        if record is None and self._by_title:
            titled = [each for each in await self._api.records("GetSecretsByTitle") if each.title == key]
            if len(titled) > 1:
                raise InvalidRequestError(f"{len(titled)} records of Keeper are called {key}: use the UID of one")
            record = titled[0] if titled else None
        if record is None:
            also = " or title" if self._by_title else ""
            raise InvalidRequestError(
                f"no secrets found: no record with the UID{also} {key} is shared with the application of Keeper"
            )
        return Secret.of(record)

    async def _property(self, secret: Secret, ref: RemoteRef) -> SecretValue:
        value = secret.field(ref.property)
        if value is not None:
            return SecretValue(value)
        file = secret.file(ref.property)
        if file is None:
            raise ProviderError(f"record {ref.key} of Keeper has no field and no file called {ref.property}")
        return SecretValue(await self._api.content(file))

    async def _whole(self, secret: Secret) -> SecretValue:
        return SecretValue(secret.json(await self._contents(secret)))

    async def _contents(self, secret: Secret) -> list[bytes]:
        return await gathered([self._api.content(file) for file in secret.files])

    async def _folder_key(self, shared: Shared) -> bytes:
        folders = {folder.uid: folder.key for folder in shared.folders}
        if self._folder_id not in folders:
            # The list of records leaves out folders without any.
            folders = await self._api.folders()
        if self._folder_id not in folders:
            raise InvalidSpecError(
                f"spec.provider.keepersecurity.folderID: no shared folder {self._folder_id} is shared with the application"
            )
        return folders[self._folder_id]


def _title_and_label(remote: PushRemoteRef) -> tuple[str, str]:
    parts = remote.remote_key.split("/")
    if len(parts) != 2 or not all(parts):
        raise InvalidRequestError(f"remoteKey {remote.remote_key} is not like recordTitle/fieldLabel")
    return parts[0], parts[1]


def _pushed(shared: Shared, title: str) -> Record | None:
    """The record that was pushed under this title; records of other types do not count."""
    found = [record for record in shared.records if record.title == title and record.kind == EXTERNAL]
    if len(found) > 1:
        raise InvalidRequestError(f"{len(found)} records of type {EXTERNAL} are called {title}: delete all but one")
    return found[0] if found else None
