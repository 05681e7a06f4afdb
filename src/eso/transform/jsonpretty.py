"""JSON text with other spacing, its values untouched: the `@pretty` and `@ugly` modifiers.

Source of the layout: tidwall/pretty v1.2: two spaces, arrays on one line while they fit in 80 columns and hold no object.
"""

from __future__ import annotations

import re
from typing import Final

from eso.transform.jsontext import Node, elements, members, parse

__all__ = ["pretty", "ugly"]

_STRING_OR_SPACE: Final = re.compile(r'("(?:[^"\\]++|\\.)*+"?)|[\x00-\x20]+', re.DOTALL)
_DEPTH: Final = 100


def ugly(text: str) -> str:
    """The text without spaces outside strings."""
    return _STRING_OR_SPACE.sub(lambda match: match[1] or "", text)


def pretty(text: str, *, width: int = 80, prefix: str = "", indent: str = "  ", sort_keys: bool = False) -> str:
    """The text over several lines.

    Args:
        text: JSON.
        width: columns an array on one line may reach.
        prefix: put in front of every line.
        indent: added for each level.
        sort_keys: whether members are sorted by key.
    """
    node = parse(text)
    if not node.exists:
        return ""
    writer = _Writer(width, prefix, indent, sort_keys)
    writer.write(prefix)
    writer.value(node, 0)
    return "".join(writer.parts) + "\n"


class _Writer:
    def __init__(self, width: int, prefix: str, indent: str, sort_keys: bool) -> None:
        self.width, self.prefix, self.indent, self.sort_keys = width, prefix, indent, sort_keys
        self.parts: list[str] = []
        self.column = 0

    def write(self, text: str) -> None:
        self.parts.append(text)
        self.column += len(text.encode("utf-8", "surrogateescape"))

    def new_line(self, level: int, column: int) -> None:
        self.parts.append("\n")
        self.column = column
        self.write(self.prefix + self.indent * level)

    def value(self, node: Node, level: int) -> None:
        if node.kind != "json" or level > _DEPTH:
            self.write(node.kind if node.kind in ("true", "false", "null") else node.raw)
        elif node.is_object:
            self.object(node, level)
        else:
            self.array(node, level)

    def object(self, node: Node, level: int) -> None:
        found = list(members(node.raw))
        if self.sort_keys:
            found.sort(key=lambda member: member[1])
        self.write("{")
        for position, (key, _, value) in enumerate(found):
            if position:
                self.write(",")
            self.new_line(level + 1, 1)
            self.write(f"{key}: ")
            self.value(value, level + 1)
        if found:
            self.new_line(level, 1)
        self.write("}")

    def array(self, node: Node, level: int) -> None:
        room = self.width - self.column
        line = _one_line(node) if self.width > 0 and room > 3 else None
        if line is not None and len(line.encode("utf-8", "surrogateescape")) <= room:
            self.write(line)
            return
        found = list(elements(node.raw))
        self.write("[")
        for position, value in enumerate(found):
            if position:
                self.write(",")
            # The line break takes the place of a space behind the comma, so it does not count as a column.
            self.new_line(level + 1, 0 if position else 1)
            self.value(value, level + 1)
        if found:
            self.new_line(level, 1)
        self.write("]")


def _one_line(node: Node, level: int = 0) -> str | None:
    if level > _DEPTH:
        return None
    parts: list[str] = []
    for value in elements(node.raw):
        if value.is_object:
            return None
        if value.kind == "json":
            nested = _one_line(value, level + 1)
            if nested is None:
                return None
            parts.append(nested)
        else:
            parts.append(value.kind if value.kind in ("true", "false", "null") else value.raw)
    return f"[{', '.join(parts)}]"
