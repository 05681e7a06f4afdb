"""Content negotiation: the object itself, a Table of it, or only its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from reconcile.testing.apiserver.status import StatusError

__all__ = ["Shape", "accepted_types", "partial_object", "wanted_shape"]


# Clients that prefer protobuf take JSON too, whatever they say first.
_SPOKEN = frozenset(
    {"application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/*", "*/*"}
)
_NOT_ACCEPTABLE = "only the following media types are accepted: application/json"


class Shape(Enum):
    """The three forms of an answer."""

    OBJECT = "object"
    TABLE = "table"
    METADATA = "metadata"


def accepted_types(accept: str) -> list[tuple[str, dict[str, str]]]:
    """Media types of an Accept header in the client's order, with their parameters."""
    found: list[tuple[str, dict[str, str]]] = []
    for part in accept.split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        found.append((media_type, {name.strip(): value.strip() for name, _, value in pairs}))
    return found


def wanted_shape(accept: str) -> Shape:
    """The first form in the Accept header that the server has; JSON is the only encoding.

    Raises:
        StatusError: 406, when the client takes nothing that the server speaks.
    """
    if "as=" not in accept:
        if accept and not any(media_type in _SPOKEN for media_type, _ in accepted_types(accept)):
            raise StatusError(406, "NotAcceptable", _NOT_ACCEPTABLE, {})
        return Shape.OBJECT
    for media_type, parameters in accepted_types(accept):
        if media_type not in ("application/json", "*/*", "application/*"):
            continue
        form = parameters.get("as", "")
        if not form:
            return Shape.OBJECT
        if parameters.get("v", "v1") != "v1":
            continue
        if form == "Table":
            return Shape.TABLE
        if form in ("PartialObjectMetadata", "PartialObjectMetadataList"):
            return Shape.METADATA
    return Shape.OBJECT


def partial_object(obj: Mapping[str, Any]) -> dict[str, Any]:
    """An object reduced to its metadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
