"""GJSON paths: `get(text, path)` finds one value in JSON text.

Complete: escapes, wildcards, indexes, `#`, queries, pipes, modifiers, multipaths, JSON lines. Lenient on text that is not quite
JSON. Source: https://github.com/tidwall/gjson/blob/master/SYNTAX.md, v1.18.
"""

from __future__ import annotations

from typing import Final

from eso.transform.gjson_modifiers import apply_modifier
from eso.transform.gjson_path import (
    MODIFIERS,
    ArrayStep,
    ObjectStep,
    Query,
    Selector,
    array_step,
    name_of_last,
    object_step,
    selectors,
    split_pipe,
)
from eso.transform.glob import glob_match
from eso.transform.jsontext import MISSING, Node, elements, is_valid, members, parse, quote, squash, squash_open

__all__ = ["get"]

_DEPTH: Final = 100
"""Steps and nested paths followed; a longer path finds nothing. Python's stack allows about 1,000 frames."""

_TRUE_WORDS: Final = frozenset(("1", "t", "true"))
_FALSE_WORDS: Final = frozenset(("0", "f", "false"))
_STATIC_WORDS: Final = frozenset(("true", "false", "null", "nan", "inf"))


def get(text: str, path: str) -> Node:
    """The value at a path; `MISSING` when there is none."""
    return _get(text, path, 0)


def _get(text: str, path: str, depth: int) -> Node:
    if depth > _DEPTH:
        return MISSING
    if len(path) > 1:
        if path[0] in "@!":
            found = _modified(text, path, depth) if path[0] == "@" else _static(path)
            if found is not None:
                result, rest = found
                return _get(result, rest[1:], depth + 1) if rest[:1] in ("|", ".") else parse(result)
        elif path[0] in "[{":
            # A multipath that is not closed, or is followed by something else than a step, leaves what is behind it as the path.
            found_selectors = selectors(path) or ([], "")
            if found_selectors[0] and found_selectors[1][:1] in ("", "|", "."):
                return _selected(text, path[0], found_selectors[0], found_selectors[1], depth)
            path = found_selectors[1]
    search = _Search(depth)
    if path.startswith(".."):
        search.in_array(text, 0, path[2:])
    else:
        start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
        if start >= 0:
            search.inside(text, start, path)
    if search.pipe is not None:
        return _get(search.value.raw, search.pipe, depth + 1)
    return search.value


def _modified(text: str, path: str, depth: int) -> tuple[str, str] | None:
    end = next((at for at in range(1, len(path)) if path[at] in ":|."), len(path))
    name, rest, argument = path[1:end], path[end:], ""
    if name not in MODIFIERS:
        return None
    if rest.startswith(":"):
        argument, rest = _argument(rest[1:])
    if name == "dig":
        found = [node.raw for node in _dig(parse(text), argument, depth + 1)]
        return f"[{','.join(found)}]", rest
    return apply_modifier(name, text, argument), rest


def _argument(rest: str) -> tuple[str, str]:
    if rest[:1] in ("{", "[", '"') and parse(rest).exists:
        argument = squash(rest)
        return argument, rest[len(argument) :]
    index = 0
    while index < len(rest) and rest[index] != "|":
        index += len(squash(rest, index)) if rest[index] in '{["(' else 1
    return rest[:index], rest[index:]


def _dig(node: Node, path: str, depth: int) -> list[Node]:
    if depth > _DEPTH:
        return []
    here = _get(node.raw, path, depth)
    found = [here] if here.exists else []
    for child in _children(node):
        found.extend(_dig(child, path, depth + 1))
    return found


def _children(node: Node) -> list[Node]:
    if node.is_object:
        return [value for _, _, value in members(node.raw)]
    return list(elements(node.raw)) if node.is_array else []


def _static(path: str) -> tuple[str, str] | None:
    body = path[1:]
    if body[0] in '{["+-0123456789':
        literal = squash_open(body)
        return literal, body[len(literal) :]
    end = next((at for at in range(1, len(path)) if path[at] in "|."), len(path))
    word = path[1:end]
    return (word, path[end:]) if word.lower() in _STATIC_WORDS else None


def _selected(text: str, kind: str, parts: list[Selector], rest: str, depth: int) -> Node:
    found: list[str] = []
    for part in parts:
        node = _get(text, part.path, depth + 1)
        if not node.exists:
            continue
        raw = node.raw or node.render() or "null"
        if kind == "{":
            name = part.name or name_of_last(part.path)
            key = name if part.name.startswith('"') and is_valid(name) else quote(name)
            raw = f"{key}:{raw}"
        found.append(raw)
    joined = ",".join(found)
    result = f"{{{joined}}}" if kind == "{" else f"[{joined}]"
    return _get(result, rest[1:], depth + 1) if rest else Node("json", result)


