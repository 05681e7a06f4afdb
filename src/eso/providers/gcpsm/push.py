"""Writing to Secret Manager: the secret, its labels and annotations, then its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.cloud.secretmanager_v1.types import CustomerManagedEncryption, Replication, Secret, Topic

from eso.errors import InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import PushEntry, SourceSecret
from eso.providers.common import find_in_metadata, find_property, parse_push_metadata, pushed_value
from eso.providers.gcpsm.api import SecretManager
from eso.providers.gcpsm.errors import NotEnabledError
from eso.providers.writers import Writers
from eso.transform.sjson import set_string
from eso.values import SecretValue
from reconcile.api.model import Model

__all__ = ["Pusher", "is_managed"]

_MANAGED_BY: Final = "managed-by"
_MANAGER: Final = "external-secrets"
"""The label on everything that was pushed; no whole secret without it is changed."""

_POLICIES: Final = ("", "Replace", "Merge")


class PushMetadata(Model):
    """`data[].metadata.spec`."""

    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    topics: list[str] | None = None
    merge_policy: str = "Replace"
    cmek_key_name: str | None = None
    replication_location: str | None = None
    replication_locations: list[str] | None = None


def is_managed(secret: Secret) -> bool:
    """Whether this operator made it."""
    return bool(secret.labels.get(_MANAGED_BY) == _MANAGER)


class Pusher:
    """Writes secrets of one project or location; one writer at a time for each secret.

    Args:
        api: Secret Manager.
        writers: shared by all clients of the process: stores may point to the same project.
        regional: secrets live in one location and take no replication.
    """

    def __init__(self, api: SecretManager, writers: Writers, *, regional: bool) -> None:
        self._api = api
        self._writers = writers
        self._regional = regional

    async def push(self, source: SourceSecret, entry: PushEntry) -> None:
        """Write one value unless it is there already.

        Raises:
            ProviderError: the secret exists and somebody else made it.
            InvalidSpecError: the entry's metadata is wrong.
        """
        value = pushed_value(source, entry)
        if entry.remote.property and entry.metadata is not None:
            raise InvalidSpecError(
                "metadata cannot be set together with remoteRef.property: it belongs to the whole secret"
            )
        metadata = parse_push_metadata(entry.metadata, PushMetadata) or PushMetadata()
        if metadata.merge_policy not in _POLICIES:
            raise InvalidSpecError("metadata.spec.mergePolicy must be Replace or Merge")
        key = entry.remote.remote_key
        async with self._writers.writing(f"{self._api.parent}/secrets/{key}"):
            present = await self._present(key)
            if present is None:
                present = await self._api.create(key, self._blank(metadata, entry.metadata))
            elif not entry.remote.property and not is_managed(present):
                raise ProviderError(f"secret {key} is not overwritten: it is not managed by external-secrets")
            await self._describe(key, present, metadata, whole=not entry.remote.property)
            await self._store(key, entry.remote.property, value)

    async def _present(self, key: str) -> Secret | None:
        try:
            return await self._api.secret(key, shared=False)
        except NoSecretError:
            return None

    def _blank(self, metadata: PushMetadata, raw: Any) -> Secret:
        topics: list[Any] = find_in_metadata(raw, "topics", [], list) if raw is not None else []
        secret = Secret(labels={_MANAGED_BY: _MANAGER}, topics=[Topic(name=str(topic)) for topic in topics])
        if not self._regional:
            secret.replication = _replication(metadata)
        return secret

    async def _describe(self, key: str, present: Secret, metadata: PushMetadata, *, whole: bool) -> None:
        labels: Mapping[str, str] = dict(present.labels)
        annotations: Mapping[str, str] = dict(present.annotations)
        wanted = {**labels, _MANAGED_BY: _MANAGER}
        noted = annotations
        if whole:
            own = metadata.labels or {}
            kept = labels if metadata.merge_policy == "Merge" else {}
            wanted = {**own, **kept, _MANAGED_BY: _MANAGER}
            noted = metadata.annotations or {}
        if wanted == labels and noted == annotations:
            return
        changed = Secret(name=present.name, etag=present.etag, labels=wanted, annotations=noted)
        await self._api.update(key, changed, ["labels", "annotations"])

    async def _store(self, key: str, name: str, value: SecretValue) -> None:
        payload = value.reveal()
        try:
            current: bytes | None = await self._api.access(key, "latest", shared=False)
        except NoSecretError:
            current = None
        except NotEnabledError:
            # A whole value can follow one that is disabled; a property would take its siblings along.
            if name:
                raise
            current = None
        if name:
            document = current or b"{}"
            if find_property(document, name) == value:
                return
            payload = set_string(document, name, payload)
        if payload != current:
            await self._api.add_version(key, payload)


def _replication(metadata: PushMetadata) -> Replication:
    key = metadata.cmek_key_name
    encryption = CustomerManagedEncryption(kms_key_name=key) if key else None
    locations = metadata.replication_locations or [
        location for location in (metadata.replication_location,) if location
    ]
    if not locations:
        return Replication(automatic=Replication.Automatic(customer_managed_encryption=encryption))
    replicas = [
        Replication.UserManaged.Replica(location=location, customer_managed_encryption=encryption)
        for location in locations
    ]
    return Replication(user_managed=Replication.UserManaged(replicas=replicas))
