"""Setting and deleting one property in JSON text, everything else untouched.

Source: tidwall/sjson v1.2. Path characters with a meaning only when reading (`|`, `#`, `@`, `*`, `?`) are part of the key here.
"""

from __future__ import annotations

from dataclasses import dataclass

from eso.transform.jsontext import Node, elements, members, parse, quote

__all__ = ["delete", "set_string"]


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    forced: bool = False

    @property
    def index(self) -> int | None:
        """The step as an index; None when it is a key."""
        if self.forced or not (self.name.isascii() and self.name.isdigit()):
            return None
        return int(self.name)

    @property
    def appends(self) -> bool:
        """Whether it means the end of an array."""
        return self.name == "-1" and not self.forced


_LARGEST_INDEX = 100_000
"""An index beyond this is refused: filling the gap with null would cost memory for nothing."""


def set_string(document: bytes, path: str, value: bytes) -> bytes:
    """The document with a JSON string at the path; objects and arrays on the way are made.

    A document that is neither object nor array is replaced.

    Raises:
        ValueError: the path is empty, or names a key inside an array.
    """
    if not path:
        raise ValueError("path cannot be empty")
    text = document.decode("utf-8", "surrogateescape")
    literal = quote(value.decode("utf-8", "surrogateescape"))
    return _set(text, _steps(path), literal).encode("utf-8", "surrogateescape")


def delete(document: bytes, path: str) -> bytes:
    """The document without the value at the path; unchanged when there is none.

    Raises:
        ValueError: the path is empty.
    """
    if not path:
        raise ValueError("path cannot be empty")
    text = document.decode("utf-8", "surrogateescape")
    return _delete(text, _steps(path)).encode("utf-8", "surrogateescape")


def _steps(path: str) -> list[_Step]:
    steps: list[_Step] = []
    part: list[str] = []
    forced = path.startswith(":")
    index = int(forced)
    while index <= len(path):
        if index == len(path) or path[index] == ".":
            steps.append(_Step("".join(part), forced))
            part = []
            forced = path.startswith(":", index + 1)
            index += int(forced)
        elif path[index] == "\\":
            # One at the end stands for nothing.
            part.append(path[index + 1 : index + 2])
            index += len(part[-1])
        else:
            part.append(path[index])
        index += 1
    return steps


def _locate(node: Node, step: _Step) -> Node | None:
    """The child a step names, with its place in the text of the node."""
    if node.is_object:
        return next((value for _, key, value in members(node.raw) if key == step.name), None)
    if not node.is_array:
        return None
    found = list(elements(node.raw))
    index = _Step(step.name).index  # An element that is there is found even where the step is forced to be a key.
    return found[index] if index is not None and index < len(found) else None


def _set(text: str, steps: list[_Step], literal: str) -> str:
    node = parse(text)
    if node.kind != "json":
        node = Node("json", "[]" if steps[0].index is not None else "{}", start=0)
        text = node.raw
    child = _locate(node, steps[0])
    head = text[: node.start]
    if child is not None:
        inner = _set(child.raw, steps[1:], literal) if len(steps) > 1 else literal
        return head + node.raw[: child.start] + inner + node.raw[child.start + len(child.raw) :]
    if node.is_object:
        return head + _append(
            node.raw, "}", f"{quote(steps[0].name)}:{_build(steps[1:], literal)}", bool(list(members(node.raw)))
        )
    count = len(list(elements(node.raw)))
    index = count if steps[0].appends else steps[0].index
    if index is None:
        raise ValueError(f"cannot set array element for non-numeric key '{steps[0].name}'")
    added = ",".join([*["null"] * (_bounded(index) - count), _build(steps[1:], literal)])
    return head + _append(node.raw, "]", added, count > 0)


def _append(raw: str, closing: str, added: str, follows: bool) -> str:
    end = raw.rfind(closing)
    end = len(raw) if end < 0 else end
    return f"{raw[:end]}{',' if follows else ''}{added}{raw[end:] or closing}"


def _build(steps: list[_Step], literal: str) -> str:
    built = literal
    for step in reversed(steps):
        if step.index is not None or step.appends:
            built = f"[{'null,' * _bounded(step.index or 0)}{built}]"
        else:
            built = f"{{{quote(step.name)}:{built}}}"
    return built


def _bounded(index: int) -> int:
    if index > _LARGEST_INDEX:
        raise ValueError(f"array index {index} is too large")
    return index


def _delete(text: str, steps: list[_Step]) -> str:
    node = parse(text)
    if node.kind != "json":
        return text
    children = [value for _, _, value in members(node.raw)] if node.is_object else list(elements(node.raw))
    child = children[-1] if steps[0].appends and node.is_array and children else _locate(node, steps[0])
    if child is None:
        return text
    head, tail = text[: node.start], node.raw[child.start + len(child.raw) :]
    if len(steps) > 1:
        return head + node.raw[: child.start] + _delete(child.raw, steps[1:]) + tail
    position = next(at for at, candidate in enumerate(children) if candidate.start == child.start)
    if position > 0:
        before = children[position - 1]
        return head + node.raw[: before.start + len(before.raw)] + tail
    # The first of several: what separates it from the next goes too.
    return f"{head}{node.raw[:1]}{tail.lstrip().removeprefix(',')}"
