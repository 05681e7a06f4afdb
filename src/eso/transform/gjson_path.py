"""The grammar of GJSON paths: what one step of a path says, before any JSON is looked at.

Source: https://github.com/tidwall/gjson/blob/master/SYNTAX.md, v1.18.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from eso.transform.jsontext import squash, squash_open, unescape

__all__ = [
    "MODIFIERS",
    "ArrayStep",
    "ObjectStep",
    "Query",
    "Selector",
    "array_step",
    "name_of_last",
    "object_step",
    "selectors",
    "split_pipe",
]

MODIFIERS: Final = frozenset(
    (
        "pretty",
        "ugly",
        "reverse",
        "this",
        "flatten",
        "join",
        "valid",
        "keys",
        "values",
        "tostr",
        "fromstr",
        "group",
        "dig",
    )
)
_COMPARE: Final = "!=<>%"
_OPEN: Final = {"[": "]", "(": ")", "{": "}"}


@dataclass(frozen=True, slots=True)
class ObjectStep:
    """A step into an object: the key (with wildcards when `wild`), and the rest of the path or what it is piped to."""

    part: str
    rest: str | None = None
    pipe: str | None = None
    wild: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """`#(path op value)`; `every` for the form that ends in `)#`."""

    path: str = ""
    op: str = ""
    value: str = ""
    every: bool = False


@dataclass(frozen=True, slots=True)
class ArrayStep:
    """A step into an array: an index, `#`, `#.path` or a query."""

    part: str
    rest: str | None = None
    pipe: str | None = None
    hash: bool = False
    each: str | None = None
    query: Query | None = None


@dataclass(frozen=True, slots=True)
class Selector:
    """One member of a multipath: a path and, in the `{}` form, the name to give its value."""

    path: str
    name: str = ""


def object_step(path: str) -> ObjectStep:
    """The first step of a path that meets an object."""
    part: list[str] = []
    wild = False
    index = 0
    while index < len(path):
        char = path[index]
        if char == "|":
            return ObjectStep("".join(part), pipe=path[index + 1 :], wild=wild)
        if char == ".":
            rest = path[index + 1 :]
            if _pipes(rest):
                return ObjectStep("".join(part), pipe=rest, wild=wild)
            return ObjectStep("".join(part), rest=rest, wild=wild)
        if char == "\\":
            index += 1
            part.append(path[index : index + 1])
        else:
            wild = wild or char in "*?"
            part.append(char)
        index += 1
    return ObjectStep("".join(part), wild=wild)


def array_step(path: str) -> ArrayStep:
    """The first step of a path that meets an array."""
    step = ArrayStep(path)
    index = 0
    while index < len(path):
        char = path[index]
        if char == "|":
            return replace(step, part=path[:index], pipe=path[index + 1 :])
        if char == ".":
            rest = path[index + 1 :]
            if not step.hash and _pipes(rest):
                return replace(step, part=path[:index], pipe=rest)
            return replace(step, part=path[:index], rest=rest)
        if char == "#":
            step = replace(step, hash=True)
            if index == 0 and path[1:2] == ".":
                step = replace(step, each=path[2:])
            elif index == 0 and path[1:2] in ("[", "("):
                found = _query(path)
                if found is None:
                    return replace(step, query=Query())
                query, end = found
                every = path[end : end + 1] == "#"
                step = replace(step, query=replace(query, every=every))
                index = end - 1
        index += 1
    return step


def _pipes(rest: str) -> bool:
    if not rest:
        return False
    if rest[0] == "@":
        end = min((at for at in (rest.find(stop, 1) for stop in ".|:") if at >= 0), default=len(rest))
        return rest[1:end] in MODIFIERS
    return rest[0] in "[{"


def _query(text: str) -> tuple[Query, int] | None:
    """The query at the start of a path and where it ends; None when it is not closed."""
    end, compare, escaped = _query_end(text)
    if end < 0:
        return None
    if not compare:
        return Query(_trim(text[2:end])), end + 1
    path, value = _trim(text[2:compare]), _trim(text[compare:end])
    if value[:2] == "==":
        op, value = "=", value[2:]
    elif value[:2] in ("!=", "!%", "<=", ">="):
        op, value = value[:2], value[2:]
    elif len(value) == 1 or value[0] != "!":
        op, value = value[0], value[1:]
    else:
        op = ""
    value = _trim(value)
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = unescape(value[1:-1]) if escaped else value[1:-1]
    return Query(path, op, value), end + 1


def _query_end(text: str) -> tuple[int, int, bool]:
    compare, depth, escaped = 0, 1, False
    index = 2
    while index < len(text):
        char = text[index]
        if depth == 1 and not compare and char in _COMPARE:
            compare = index
        elif char == "\\":
            index += 1
        elif char in "[(":
            depth += 1
        elif char in "])":
            depth -= 1
            if depth == 0:
                return index, compare, escaped
        elif char == '"':
            index, had_escape = _skip_string(text, index)
            escaped = escaped or had_escape
        index += 1
    return -1, 0, False


def _skip_string(text: str, index: int) -> tuple[int, bool]:
    """From an opening quote to the index of the closing one."""
    escaped = False
    index += 1
    while index < len(text) and text[index] != '"':
        if text[index] == "\\":
            escaped = True
            index += 1
        index += 1
    return index, escaped


def _trim(text: str) -> str:
    return text.strip("".join(map(chr, range(33))))


def split_pipe(path: str) -> tuple[str, str | None]:
    """A path up to its first pipe that is not inside a query, and what it is piped to."""
    if "|" not in path:
        return path, None
    if path.startswith("{"):
        inner = path[1:]
        head = path[0] + (squash(inner) if inner.startswith('"') else squash_open(inner))
        rest = path[len(head) :]
        return (head, rest[1:]) if rest.startswith("|") else (path, None)
    index = 0
    while index < len(path):
        char = path[index]
        if char == "\\":
            index += 1
        elif char == "." and path[index + 1 : index + 2] == "#":
            index += 2
            if path[index : index + 1] in ("[", "("):
                index = _skip_brackets(path, index)
        elif char == "|":
            return path[:index], path[index + 1 :]
        index += 1
    return path, None


def _skip_brackets(path: str, index: int) -> int:
    opening = path[index]
    closing = _OPEN[opening]
    depth = 1
    index += 1
    while index < len(path):
        char = path[index]
        if char == "\\":
            index += 1
        elif char == opening:
            depth += 1
        elif char == closing:
            depth -= 1
            if depth == 0:
                return index
        elif char == '"':
            index, _ = _skip_string(path, index)
        index += 1
    return index


def selectors(path: str) -> tuple[list[Selector], str] | None:
    """The members of a multipath at the start of a path, and the path behind it; None when it is not closed."""
    found: list[Selector] = []
    start, colon, depth, modifier = 1, 0, 1, False
    index = 1
    while index < len(path):
        char = path[index]
        if char == "\\":
            index += 1
        elif char == "@":
            modifier = modifier or path[index - 1] in ".|"
        elif char == ":" and not modifier and not colon and depth == 1:
            colon = index
        elif char == '"':
            index, _ = _skip_string(path, index)
        elif char in "[({":
            depth += 1
        elif char in "])}" or (char == "," and depth == 1):
            depth -= char != ","
            if char == "," or depth == 0:
                found.append(
                    Selector(path[colon + 1 : index], path[start:colon]) if colon else Selector(path[start:index])
                )
                if depth == 0:
                    return found, path[index + 1 :]
                start, colon, modifier = index + 1, 0, False
        index += 1
    return None


def name_of_last(path: str) -> str:
    """The last step of a path when it can serve as a name, else `_`."""
    for index in range(len(path) - 1, -1, -1):
        if path[index] in "|." and not (index > 0 and path[index - 1] == "\\"):
            path = path[index + 1 :]
            break
    return "_" if any(char < " " or char in "[]{}()#|!" for char in path) else path
