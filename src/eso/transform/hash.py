"""Hashes that must equal those of External Secrets Operator: labels, annotations and versions in clusters hold them.

Source: ESO `esutils.ObjectHash`: SHA3-224 over Go's `%+v` rendering.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from eso.transform.gofloat import format_general

__all__ = ["go_text", "object_hash", "synced_resource_version"]


def go_text(value: Any) -> str:
    """A value as Go's `%+v` prints it.

    Maps are sorted by key; bytes print as decimal numbers.

    Raises:
        TypeError: a type that no object of the API holds.
    """
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return format_general(value)
    if isinstance(value, (bytes, bytearray)):
        return f"[{' '.join(map(str, value))}]"
    if isinstance(value, Mapping):
        pairs = sorted(value.items(), key=lambda pair: pair[0])
        return f"map[{' '.join(f'{key}:{go_text(item)}' for key, item in pairs)}]"
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(map(go_text, value))}]"
    raise TypeError(f"no Go rendering for {type(value).__name__}")


def object_hash(value: Any) -> str:
    """Lower-case hex of SHA3-224 over `go_text(value)`."""
    return hashlib.sha3_224(go_text(value).encode("utf-8", "surrogateescape")).hexdigest()


def synced_resource_version(generation: int, annotations: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """`<generation>-<hash of annotations and labels>`: changes when the spec or the metadata of an object does."""
    text = f"{{annotations:{go_text(annotations)} labels:{go_text(labels)}}}"
    return f"{generation}-{object_hash(text)}"
