"""Sets of field paths, and their `fieldsV1` form.

A path is a tuple of path elements spelled as in `fieldsV1`: `f:name`, `k:{"name":"a"}`, `v:"x"`, `i:0`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Path", "covers", "field", "from_fields_v1", "keyed", "path_text", "to_fields_v1", "value_element"]

Path = tuple[str, ...]


def field(name: str) -> str:
    """The element of a named field."""
    return f"f:{name}"


def keyed(keys: Mapping[str, Any]) -> str:
    """The element of an item of a list of type `map`; keys are sorted."""
    return f"k:{json.dumps(dict(sorted(keys.items())), separators=(',', ':'), ensure_ascii=False)}"


def value_element(value: Any) -> str:
    """The element of an item of a list of type `set`."""
    return f"v:{json.dumps(value, separators=(',', ':'), ensure_ascii=False)}"


def to_fields_v1(paths: Iterable[Path]) -> dict[str, Any]:
    """`paths` as `fieldsV1`: a tree in which `.` marks an inner node that is itself a member."""
    root: dict[str, Any] = {}
    members = set(paths)
    for path in members:
        node = root
        for element in path:
            node = node.setdefault(element, {})
    return _ordered(root, (), members)


def _ordered(node: dict[str, Any], path: Path, members: set[Path]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if node and path and path in members:
        result["."] = {}
    for element in sorted(node):
        result[element] = _ordered(node[element], (*path, element), members)
    return result


def from_fields_v1(fields: Mapping[str, Any]) -> set[Path]:
    """The member paths of a `fieldsV1` tree."""
    members: set[Path] = set()
    _collect(fields, (), members)
    return members


def _collect(node: Mapping[str, Any], path: Path, members: set[Path]) -> None:
    if path and (not node or "." in node):
        members.add(path)
    for element, child in node.items():
        if element != ".":
            _collect(child, (*path, element), members)


def covers(paths: Iterable[Path]) -> set[Path]:
    """`paths` with every path above them."""
    return {path[:depth] for path in paths for depth in range(1, len(path) + 1)}


def path_text(path: Path) -> str:
    """The path as conflicts print it: `.spec.ports[port=80,protocol="TCP"].name`."""
    text = ""
    for element in path:
        sort, _, rest = element.partition(":")
        if sort == "f":
            text += f".{rest}"
        elif sort == "k":
            keys = json.loads(rest)
            text += "[" + ",".join(f"{k}={json.dumps(keys[k], ensure_ascii=False)}" for k in sorted(keys)) + "]"
        elif sort == "v":
            text += f"[={rest}]"
        else:
            text += f"[{rest}]"
    return text
