"""Selecting a property of a secret: GJSON paths on bytes, and the two ways to treat a dot in a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from eso.transform.gjson import get
from eso.transform.jsontext import Node

__all__ = ["escaped_first", "find", "path_first", "raw_map", "split_map", "value_at"]


def find(document: bytes, path: str) -> Node | None:
    """The value at a path; None when there is none. Lenient on invalid JSON."""
    node = get(document.decode("utf-8", "surrogateescape"), path)
    return node if node.exists else None


def value_at(document: bytes, path: str) -> bytes | None:
    """The value at a path as bytes (a *gjson string*); None when there is none.

    Strings are unescaped, integers keep their digits, other numbers lose their exponent, null is empty, objects and arrays keep
    their text.
    """
    node = find(document, path)
    return None if node is None else node.render().encode("utf-8", "surrogateescape")


def escaped_first(document: bytes, name: str) -> bytes | None:
    """A property whose name may hold dots: first taken literally, then as a path."""
    if "." in name:
        literal = value_at(document, name.replace(".", "\\."))
        if literal is not None:
            return literal
    return value_at(document, name)


def path_first(document: bytes, name: str) -> bytes | None:
    """A property whose name may hold dots: first taken as a path, then literally."""
    found = value_at(document, name)
    if found is None and "." in name:
        return value_at(document, name.replace(".", "\\."))
    return found


def split_map(document: bytes) -> dict[str, bytes]:
    """The members of a JSON object: strings unquoted, null empty, everything else as the JSON text it was written in.

    Raises:
        ValueError: not valid JSON, or not an object; the text does not hold the value.
    """
    return {key: _unquoted(raw, value).encode() for key, raw, value in _members(document)}


def _unquoted(raw: str, value: Any) -> str:
    if value is None:
        return ""  # Go reads null into a string without complaint and leaves it empty.
    return value if isinstance(value, str) else raw


def raw_map(document: bytes) -> dict[str, bytes]:
    """The members of a JSON object, each as the JSON text it was written in; strings keep their quotes.

    Raises:
        ValueError: as `split_map`.
    """
    return {key: raw.encode() for key, raw, _ in _members(document)}


def _members(document: bytes) -> Iterator[tuple[str, str, Any]]:
    """Key, JSON text and value of each member; the last one of a name counts."""
    text = document.decode("utf-8", "replace")
    try:
        strict = json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ValueError("the value is not valid JSON") from None
    if strict is None:
        return
    if not isinstance(strict, dict):
        raise ValueError("the value is not a JSON object")
    yield from _split(text)


def _split(text: str) -> Iterator[tuple[str, str, Any]]:
    decoder = json.JSONDecoder(strict=True)
    space = " \t\r\n"
    index = text.index("{") + 1
    while True:
        while text[index] in space or text[index] == ",":
            index += 1
        if text[index] == "}":
            return
        key, index = decoder.raw_decode(text, index)
        while text[index] in space or text[index] == ":":
            index += 1
        value, end = decoder.raw_decode(text, index)
        yield _go_text(key), _go_text(text[index:end]), _go_text(value) if isinstance(value, str) else value
        index = end


def _go_text(text: str) -> str:
    # A lone surrogate becomes U+FFFD, as encoding/json decodes it.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _refuse(constant: str) -> None:
    raise ValueError(constant)
