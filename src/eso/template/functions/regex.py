"""Regular expressions in Go's syntax, on RE2: no backreferences, no lookaround, linear time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import re2

from eso.goregexp import reason
from eso.template.functions.runes import is_letter, runes
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.values import NilStringList, StringList, from_bytes, to_bytes
from eso.template.limits import Budget

__all__ = ["TABLE"]

_MAX_MEMORY: Final = 16 << 20
"""Bytes that one compiled expression and its automaton may take."""

_SPECIAL: Final = frozenset("\\.+*?()|[]{}^$")


def _uses_any_byte(pattern: str) -> bool:
    r"""Whether the pattern has `\C`, which RE2 knows and Go does not."""
    at = pattern.find("\\C")
    while at >= 0:
        before = pattern[:at]
        slashes = len(before) - len(before.rstrip("\\"))
        quoted = before.rfind("\\Q") > before.rfind("\\E")
        if slashes % 2 == 0 and not quoted:
            return True
        at = pattern.find("\\C", at + 1)
    return False


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    """The compiled expression, of bytes that are UTF-8.

    Raises:
        FunctionError: it is not Go syntax.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    if _uses_any_byte(pattern):
        raise FunctionError("error parsing regexp: invalid escape sequence")
    try:
        return re2.compile(to_bytes(pattern), options)
    except re2.error as err:
        words, _ = reason(err)
        # Neither the pattern nor the place in it is repeated: both can hold a secret.
        raise FunctionError(f"error parsing regexp: {words}") from None


class _Subject:
    """Text to match: RE2 sees U+FFFD for each byte that is not UTF-8, as Go does; slices come from the real bytes."""

    __slots__ = ("_offsets", "_original", "data")

    def __init__(self, text: str) -> None:
        shown = runes(text)
        self._original = to_bytes(text)
        self.data = self._original
        self._offsets: dict[int, int] | None = None
        if shown != text:
            self.data = shown.encode()
            self._offsets = {}
            at = real = 0
            for seen, kept in zip(shown, text, strict=True):
                self._offsets[at] = real
                at += len(seen.encode())
                real += len(to_bytes(kept))
            self._offsets[at] = real

    def slice(self, start: int, end: int) -> bytes:
        """The real bytes between two offsets of `data`."""
        if self._offsets is not None:
            return self._original[self._offsets[start] : self._offsets[end]]
        return self._original[start:end]

    def width(self, position: int) -> int:
        """How long the character at a position is; 0 at the end."""
        if position >= len(self.data):
            return 0
        lead = self.data[position]
        return 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def _matches(regex: Any, subject: _Subject, limit: int) -> Iterator[tuple[int, int]]:
    """The spans Go's FindAll reports: no empty match directly behind another match."""
    position, previous_end, count = 0, -1, 0
    while (limit < 0 or count < limit) and position <= len(subject.data):
        found = regex.search(subject.data, position)
        if found is None:
            return
        start, end = found.span()
        accepted = not (end == position and start == previous_end)
        if end == position:
            position += subject.width(position) or 1
        else:
            position = end
        previous_end = end
        if accepted:
            count += 1
            yield start, end


def match(pattern: str, text: str) -> bool:
    """Whether the expression matches somewhere; false for a broken expression."""
    try:
        return must_match(pattern, text)
    except FunctionError:
        return False


def must_match(pattern: str, text: str) -> bool:
    """Whether the expression matches somewhere.

    Raises:
        FunctionError: it is not Go syntax.
    """
    return _compiled(pattern).search(_Subject(text).data) is not None


def find(pattern: str, text: str) -> str:
    """The first match; empty when there is none.

    Raises:
        FunctionError: the expression is not Go syntax.
    """
    subject = _Subject(text)
    found = _compiled(pattern).search(subject.data)
    return from_bytes(subject.slice(*found.span())) if found is not None else ""


def find_all(pattern: str, text: str, limit: int) -> StringList:
    """At most `limit` matches, all of them when it is negative; a nil list when there are none.

    Raises:
        FunctionError: the expression is not Go syntax.
    """
    subject = _Subject(text)
    found = StringList([from_bytes(subject.slice(*span)) for span in _matches(_compiled(pattern), subject, limit)])
    return found or NilStringList()


def split(pattern: str, text: str, limit: int) -> StringList:
    """What stands between the matches, in at most `limit` parts; all of them when it is negative, a nil list for 0.

    Raises:
        FunctionError: the expression is not Go syntax.
    """
    regex = _compiled(pattern)
    if limit == 0:
        return NilStringList()
    if pattern and not text:
        return StringList([""])
    subject = _Subject(text)
    parts = StringList()
    begin = end = 0
    for start, stop in _matches(regex, subject, limit):
        if limit > 0 and len(parts) >= limit - 1:
            break
        end = start
        if stop != 0:
            parts.append(from_bytes(subject.slice(begin, end)))
        begin = stop
    if end != len(subject.data):
        parts.append(from_bytes(subject.slice(begin, len(subject.data))))
    return parts


