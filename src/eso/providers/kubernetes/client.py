"""Secrets of a remote namespace, in the words of External Secrets Operator."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    UnavailableError,
    ValidationUnknownError,
)
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import pushed_value
from eso.providers.kubernetes.api import SecretsAPI
from eso.providers.kubernetes.metadata import PushOptions, push_options
from eso.transform.conversion import convert_keys
from eso.transform.find import name_matcher
from eso.transform.gojson import dumps, loads
from eso.transform.property import escaped_first, value_at
from eso.values import SecretMap, SecretValue, wrap_all
from reconcile.api.core_v1 import Secret
from reconcile.client.selectors import selector_of
from reconcile.errors import ConflictError

__all__ = ["KubernetesClient"]

_TRIES: Final = 4
"""Reads of a target that changes between read and write."""


class KubernetesClient(SecretsClient):
    """Reads and writes the Secrets of one namespace.

    Args:
        api: the remote API server.
        namespace: where the Secrets are.
        store_kind: kind of the store; only a cluster store may push into other namespaces.
    """

    def __init__(self, api: SecretsAPI, namespace: str, *, store_kind: str) -> None:
        self._api = api
        self._namespace = namespace
        self._store_kind = store_kind

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """All data as JSON, one data key, a property inside one, or the same of labels and annotations."""
        secret = await self._api.get(self._namespace, ref.key)
        if ref.metadata_policy == "Fetch":
            found = _metadata_value(secret, ref.property)
        elif not ref.property:
            return SecretValue(_data_json(secret))
        else:
            found = _data_value(secret.data, ref.property)
        if found is None:
            raise ProviderError(f"property {ref.property} does not exist in key {ref.key}")
        return SecretValue(found)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The data keys (or labels and annotations), or the members of the JSON object in one of them."""
        secret = await self._api.get(self._namespace, ref.key)
        found: Mapping[str, bytes] = secret.data
        if ref.metadata_policy == "Fetch":
            found = {name: _plain(entries).encode() for name, entries in _metadata(secret).items()}
        return wrap_all(_members(found, ref) if ref.property else found)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The Secrets with the tags as labels, or whose name matches; each as JSON of its data."""
        if ref.tags is not None:
            secrets = await self._api.list(self._namespace, str(selector_of(ref.tags)))
            found = {secret.name: SecretValue(_data_json(secret)) for secret in secrets}
        elif ref.name_regexp is not None:
            matcher = name_matcher(ref.name_regexp)
            secrets = await self._api.list(self._namespace, "")
            found = {secret.name: SecretValue(_data_json(secret)) for secret in secrets if matcher.search(secret.name)}
        else:
            raise InvalidRequestError("unexpected find operator: the kubernetes provider finds by tags or name.regexp")
        return convert_keys(found, ref.conversion_strategy)

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Create the Secret, or change what differs; other keys of it stay unless the whole source is pushed."""
        if entry.secret_key and not entry.remote.property:
            raise InvalidSpecError("requires property in RemoteRef to push secret value if secret key is defined")
        options = push_options(source, entry, remote_namespace=self._namespace, store_kind=self._store_kind)
        for attempt in range(1, _TRIES + 1):
            try:
                await self._push_once(source, entry, options)
                return
            except ConflictError as err:
                if attempt == _TRIES:
                    raise UnavailableError(
                        f"secret {options.remote_namespace}/{entry.remote.remote_key} keeps changing while it is pushed"
                    ) from err

    async def _push_once(self, source: SourceSecret, entry: PushEntry, options: PushOptions) -> None:
        name = entry.remote.remote_key
        present = await self._api.get_wire(options.remote_namespace, name)
        data: dict[str, str] = dict((present or {}).get("data") or {})
        if entry.remote.property:
            data[entry.remote.property] = _encoded(pushed_value(source, entry))
        else:
            data = {key: _encoded(value) for key, value in source.data.items()}
        if present is None:
            metadata = {
                "name": name,
                "namespace": options.remote_namespace,
                "labels": options.applied({}, options.labels),
                "annotations": options.applied({}, options.annotations),
            }
            await self._api.create(
                {
                    "metadata": metadata,
                    "type": source.type or "Opaque",
                    "data": data,
                }
            )
            return
        changed = _with(present, data, options)
        if changed != present:
            await self._api.replace(changed)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Remove the key, or the Secret when no other key is left or none is named."""
        for attempt in range(1, _TRIES + 1):
            try:
                await self._delete_once(remote)
                return
            except ConflictError as err:
                if attempt == _TRIES:
                    raise UnavailableError(
                        f"secret {self._namespace}/{remote.remote_key} keeps changing while it is deleted"
                    ) from err

    async def _delete_once(self, remote: PushRemoteRef) -> None:
        present = await self._api.get_wire(self._namespace, remote.remote_key)
        if present is None:
            return
        data: Mapping[str, str] = present.get("data") or {}
        if remote.property:
            if remote.property not in data:
                return
            if len(data) > 1:
                rest = {key: value for key, value in data.items() if key != remote.property}
                await self._api.replace({**present, "data": rest})
                return
        metadata = present["metadata"]
        await self._api.delete(
            self._namespace, remote.remote_key, metadata.get("uid", ""), metadata.get("resourceVersion", "")
        )

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether the Secret is there, and has the key if one is named."""
        try:
            secret = await self._api.get(self._namespace, remote.remote_key)
        except NoSecretError:
            return False
        return not remote.property or remote.property in secret.data

    async def validate(self) -> ValidationResult:
        """Whether the identity may read Secrets of the namespace."""
        try:
            allowed = await self._api.may_read_by_rules(self._namespace) or await self._api.may_read(self._namespace)
        except ProviderError as err:
            raise ValidationUnknownError(f"could not verify if client is valid: {err}") from err
        if not allowed:
            raise AccessDeniedError(f"client is not allowed to get secrets in namespace {self._namespace}")
        return ValidationResult.READY

    async def close(self) -> None:
        """Release connections."""
        await self._api.close()


