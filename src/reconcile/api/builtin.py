"""What Kubernetes' own kinds share: Go's zero values are left out on the wire, null is an empty list or map."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BeforeValidator, PlainSerializer

from reconcile.api.model import KubeObject

__all__ = ["Base64", "BuiltinKind", "Items", "Map"]

T = TypeVar("T")


def _no_items(value: Any) -> Any:
    return [] if value is None else value


def _no_entries(value: Any) -> Any:
    return {} if value is None else value


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        # The input is a secret: nothing of it may reach the message, nor the chained error.
        raise ValueError("this is not base64") from None


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


Items = Annotated[list[T], BeforeValidator(_no_items)]
Map = Annotated[dict[str, T], BeforeValidator(_no_entries)]
# Bytes in Python; text is taken for base64, which it is on the wire.
Base64 = Annotated[bytes, BeforeValidator(_decoded), PlainSerializer(_encoded, return_type=str, when_used="json")]


class BuiltinKind(KubeObject):
    """An object whose Go type has `omitempty` nearly everywhere: defaults are not written.

    `partial` kinds describe only the fields that controllers read; putting one back would erase the others.
    """

    partial: ClassVar[bool] = False

    def to_wire(self) -> dict[str, Any]:
        """The JSON form with `apiVersion` and `kind` in front, without defaults."""
        body = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
        body.setdefault("metadata", {})
        return {"apiVersion": self.resource.api_version, "kind": self.resource.kind, **body}
