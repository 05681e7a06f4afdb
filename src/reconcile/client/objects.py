"""What calls take and give beside objects: lists, watch events, tokens, and objects on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar, cast

import msgspec
import pydantic

from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.model import KubeObject
from reconcile.errors import DecodeError

__all__ = [
    "BoundToken",
    "K",
    "ObjectList",
    "WatchEvent",
    "apply_body",
    "decode",
    "decode_metadata",
    "name_of",
    "with_owner",
]

K = TypeVar("K", bound=KubeObject)


@dataclass(frozen=True, slots=True)
class ObjectList(Generic[K]):
    """Objects of one kind as they were at one resource version.

    Attributes:
        items: the objects.
        resource_version: start a watch here to miss nothing.
        continue_token: where the next page starts, empty on the last one.
    """

    items: list[K]
    resource_version: str = ""
    continue_token: str = ""

    def __iter__(self) -> Iterator[K]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[K]):
    """One change: `ADDED`, `MODIFIED` or `DELETED` with the object, or `BOOKMARK` with only a version.

    Attributes:
        type: Kubernetes' word.
        object: the object; of a bookmark only `metadata.resource_version` means something.
        resource_version: resume a watch here.
    """

    type: str
    object: K
    resource_version: str


class BoundToken(NamedTuple):
    """A service account token and when it ends; the token stays out of the repr."""

    token: str
    expiration: datetime

    def __repr__(self) -> str:
        return f"BoundToken(expiration={self.expiration.isoformat()})"


def name_of(kind: type[KubeObject], name: str, namespace: str) -> str:
    """How messages name an object: `Secret default/token`."""
    return f"{kind.resource.kind} {namespace}/{name}" if namespace else f"{kind.resource.kind} {name}"


def decode(kind: type[K], body: bytes | memoryview | msgspec.Raw) -> K:
    """The object in `body`.

    Raises:
        DecodeError: the object does not have the shape of its kind; the message names fields, never values.
    """
    try:
        return kind.model_validate_json(bytes(body))
    except pydantic.ValidationError as err:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in error['loc']) or '(object)'}: {error['type']}"
            for error in err.errors(include_url=False, include_context=False, include_input=False)[:5]
        )
        # The chained error would print what pydantic saw; its text may hold values of the object.
        raise DecodeError(f"the API server sent a {kind.resource.kind} that is not one: {problems}") from None


def with_owner(body: dict[str, Any], owner: KubeObject | None) -> dict[str, Any]:
    """`body` with a controller reference to `owner`; the owner's kind, name and uid must be known.

    Raises:
        ValueError: the owner was never stored, or lives in another namespace.
    """
    if owner is None:
        return body
    metadata = dict(body.get("metadata") or {})
    if not owner.metadata.uid:
        raise ValueError(f"{owner.resource.kind} {owner.name} cannot own anything: it has no uid, it was never stored")
    if owner.resource.namespaced and owner.namespace != metadata.get("namespace", ""):
        raise ValueError(
            f"{owner.resource.kind} {owner.namespace}/{owner.name} cannot own an object in another namespace"
        )
    reference = {
        "apiVersion": owner.resource.api_version,
        "kind": owner.resource.kind,
        "name": owner.name,
        "uid": owner.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    others = [entry for entry in metadata.get("ownerReferences") or [] if entry.get("uid") != owner.metadata.uid]
    return {**body, "metadata": {**metadata, "ownerReferences": [*others, reference]}}


class _Bookmark(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.Raw(b"{}")


def decode_metadata(kind: type[K], body: bytes | memoryview | msgspec.Raw) -> K:
    """An object of `kind` of which only the metadata is known: a bookmark, or a PartialObjectMetadata.

    Raises:
        DecodeError: there is no metadata of the usual shape.
    """
    try:
        raw = msgspec.json.decode(body, type=_Bookmark).metadata
        metadata = ObjectMeta.model_validate_json(bytes(raw))
    except (msgspec.DecodeError, pydantic.ValidationError):
        raise DecodeError(f"the API server sent a {kind.resource.kind} without usable metadata") from None
    return cast("K", kind.model_construct(metadata=metadata))


# Fields of metadata that the server sets; an apply that names them asks for what it cannot have.
_SERVER_SET = ("managedFields", "resourceVersion", "creationTimestamp", "generation", "uid", "deletionTimestamp")


def apply_body(obj: KubeObject, owner: KubeObject | None) -> dict[str, Any]:
    """What a server-side apply of `obj` sends.

    Raises:
        ValueError: the owner cannot own it; see `with_owner`.
    """
    body = with_owner(obj.to_wire(), owner)
    metadata = {key: value for key, value in body["metadata"].items() if key not in _SERVER_SET}
    return {**body, "metadata": metadata}