def _plain(value: Any) -> str:
    return dumps(value, escape_html=False)


def _metadata(secret: Secret) -> dict[str, Mapping[str, str] | None]:
    """Labels and annotations; None, which is `null` in JSON, where there are none."""
    return {"labels": secret.metadata.labels or None, "annotations": secret.metadata.annotations or None}


def _data_json(secret: Secret) -> str:
    return _plain(secret.data)


def _data_value(data: Mapping[str, bytes], name: str) -> bytes | None:
    """A data key of that name, else what is inside the key before the first dot."""
    if name in data:
        return data[name]
    key, dot, path = name.partition(".")
    if not dot or not key or not path or key not in data:
        return None
    return value_at(data[key], path)


def _metadata_value(secret: Secret, name: str) -> bytes | None:
    """Labels and annotations, one of the two, one entry of it, or what is inside that entry."""
    both = _metadata(secret)
    if not name:
        return _plain(both).encode()
    section, dot, rest = name.partition(".")
    if section not in both:
        return None
    if not dot:
        return _plain(both[section]).encode()
    entries = both[section] or {}
    if rest in entries:
        return entries[rest].encode()
    key, _, path = rest.partition(".")
    if not path or key not in entries:
        return None
    value = entries[key].encode()
    found = value_at(value, path)
    # ESO joins the segments without dots; a manifest may rely on that.
    return value_at(value, path.replace(".", "")) if found is None else found


def _members(data: Mapping[str, bytes], ref: RemoteRef) -> dict[str, bytes]:
    """The members of the JSON object in one key, each as JSON (texts keep their quotes)."""
    encoded = dumps({key: base64.b64encode(value).decode() for key, value in data.items()}).encode()
    found = escaped_first(encoded, ref.property)
    if found is None:
        raise ProviderError(f"property {ref.property} does not exist in key {ref.key}")
    try:
        document = loads(base64.b64decode(found, validate=True))
    except ValueError:
        raise ProviderError(f"property {ref.property} of key {ref.key} does not hold JSON") from None
    if not isinstance(document, dict):
        raise ProviderError(f"property {ref.property} of key {ref.key} does not hold a JSON object")
    return {name: _plain(value).encode() for name, value in document.items()}


def _encoded(value: SecretValue) -> str:
    return base64.b64encode(value.reveal()).decode()


def _with(present: dict[str, Any], data: dict[str, str], options: PushOptions) -> dict[str, Any]:
    metadata = dict(present["metadata"])
    for field, wanted in (("labels", options.labels), ("annotations", options.annotations)):
        merged = options.applied(metadata.get(field) or {}, wanted)
        if merged or field in metadata:
            metadata[field] = merged
    return (
        {**present, "metadata": metadata, "data": data}
        if data or "data" in present
        else {**present, "metadata": metadata}
    )
