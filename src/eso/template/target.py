"""The object that rendered values are written into, in its JSON form.

A typed object (a model) keeps its own rules: a Secret holds bytes, unknown fields vanish, a value of another type is an
error. An untyped one (a mapping) takes everything, as text.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from eso.template.gotext.values import to_bytes
from eso.template.paths import Segment, write_at
from reconcile.api.model import KubeObject

__all__ = ["Target", "TargetError", "typed_from"]

KubeT = TypeVar("KubeT", bound=KubeObject)

_SURROGATES: Final = re.compile("[\udc80-\udcff]")


class TargetError(ValueError):
    """A value cannot be written into the object; the text holds no value."""


def _plain_text(text: str) -> str:
    """Text for JSON: each byte that is not UTF-8 becomes U+FFFD."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def typed_from(original: KubeT, wire: dict[str, Any]) -> KubeT:
    """A model of the same kind from its changed JSON form; unknown fields vanish.

    Raises:
        TargetError: a field got a value of another type.
    """
    try:
        return original.from_wire(wire)
    except ValidationError as error:
        fields = [".".join([str(part) for part in detail["loc"]]) for detail in error.errors(include_input=False)]
        raise TargetError(f"the object cannot hold the value of {', '.join(fields)}") from None


class Target:
    """The JSON form of an object that values are written into.

    Attributes:
        wire: changed in place.
    """

    def __init__(self, wire: dict[str, Any], *, holds_bytes: bool) -> None:
        """Write into `wire`; with `holds_bytes` it is a typed Secret, whose data are bytes and not text."""
        self.wire = wire
        self._holds_bytes = holds_bytes

    def _mapping(self, name: str) -> dict[str, Any]:
        found = self.wire.get(name)
        if found is None:
            found = self.wire[name] = {}
        if not isinstance(found, dict):
            raise TargetError(f"field {name} of the object is no mapping")
        return found

    def set_data(self, key: str, value: str) -> None:
        """Write `data[key]`: bytes into a typed Secret, text into anything else."""
        stored = base64.b64encode(to_bytes(value)).decode() if self._holds_bytes else _plain_text(value)
        self._mapping("data")[key] = stored
        self._complete_metadata()

    def set_spec(self, key: str, value: str) -> None:
        """Write `spec[key]`, always as text."""
        self._mapping("spec")[key] = _plain_text(value)
        self._complete_metadata()

    def set_metadata(self, field: str, key: str, value: str) -> None:
        """Write a label or an annotation."""
        self._complete_metadata()
        self._mapping("metadata")[field][key] = _plain_text(value)

    def replace_spec(self, value: Any) -> None:
        """Replace `spec` as a whole."""
        self.wire["spec"] = _json_value(value)

    def set_path(self, path: list[Segment], value: Any, *, merge: bool, values_scope: bool) -> None:
        """Write at a path.

        Raises:
            PathError: the path does not fit the object.
        """
        write_at(self.wire, path, _json_value(value), merge=merge)
        if values_scope:
            self._complete_metadata()

    def _complete_metadata(self) -> None:
        """Labels and annotations become empty mappings when unset; one that holds anything but text starts anew."""
        metadata = self._mapping("metadata")
        for field in ("labels", "annotations"):
            found = metadata.get(field)
            if not isinstance(found, Mapping) or not all(isinstance(value, str) for value in found.values()):
                metadata[field] = {}


def _json_value(value: Any) -> Any:
    if isinstance(value, str):
        return _plain_text(value)
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {_plain_text(key): _json_value(item) for key, item in value.items()}
    return value
