"""A key vault in the words of the operator: reading, finding; what is pushed is the pusher's business."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.azurekv.api import KINDS, KeyVault
from eso.providers.azurekv.push import MANAGED_BY, MANAGER, Pusher
from eso.providers.base import FindRef, PushEntry, PushRemoteRef, RemoteRef, SecretsClient, SourceSecret
from eso.providers.common import find_property, split_map
from eso.providers.gathering import read_all
from eso.transform.find import name_matcher, tags_match
from eso.transform.gojson import dumps, loads
from eso.values import SecretMap, SecretValue

__all__ = ["AzureKVClient", "object_of"]

_ATTRIBUTES: Final[Mapping[str, str]] = {
    "attribute.expires": "exp",
    "attribute.created": "created",
    "attribute.updated": "updated",
    "attribute.notBefore": "nbf",
}
"""Pseudo tag -> attribute of the vault, seconds of the epoch."""


class AzureKVClient(SecretsClient):
    """A client of one vault.

    Args:
        api: the vault.
        pusher: writes to it.
        legacy: `useAzureSDK` is off: attributes show as tags, and deleting what somebody else made is an error.
    """

    def __init__(self, api: KeyVault, pusher: Pusher, *, legacy: bool) -> None:
        self._api = api
        self._pusher = pusher
        self._legacy = legacy

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The value of a secret, the certificate in DER, the public key as JWK; or a tag.

        Raises:
            NoSecretError: there is no such object.
            ProviderError: it has no such property or tag.
        """
        kind, name = object_of(ref.key)
        found = await self._api.get(kind, name, ref.version)
        if ref.metadata_policy == "Fetch":
            return _tag(self._tags(found), ref)
        if kind == "cert":
            return SecretValue(b64decode(str(found.get("cer") or "")))
        if kind == "key":
            value = SecretValue(dumps({part: text for part, text in (found.get("key") or {}).items() if text}))
        else:
            value = SecretValue(str(found.get("value") or ""))
        return _property(value, ref.property, ref.key)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of a secret that is a JSON object; or its tags as `<name>_<tag>`."""
        kind, name = object_of(ref.key)
        if kind != "secret":
            raise InvalidRequestError(f"dataFrom.extract cannot read {ref.key}: only secrets can be extracted")
        value = await self.get_secret(ref)
        if ref.metadata_policy != "Fetch":
            return split_map(value, key=ref.key)
        if ref.property:
            return {f"{ref.key}_{ref.property}": value}
        tags = self._tags(await self._api.get(kind, name, ref.version))
        return _expanded(name, tags)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The enabled secrets whose name and tags match, by name; keys and certificates are not searched."""
        matcher = None if ref.name_regexp is None else name_matcher(ref.name_regexp)
        names: list[str] = []
        async for item in self._api.secrets():
            name = str(item.get("id") or "").rstrip("/").rpartition("/")[2]
            enabled = (item.get("attributes") or {}).get("enabled", True)
            if not (name and enabled and tags_match(ref.tags or {}, item.get("tags") or {})):
                continue
            if matcher is None or matcher.search(name):
                names.append(name)

        async def read(name: str) -> SecretValue:
            return SecretValue(str((await self._api.get("secret", name)).get("value") or ""))

        try:
            return await read_all(names, read)
        except NoSecretError as err:
            # Somebody deleted it meanwhile, which says nothing about the others.
            raise ProviderError(f"{err}, though the list had it") from err

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Write a secret, certificate or key, as the remote key's prefix says; an equal one is left alone."""
        kind, name = object_of(entry.remote.remote_key)
        await self._pusher.push(kind, name, source, entry)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete what this operator wrote.

        Raises:
            ProviderError: somebody else wrote it (not with `useAzureSDK`: then it is left alone).
        """
        kind, name = object_of(remote.remote_key)
        present = await self._api.find(kind, name)
        if present is None:
            return
        if (present.get("tags") or {}).get(MANAGED_BY) != MANAGER:
            if self._legacy:
                raise ProviderError(f"{remote.remote_key} is not deleted: it is not managed by external-secrets")
            return
        await self._api.delete(kind, name)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether the vault has an object of that kind and name."""
        kind, name = object_of(remote.remote_key)
        return await self._api.find(kind, name) is not None

    async def close(self) -> None:
        """Let go of the connection."""
        await self._api.close()

    def _tags(self, found: Mapping[str, Any]) -> dict[str, str]:
        tags = {str(name): str(value) for name, value in (found.get("tags") or {}).items()}
        if self._legacy:
            attributes = found.get("attributes") or {}
            for tag, name in _ATTRIBUTES.items():
                if isinstance(attributes.get(name), int | float):
                    tags[tag] = datetime.fromtimestamp(attributes[name], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return tags


def object_of(key: str) -> tuple[str, str]:
    """Kind and name that a remote key means; without a prefix it is a secret.

    Raises:
        InvalidSpecError: the prefix is not one of secret, cert, key.
    """
    parts = key.split("/")
    if len(parts) == 1:
        return "secret", key
    if parts[0] not in KINDS:
        raise InvalidSpecError(f"the key {key} has an unknown prefix: use secret/, cert/ or key/")
    return parts[0], parts[1]


def _property(value: SecretValue, name: str, key: str) -> SecretValue:
    if not name:
        return value
    found = find_property(value, name, order="path-first")
    if found is None:
        raise ProviderError(f"property {name} does not exist in key {key}")
    return found


def _tag(tags: Mapping[str, str], ref: RemoteRef) -> SecretValue:
    if not ref.property:
        return SecretValue(dumps(tags))
    if ref.property in tags:
        return SecretValue(tags[ref.property])
    tag, dot, rest = ref.property.partition(".")
    if not dot or tag not in tags:
        raise ProviderError(f"{ref.key} has no tag {ref.property}")
    return _property(SecretValue(tags[tag]), rest, ref.key)


def _expanded(name: str, tags: Mapping[str, str]) -> SecretMap:
    found: SecretMap = {}
    for tag, value in tags.items():
        try:
            members = loads(value)
        except ValueError:
            members = None
        if isinstance(members, dict) and all(isinstance(member, str) for member in members.values()):
            found |= {f"{name}_{tag}_{key}": SecretValue(member) for key, member in members.items()}
        else:
            found[f"{name}_{tag}"] = SecretValue(value)
    return found
