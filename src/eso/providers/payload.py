"""Payloads of secrets that consist of named entries, each a text or bytes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

from eso.transform.gojson import dumps
from eso.values import SecretMap, SecretValue

__all__ = ["Entry", "as_json", "as_map"]


class Entry(NamedTuple):
    """One entry of a payload.

    Attributes:
        key: its name.
        value: text as text, anything else as bytes.
    """

    key: str
    value: str | bytes

    def __repr__(self) -> str:
        return f"Entry({self.key!r})"


def as_json(entries: Sequence[Entry]) -> SecretValue:
    """A JSON object of all entries; what is not text stands in it as base64."""
    members = {
        key: value if isinstance(value, str) else base64.b64encode(value).decode("ascii") for key, value in entries
    }
    return SecretValue(dumps(members))


def as_map(entries: Sequence[Entry]) -> SecretMap:
    """All entries as they are."""
    return {key: SecretValue(value) for key, value in entries}
