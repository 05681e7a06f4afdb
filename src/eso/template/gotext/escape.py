"""Escaping functions of Go's text/template: html, js, urlquery."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote_from_bytes

from eso.template.gotext.printf import sprint
from eso.template.gotext.quote import is_print
from eso.template.gotext.values import Value, to_bytes
from eso.template.limits import Budget

__all__ = ["html", "js", "urlquery"]

_HTML: Final = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"},
)
_JS: Final = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}


def _text(budget: Budget, args: tuple[Value, ...]) -> str:
    """The arguments joined as `print` does; nil as an action prints it."""
    if len(args) == 1 and isinstance(args[0], str):
        return args[0]
    return sprint(budget, *["<no value>" if arg is None else arg for arg in args])


def html(budget: Budget, *args: Value) -> str:
    """Text for HTML."""
    return _text(budget, args).translate(_HTML)


def _js_char(char: str) -> str:
    if char in _JS:
        return _JS[char]
    if char < " ":
        return f"\\u{ord(char):04X}"
    if char < "\x80" or is_print(char):
        return char
    return char if "\udc80" <= char <= "\udcff" else f"\\u{ord(char):04X}"


def js(budget: Budget, *args: Value) -> str:
    """Text for a JavaScript string literal."""
    return "".join([_js_char(char) for char in _text(budget, args)])


def urlquery(budget: Budget, *args: Value) -> str:
    """Text for a part of a URL's query."""
    return quote_from_bytes(to_bytes(_text(budget, args)), safe=" ").replace(" ", "+")