Piece = str | int
"""A part of a replacement: text, or the number of a group."""


def _reference(template: str) -> tuple[str, int]:
    """The group name that a template starts with, behind `$`, and its length with braces; length 0 for none."""
    braced = template.startswith("{")
    start = end = 1 if braced else 0
    while end < len(template) and (template[end] == "_" or template[end].isdecimal() or is_letter(template[end])):
        end += 1
    if end == start or (braced and template[end : end + 1] != "}"):
        return "", 0
    return template[start:end], end + 1 if braced else end


def _group_number(name: str, names: dict[str, int]) -> int:
    """The group a name means; -1 for none. Numbers have no leading zero and less than nine digits or so."""
    if name.isascii() and name.isdigit() and not (name[0] == "0" and len(name) > 1) and int(name[:10]) < 10**9:
        return int(name) if len(name) < 10 else -1
    return names.get(name, -1)


def _pieces(regex: Any, template: str) -> list[Piece]:
    """A replacement in Go's syntax, taken apart: `$1`, `${name}`, `$$`; a name is as long as it can be."""
    names = {from_bytes(name): number for name, number in regex.groupindex.items()}
    pieces: list[Piece] = []
    before, dollar, rest = template.partition("$")
    while dollar:
        pieces.append(before)
        if rest.startswith("$"):
            pieces.append("$")
            rest = rest[1:]
        else:
            name, length = _reference(rest)
            if length:
                pieces.append(_group_number(name, names))
                rest = rest[length:]
            else:
                pieces.append("$")
        before, dollar, rest = rest.partition("$")
    pieces.append(before)
    return pieces


def _expanded(pieces: list[Piece], subject: _Subject, found: Any, groups: int) -> bytes:
    out = bytearray()
    for piece in pieces:
        if isinstance(piece, str):
            out += to_bytes(piece)
        elif 0 <= piece <= groups and found.start(piece) >= 0:
            out += subject.slice(found.start(piece), found.end(piece))
    return bytes(out)


def _replace(budget: Budget, regex: Any, subject: _Subject, pieces: list[Piece]) -> str:
    out: list[bytes] = []
    last_end = position = 0
    while position <= len(subject.data):
        found = regex.search(subject.data, position)
        if found is None:
            break
        start, end = found.span()
        out.append(subject.slice(last_end, start))
        # An empty match directly behind another match is not replaced.
        if end > last_end or start == 0:
            replacement = _expanded(pieces, subject, found, regex.groups)
            budget.spend(len(replacement))
            out.append(replacement)
        last_end = end
        position = max(position + (subject.width(position) or 1), end)
    out.append(subject.slice(last_end, len(subject.data)))
    return from_bytes(b"".join(out))


def replace_all(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """Each match replaced; `$1` and `$name` in the replacement stand for groups.

    Raises:
        FunctionError: the expression is not Go syntax.
    """
    regex = _compiled(pattern)
    return _replace(budget, regex, _Subject(text), _pieces(regex, replacement))


def replace_all_literal(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """Each match replaced by the replacement as it stands.

    Raises:
        FunctionError: the expression is not Go syntax.
    """
    return _replace(budget, _compiled(pattern), _Subject(text), [replacement])


def quote_meta(text: str) -> str:
    """The text with a backslash before each character that means something in an expression."""
    return "".join([f"\\{character}" if character in _SPECIAL else character for character in text])


_S: Final = Param.STRING
_I: Final = Param.INT

TABLE: Final = (
    Function("regexMatch", match, (_S, _S)),
    Function("mustRegexMatch", must_match, (_S, _S)),
    Function("regexFind", find, (_S, _S)),
    Function("mustRegexFind", find, (_S, _S)),
    Function("regexFindAll", find_all, (_S, _S, _I)),
    Function("mustRegexFindAll", find_all, (_S, _S, _I)),
    Function("regexSplit", split, (_S, _S, _I)),
    Function("mustRegexSplit", split, (_S, _S, _I)),
    Function("regexReplaceAll", replace_all, (_S, _S, _S), needs_budget=True),
    Function("mustRegexReplaceAll", replace_all, (_S, _S, _S), needs_budget=True),
    Function("regexReplaceAllLiteral", replace_all_literal, (_S, _S, _S), needs_budget=True),
    Function("mustRegexReplaceAllLiteral", replace_all_literal, (_S, _S, _S), needs_budget=True),
    Function("regexQuoteMeta", quote_meta, (_S,)),
)
