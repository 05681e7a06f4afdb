"""YAML out: block style, laid out as libyaml's emitter does."""

from __future__ import annotations

import re
from typing import Final

from eso.template.functions.jsongo import to_json
from eso.template.functions.yamlnodes import YamlError
from eso.template.functions.yamlscalars import resolve
from eso.template.functions.yamlstyles import BREAKS, Style, escape, escaped, is_multiline, natural_order, style_of
from eso.template.gotext.numbertext import float_text
from eso.template.gotext.values import Value

__all__ = ["emit"]

_WIDTH: Final = 80
_INDENT: Final = 2
_LONGEST_SIMPLE_KEY: Final = 128
_LONGEST_KEY: Final = 1024
"""A key that is longer in JSON cannot be written, as the value passes through JSON read by a YAML parser with this limit."""

_UNREADABLE: Final = re.compile("[\x7f-\x84\x86-\x9f\ufffe\uffff]")
"""Characters that JSON text may hold and YAML text may not: a value with one cannot be written, for the same reason."""

_NEXT_LINE: Final = re.compile(" *\x85[ \x85]*")
_BOM: Final = "\ufeff"


def _reread(text: str) -> str:
    """A string as it comes out of JSON that was read as YAML: NEL is a line break there, and folds."""
    if _UNREADABLE.search(text):
        raise YamlError("yaml: control characters are not allowed")
    if "\x85" not in text:
        return text
    return _NEXT_LINE.sub(lambda found: "\n" * (found[0].count("\x85") - 1) or " ", text)


def _number_text(value: float) -> str:
    number = resolve(float_text(value, low=-6, high=21))
    return float_text(number) if isinstance(number, float) else str(number)


