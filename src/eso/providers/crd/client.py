"""Objects as secrets, in the words of External Secrets Operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eso.errors import AccessDeniedError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import FindRef, PushRemoteRef, RemoteRef, SecretsClient, ValidationResult
from eso.providers.common import split_map
from eso.providers.crd.api import ObjectsAPI
from eso.providers.crd.whitelist import Whitelist
from eso.transform.conversion import convert_keys
from eso.transform.find import name_matcher
from eso.transform.gojson import dumps
from eso.transform.jsontext import Node
from eso.transform.property import find
from eso.values import SecretMap, SecretValue

__all__ = ["CRDClient"]


class CRDClient(SecretsClient):
    """Reads the objects of one kind.

    Args:
        api: the API server.
        whitelist: what may be read.
        namespace: of a SecretStore; None for a cluster store, which reads everywhere.
    """

    def __init__(self, api: ObjectsAPI, whitelist: Whitelist, namespace: str | None) -> None:
        self._api = api
        self._whitelist = whitelist
        self._namespace = namespace
        self._may_list = False

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The object as JSON, or a property of it."""
        document = await self._object(ref.key, ref.property)
        if not ref.property:
            return SecretValue(document)
        return SecretValue(_text(_property(document, ref)))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the object or of a property; a property that is no object stands under `value`."""
        document = await self._object(ref.key, ref.property)
        if ref.property:
            node = _property(document, ref)
            if not node.is_object:
                return {"value": SecretValue(node.raw)}
            document = node.raw.encode("utf-8", "surrogateescape")
        return split_map(document, key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The objects whose name (in a cluster store `namespace/name`) matches and that the whitelist allows."""
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp else None
        namespaced = self._api.resource.namespaced
        namespace = (self._namespace or "") if namespaced else ""
        if not self._may_list:
            await self._api.require("list", namespace)
            self._may_list = True
        found: dict[str, SecretValue] = {}
        for item in await self._api.list(namespace):
            metadata: Mapping[str, Any] = item.get("metadata") or {}
            name, home = str(metadata.get("name") or ""), str(metadata.get("namespace") or "")
            key = f"{home}/{name}" if namespaced and self._namespace is None else name
            if (matcher is None or matcher.search(key)) and self._whitelist.allows(home, name, ""):
                found[key] = SecretValue(dumps(item))
        return convert_keys(found, ref.conversion_strategy)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether the object exists."""
        try:
            await self._object(remote.remote_key, remote.property)
        except NoSecretError:
            return False
        return True

    async def validate(self) -> ValidationResult:
        """The client exists, so the kind is known and may be read."""
        return ValidationResult.READY

    async def close(self) -> None:
        """Release connections."""
        await self._api.close()

    async def _object(self, key: str, wanted: str) -> bytes:
        namespace, name = self._place(key)
        if not self._whitelist.allows(namespace, name, wanted):
            shown = f" property {wanted} of" if wanted else ""
            raise AccessDeniedError(f"the whitelist of the store does not allow{shown} {self._api.resource.kind} {key}")
        return dumps(await self._api.get(namespace, name)).encode()

    def _place(self, key: str) -> tuple[str, str]:
        """Namespace and name of a key."""
        if not key:
            raise InvalidSpecError("remoteRef.key is required: the name of an object")
        kind = self._api.resource
        if self._namespace is not None:
            if "/" in key:
                raise InvalidSpecError(
                    f"remoteRef.key {key!r}: a SecretStore reads its own namespace, use the bare name"
                )
            return (self._namespace if kind.namespaced else ""), key
        if not kind.namespaced:
            if "/" in key:
                raise InvalidSpecError(f"remoteRef.key {key!r}: {kind.kind} is cluster-scoped, use the bare name")
            return "", key
        parts = key.split("/")
        if len(parts) != 2 or not all(parts):
            raise InvalidSpecError(f"remoteRef.key {key!r}: use namespace/name in a ClusterSecretStore")
        return parts[0], parts[1]


def _property(document: bytes, ref: RemoteRef) -> Node:
    node = find(document, ref.property)
    if node is None:
        raise ProviderError(f"property {ref.property} does not exist in {ref.key}")
    return node


def _text(node: Node) -> str:
    return node.text if node.kind == "string" else node.raw
