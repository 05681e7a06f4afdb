"""The `@modifiers` of GJSON: text in, text out.

`@dig` is not here: it follows paths, so it lives with them in `eso.transform.gjson`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from eso.transform.jsonpretty import pretty, ugly
from eso.transform.jsontext import MISSING, Node, elements, is_valid, members, parse, quote

__all__ = ["apply_modifier"]

_DEPTH: Final = 100
_SPACES: Final = " \t\n\r"


def apply_modifier(name: str, text: str, argument: str) -> str:
    """What `@name:argument` makes of a text.

    Raises:
        KeyError: there is no such modifier.
    """
    return _TABLE[name](text, argument)


def _options(argument: str) -> dict[str, Node]:
    node = parse(argument)
    return {key: value for _, key, value in members(node.raw)} if node.is_object else {}


def _flag(options: Mapping[str, Node], name: str) -> bool:
    node = options.get(name, MISSING)
    return node.kind == "true" or node.number != 0 or node.text.lower() in ("1", "t", "true")


def _pretty(text: str, argument: str) -> str:
    options = _options(argument)
    width = int(options["width"].number) if "width" in options else 80
    return pretty(
        text,
        width=width,
        prefix=_spaces(options["prefix"]) if "prefix" in options else "",
        indent=_spaces(options["indent"]) if "indent" in options else "  ",
        sort_keys=_flag(options, "sortKeys"),
    )


def _spaces(node: Node) -> str:
    return "".join(char for char in node.render() if char in _SPACES)


def _ugly(text: str, argument: str) -> str:
    return ugly(text)


def _this(text: str, argument: str) -> str:
    return text


def _valid(text: str, argument: str) -> str:
    return text if is_valid(text) else ""


def _to_string(text: str, argument: str) -> str:
    return quote(text)


def _from_string(text: str, argument: str) -> str:
    return parse(text).render() if is_valid(text) else ""


def _reverse(text: str, argument: str) -> str:
    node = parse(text)
    if node.is_array:
        return f"[{','.join(value.raw for value in reversed(list(elements(node.raw))))}]"
    if node.is_object:
        return f"{{{','.join(f'{key}:{value.raw}' for key, _, value in reversed(list(members(node.raw))))}}}"
    return text


def _flatten(text: str, argument: str) -> str:
    return _flattened(text, _flag(_options(argument), "deep"), 0)


def _flattened(text: str, deep: bool, depth: int) -> str:
    node = parse(text)
    if not node.is_array or depth > _DEPTH:
        return text
    parts: list[str] = []
    for value in elements(node.raw):
        raw = value.raw
        if value.is_array:
            raw = _unwrap(_flattened(raw, deep, depth + 1) if deep else raw)
        if raw.strip():
            parts.append(raw.strip())
    return f"[{','.join(parts)}]"


def _unwrap(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) >= 2 and text[0] in "[{" else text


def _keys(text: str, argument: str) -> str:
    node = parse(text)
    if node.is_object:
        return f"[{','.join(key for key, _, _ in members(node.raw))}]"
    count = sum(1 for _ in elements(node.raw)) if node.is_array else int(node.exists)
    return f"[{','.join(['null'] * count)}]"


def _values(text: str, argument: str) -> str:
    node = parse(text)
    if node.is_array:
        return text
    if node.is_object:
        return f"[{','.join(value.raw for _, _, value in members(node.raw))}]"
    return f"[{node.raw}]" if node.exists else "[]"


def _join(text: str, argument: str) -> str:
    node = parse(text)
    if not node.is_array:
        return text
    objects = [value for value in elements(node.raw) if value.is_object]
    if _flag(_options(argument), "preserve"):
        return f"{{{','.join(_unwrap(value.raw) for value in objects)}}}"
    merged: dict[str, tuple[str, str]] = {}
    for value in objects:
        for raw_key, key, item in members(value.raw):
            merged[key] = (merged[key][0] if key in merged else raw_key, item.raw)
    return f"{{{','.join(f'{raw_key}:{raw}' for raw_key, raw in merged.values())}}}"


def _group(text: str, argument: str) -> str:
    node = parse(text)
    if not node.is_object:
        return ""
    rows: list[list[str]] = []
    for raw_key, _, value in members(node.raw):
        if value.is_array:
            for position, item in enumerate(elements(value.raw)):
                if position == len(rows):
                    rows.append([])
                rows[position].append(f"{raw_key}:{item.raw}")
    return f"[{','.join('{' + ','.join(row) + '}' for row in rows)}]"


_TABLE: Final[Mapping[str, Callable[[str, str], str]]] = {
    "flatten": _flatten,
    "fromstr": _from_string,
    "group": _group,
    "join": _join,
    "keys": _keys,
    "pretty": _pretty,
    "reverse": _reverse,
    "this": _this,
    "tostr": _to_string,
    "ugly": _ugly,
    "valid": _valid,
    "values": _values,
}
