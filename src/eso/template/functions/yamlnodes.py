"""YAML text to a tree of nodes: aliases stay aliases, scalars keep their text and how they were written."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from eso.template.gotext.values import to_bytes

__all__ = ["Alias", "Mapping", "Node", "Scalar", "Sequence", "YamlError", "compose"]

_MAX_DEPTH: Final = 300
"""Containers inside each other. Go allows 10,000; each takes frames of Python's stack here."""

_UNKNOWN_ESCAPE: Final = "found unknown escape character"
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_REST_OF_SCALAR: Final = re.compile(r'(?:[^"\\]|\\.)*', re.DOTALL)
_MOST_WORK: Final = 2 << 20
"""Characters read again and again until the text is mended; each scalar with such an escape needs one more reading."""

_LOADER: Final[Any] = getattr(yaml, "CLoader", yaml.Loader)


class YamlError(Exception):
    """Text that is not YAML, or that Go does not take; the message holds no text of the document."""


@dataclass(slots=True)
class Scalar:
    """A scalar.

    Attributes:
        value: its text.
        plain: whether it was written without quotes and tag, so that its type follows from its text.
        tag: an explicit tag, in full; empty for none.
    """

    value: str
    plain: bool
    tag: str


@dataclass(slots=True)
class Sequence:
    """A sequence and its tag."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """A mapping: its keys and values in order of the text."""

    pairs: list[tuple[Node, Node]] = field(default_factory=list)


@dataclass(slots=True)
class Alias:
    """A reference to a node with an anchor."""

    target: Node


Node = Scalar | Sequence | Mapping | Alias


class _Composer:
    def __init__(self, text: str) -> None:
        self._events: Any = _LOADER(text)
        self._anchors: dict[str, Node] = {}
        self._depth = 0

    def document(self) -> Node | None:
        """The first document; None when there is none."""
        self._events.get_event()
        if not self._events.check_event(yaml.DocumentStartEvent):
            return None
        start = self._events.get_event()
        if start.version not in (None, (1, 1)):
            raise YamlError("yaml: found incompatible YAML document")
        node = self._node()
        self._events.get_event()
        return node

    def close(self) -> None:
        self._events.dispose()

    def _node(self) -> Node:
        event = self._events.get_event()
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise YamlError("yaml: unknown anchor referenced")
            return Alias(self._anchors[event.anchor])
        if isinstance(event, yaml.ScalarEvent):
            scalar = Scalar(event.value, bool(event.implicit[0]), event.tag or "")
            return self._anchored(event, scalar)
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise YamlError(f"yaml: exceeded max depth of {_MAX_DEPTH}")
        node = self._sequence(event) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(event)
        self._depth -= 1
        return node

    def _anchored(self, event: Any, node: Node) -> Node:
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _sequence(self, event: Any) -> Node:
        node = Sequence()
        self._anchored(event, node)
        while not self._events.check_event(yaml.SequenceEndEvent):
            node.items.append(self._node())
        self._events.get_event()
        return node

    def _mapping(self, event: Any) -> Node:
        node = Mapping()
        self._anchored(event, node)
        while not self._events.check_event(yaml.MappingEndEvent):
            key = self._node()
            node.pairs.append((key, self._node()))
        self._events.get_event()
        return node


def _where(err: yaml.MarkedYAMLError) -> str:
    """The line as Go counts it: scanner errors from one, others from zero, and line zero is not told."""
    mark = err.problem_mark
    if mark is not None and mark.line:
        return f"line {mark.line + isinstance(err, yaml.scanner.ScannerError)}: "
    context = err.context_mark
    return f"line {context.line}: " if context is not None and context.line else ""


def _decoded(text: str) -> str:
    """The text without a byte order mark, or what its bytes say in UTF-16 when they begin with the mark of that."""
    data = to_bytes(text[:2])
    if data in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return to_bytes(text).decode("utf-16")
    return text.removeprefix("\ufeff")


def _with_apostrophe(text: str, err: yaml.MarkedYAMLError) -> str | None:
    r"""The text with `\'` of the quoted scalar that the error points into written as `'`; None for other errors.

    Go's parser knows that escape, and libyaml does not.
    """
    at = err.problem_mark.index if err.problem == _UNKNOWN_ESCAPE and err.problem_mark is not None else -1
    if at < 0 or text[at : at + 2] != "\\'":
        return None
    rest = _REST_OF_SCALAR.match(text, at)
    end = rest.end() if rest is not None else at
    return text[:at] + _ESCAPE.sub(lambda found: "'" if found[1] == "'" else found[0], text[at:end]) + text[end:]


def _composed(text: str) -> Node | None:
    composer = _Composer(text)
    try:
        return composer.document()
    finally:
        composer.close()


def compose(text: str) -> Node | None:
    """The first document of the text; None when there is none.

    Raises:
        YamlError: the text is not YAML.
    """
    work = 0
    try:
        text = _decoded(text)
        while True:
            try:
                return _composed(text)
            except yaml.scanner.ScannerError as err:
                mended = _with_apostrophe(text, err)
                work += len(text)
                if mended is None or work > _MOST_WORK:
                    raise
                text = mended
    except yaml.MarkedYAMLError as err:
        raise YamlError(f"yaml: {_where(err)}{err.problem or 'unknown problem parsing YAML content'}") from None
    except (yaml.reader.ReaderError, UnicodeError):
        raise YamlError("yaml: control characters are not allowed") from None