class _Emitter:
    """The position in the output, and what libyaml remembers of it.

    Attributes:
        column: characters since the last line break.
        indent: of the current block; -1 before the first.
        whitespace: whether the last thing written separates words.
        indention: whether only indentation was written on this line.
    """

    def __init__(self) -> None:
        self._out: list[str] = []
        self._column = 0
        self._indent = -1
        self._whitespace = True
        self._indention = True

    def text(self) -> str:
        """All that was written."""
        return "".join(self._out)

    def _put(self, text: str) -> None:
        self._out.append(text)
        self._column += len(text)

    def _put_break(self, text: str = "\n") -> None:
        self._out.append(text)
        self._column = 0

    def write_indent(self) -> None:
        """Go to the start of a line of the current block."""
        indent = max(self._indent, 0)
        if not self._indention or self._column > indent or (self._column == indent and not self._whitespace):
            self._put_break()
        if self._column < indent:
            self._put(" " * (indent - self._column))
        self._whitespace = self._indention = True

    def _indicator(self, text: str, *, space: bool = False, whitespace: bool = False, indention: bool = False) -> None:
        if space and not self._whitespace:
            self._put(" ")
        self._put(text)
        self._whitespace = whitespace
        self._indention = self._indention and indention

    def node(self, value: Value, *, in_mapping: bool = False, simple_key: bool = False) -> None:
        """Write any value."""
        if isinstance(value, dict):
            self._mapping(value)
        elif isinstance(value, list):
            self._sequence(value, in_mapping)
        elif isinstance(value, str):
            self._string(_reread(value), simple_key)
        elif value is None or isinstance(value, bool):
            self._scalar("null" if value is None else "true" if value else "false", Style.PLAIN, simple_key)
        else:
            self._scalar(_number_text(value) if isinstance(value, float) else str(value), Style.PLAIN, simple_key)

    def _sequence(self, items: list[Value], in_mapping: bool) -> None:
        if not items:
            self._indicator("[", space=True, whitespace=True)
            self._indicator("]")
            return
        outer = self._indent
        # A sequence under its key is not indented further.
        if outer < 0:
            self._indent = 0
        elif not (in_mapping and not self._indention):
            self._indent += _INDENT
        for item in items:
            self.write_indent()
            self._indicator("-", space=True, indention=True)
            self.node(item)
        self._indent = outer

    def _mapping(self, members: dict[str, Value]) -> None:
        if not members:
            self._indicator("{", space=True, whitespace=True)
            self._indicator("}")
            return
        outer = self._indent
        self._indent = 0 if outer < 0 else outer + _INDENT
        for key in sorted(members, key=natural_order):
            self.write_indent()
            self._key(key)
            self.node(members[key], in_mapping=True)
        self._indent = outer

    def _key(self, key: str) -> None:
        if "\x85" in key or len(to_json(key)) > _LONGEST_KEY:
            raise YamlError("yaml: could not find expected ':'")
        if len(key.encode()) <= _LONGEST_SIMPLE_KEY and not is_multiline(key):
            self.node(key, in_mapping=True, simple_key=True)
            self._indicator(":")
            return
        self._indicator("?", space=True, indention=True)
        self.node(key, in_mapping=True)
        self.write_indent()
        self._indicator(":", space=True, indention=True)

    def _string(self, text: str, simple_key: bool) -> None:
        style = style_of(text)
        if style is Style.LITERAL and simple_key:
            style = Style.DOUBLE
        self._scalar(text, style, simple_key)

    def _scalar(self, text: str, style: Style, simple_key: bool) -> None:
        outer = self._indent
        self._indent = _INDENT if outer < 0 else outer + _INDENT
        if style is Style.LITERAL:
            self._literal(text)
        elif style is Style.DOUBLE:
            self._double(text, not simple_key)
        else:
            self._flowing(text, style is Style.SINGLE, not simple_key)
        self._indent = outer

    def _flowing(self, text: str, quotes: bool, folds: bool) -> None:
        """A plain or single-quoted scalar."""
        if quotes:
            self._indicator("'", space=True)
        elif not self._whitespace:
            self._put(" ")
        spaces = breaks = False
        for at, rune in enumerate(text):
            if rune == " ":
                folding = folds and not spaces and self._column > _WIDTH and text[at + 1 : at + 2] != " "
                if folding and not (quotes and not 0 < at < len(text) - 1):
                    self.write_indent()
                else:
                    self._put(rune)
                spaces = True
            elif rune in BREAKS:
                self._put_break(rune)
                self._indention = breaks = True
            else:
                if breaks:
                    self.write_indent()
                self._put("''" if quotes and rune == "'" else rune)
                self._indention = spaces = breaks = False
        if quotes:
            self._indicator("'")
        self._whitespace = self._indention = False

    def _double(self, text: str, folds: bool) -> None:
        self._indicator('"', space=True)
        spaces = False
        everything = text.startswith(_BOM)
        last = len(text) - 1
        for at, rune in enumerate(text):
            shown = escape(rune) if everything else escaped(rune)
            if shown is not None:
                self._put(shown)
                spaces = False
            elif rune != " ":
                self._put(rune)
                spaces = False
            else:
                if folds and not spaces and self._column > _WIDTH and 0 < at < last:
                    self.write_indent()
                    if text[at + 1] == " ":
                        self._put("\\")
                else:
                    self._put(rune)
                spaces = True
        self._indicator('"')
        self._whitespace = self._indention = False

    def _literal(self, text: str) -> None:
        self._indicator("|", space=True)
        if text[0] in " " + BREAKS:
            self._indicator(str(_INDENT))
        if text[-1] not in BREAKS:
            self._indicator("-")
        elif len(text) == 1 or text[-2] in BREAKS:
            self._indicator("+")
        self._put_break()
        self._indention = self._whitespace = True
        breaks = True
        for rune in text:
            if rune in BREAKS:
                self._put_break(rune)
                self._indention = breaks = True
            else:
                if breaks:
                    self.write_indent()
                self._put(rune)
                self._indention = breaks = False


def emit(value: Value) -> str:
    """The YAML text of dicts with text keys, lists, text, numbers, bools and None.

    Raises:
        YamlError: it cannot be written.
    """
    emitter = _Emitter()
    emitter.node(value)
    emitter.write_indent()
    return emitter.text()
