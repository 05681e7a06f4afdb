"""YAML as Go's yaml.v3 writes it: block style, four spaces, lines of any length."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

import yaml
from yaml.emitter import Emitter

from eso.template.functions.gotime import Time
from eso.template.functions.yamlstyles import Style, natural_order, style_of
from eso.template.gotext.numbertext import float_text, special_text

__all__ = ["Key", "yaml_text"]

_INDENT: Final = 4
_WIDTH: Final = 1 << 30
_RFC3339: Final = "2006-01-02T15:04:05.999999999Z07:00"
_STYLES: Final = {Style.PLAIN: None, Style.SINGLE: "'", Style.DOUBLE: '"', Style.LITERAL: "|"}
_SPECIAL: Final = {"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}


class Key(str):
    """A key that is no text but a number, a bool or the like, as it was written."""

    __slots__ = ()


def yaml_text(value: Any) -> str:
    """The YAML text of dicts, lists, texts, numbers, bools, times and None."""
    stream = io.StringIO()
    events = [
        yaml.StreamStartEvent(),
        yaml.DocumentStartEvent(explicit=False),
        *_events(value),
        yaml.DocumentEndEvent(explicit=False),
        yaml.StreamEndEvent(),
    ]
    emitter = _Emitter(stream, indent=_INDENT, width=_WIDTH, allow_unicode=True)
    for event in events:
        emitter.emit(event)
    return stream.getvalue()


class _Emitter(Emitter):
    """Indents as Go does: to multiples of the step, within an item of a list to its first character."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        self.indents.append(self.indent)
        if self.indent is None:
            self.indent = self.best_indent if flow else 0
        elif self.states and self.states[-1] == self.expect_block_sequence_item:
            self.indent += 2
        else:
            self.indent = self.best_indent * ((self.indent + self.best_indent) // self.best_indent)


def _events(value: Any) -> Iterator[yaml.Event]:
    if isinstance(value, dict):
        yield yaml.MappingStartEvent(None, None, True, flow_style=False)
        for key in sorted(value, key=natural_order):
            yield _text(key)
            yield from _events(value[key])
        yield yaml.MappingEndEvent()
    elif isinstance(value, list):
        yield yaml.SequenceStartEvent(None, None, True, flow_style=False)
        for item in value:
            yield from _events(item)
        yield yaml.SequenceEndEvent()
    elif isinstance(value, str):
        yield _text(value)
    else:
        yield yaml.ScalarEvent(None, None, (True, True), _plain(value))


def _text(text: str) -> yaml.ScalarEvent:
    if isinstance(text, Key):
        return yaml.ScalarEvent(None, None, (True, True), text)
    return yaml.ScalarEvent(None, None, (True, True), text, style=_STYLES[style_of(text)])


def _plain(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        special = special_text(value)
        return float_text(value) if special is None else _SPECIAL[special]
    return value.format(_RFC3339) if isinstance(value, Time) else str(value)