class _Search:
    """One walk down a text: what was found, and the path its result is piped to."""

    __slots__ = ("depth", "pipe", "value")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.value: Node = MISSING
        self.pipe: str | None = None

    def inside(self, text: str, start: int, path: str) -> bool:
        """Look into the object or array at `start`."""
        if self.depth > _DEPTH:
            return False
        self.depth += 1
        found = self._in_object(text, start + 1, path) if text[start] == "{" else self.in_array(text, start + 1, path)
        self.depth -= 1
        return found

    def _in_object(self, text: str, index: int, path: str) -> bool:
        step = object_step(path)
        if step.pipe is not None:
            self.pipe = step.pipe
        return any(self._matches(step, key) and self._follow(node, step.rest) for _, key, node in members(text, index))

    @staticmethod
    def _matches(step: ObjectStep, key: str) -> bool:
        return glob_match(key, step.part) if step.wild else key == step.part

    def _follow(self, node: Node, rest: str | None) -> bool:
        if rest is None:
            self.value = node
            return True
        return node.kind == "json" and self.inside(node.raw, 0, rest)

    def in_array(self, text: str, index: int, path: str) -> bool:
        """Look into the array whose first element comes at or behind `index`."""
        step = array_step(path)
        if step.pipe is not None:
            self.pipe = step.pipe
        if step.query is not None:
            return self._query(text, index, step, step.query)
        if step.hash:
            return step.part == "#" and self._every(text, index, step)
        position = int(step.part) if step.part.isascii() and step.part.isdigit() and len(step.part) < 19 else -1
        for at, node in enumerate(elements(text, index)):
            if at == position:
                return self._follow(node, step.rest)
        return False

    def _every(self, text: str, index: int, step: ArrayStep) -> bool:
        if step.each is None:
            self.value = Node("number", str(sum(1 for _ in elements(text, index))))
            return True
        each, pipe = split_pipe(step.each)
        if pipe is not None:
            self.pipe = pipe
        found = (_get(node.raw, each, self.depth + 1) for node in elements(text, index))
        self.value = Node("json", f"[{','.join(node.raw or node.render() for node in found if node.exists)}]")
        return True

    def _query(self, text: str, index: int, step: ArrayStep, query: Query) -> bool:
        collected: list[str] = []
        for node in elements(text, index):
            tested = _get(node.raw, query.path, self.depth + 1) if node.kind == "json" else node
            if (node.kind != "json" and query.path) or not _satisfies(tested, query):
                continue
            result = self._behind_query(node, step)
            if not query.every:
                self.value = result
                return True
            raw = result.raw or result.render()
            if raw:
                collected.append(raw)
        if query.every and not self.value.exists:
            self.value = Node("json", f"[{','.join(collected)}]")
        return False

    def _behind_query(self, node: Node, step: ArrayStep) -> Node:
        if step.rest is None:
            return node
        rest, pipe = split_pipe(step.rest)
        if pipe is not None:
            self.pipe = pipe
        return _get(node.raw, rest, self.depth + 1)


def _satisfies(node: Node, query: Query) -> bool:
    wanted = query.value
    if wanted.startswith("~"):
        verdict = _loosely(node, wanted[1:])
        if verdict is None:
            return False
        node, wanted = Node("true" if verdict else "false", "true" if verdict else "false"), "true"
    if not node.exists:
        return False
    if not query.op:
        return True
    if node.kind == "string":
        return _compare_text(node.text, query.op, wanted)
    if node.kind == "number":
        return _compare_number(node.number, query.op, Node("number", wanted).number)
    if node.kind in ("true", "false"):
        return _compare_flag(node.kind, query.op, wanted)
    return False


def _loosely(node: Node, word: str) -> bool | None:
    """`~true`, `~false`, `~null`, `~*`: what a value amounts to; None for another word."""
    lowered = node.text.lower()
    if word == "*":
        return node.exists
    if word == "null":
        return node.kind == "null"
    if word == "true":
        return node.kind == "true" or node.number != 0 or (node.kind == "string" and lowered in _TRUE_WORDS)
    if word == "false":
        zero = node.kind == "number" and node.number == 0
        return node.kind in ("null", "false") or zero or (node.kind == "string" and lowered in _FALSE_WORDS)
    return None


def _compare_text(value: str, op: str, wanted: str) -> bool:
    if op in ("%", "!%"):
        return glob_match(value, wanted) == (op == "%")
    left, right = value.encode("utf-8", "surrogatepass"), wanted.encode("utf-8", "surrogatepass")
    return _holds(op, below=left < right, equal=left == right)


def _compare_number(value: float, op: str, wanted: float) -> bool:
    return _holds(op, below=value < wanted, equal=value == wanted, above=value > wanted)


def _holds(op: str, *, below: bool, equal: bool, above: bool | None = None) -> bool:
    above = not (below or equal) if above is None else above
    return {
        "=": equal,
        "!=": not equal,
        "<": below,
        "<=": below or equal,
        ">": above,
        ">=": above or equal,
    }.get(op, False)


def _compare_flag(kind: str, op: str, wanted: str) -> bool:
    if op == "=":
        return wanted == kind
    if op == "!=":
        return wanted != kind
    if kind == "true":
        return op == ">=" or (op == ">" and wanted == "false")
    return op == "<=" or (op == "<" and wanted == "true")
