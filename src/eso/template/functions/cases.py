"""snake_case, kebab-case and PascalCase, split where the library behind sprig splits."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from eso.template.functions.runes import (
    is_letter,
    is_number,
    is_punctuation,
    is_space,
    is_upper,
    runes,
    to_lower,
    to_upper,
)
from eso.template.gotext.function import Function, Param
from eso.template.gotext.values import normalized

__all__ = ["TABLE"]


class _Kind(Enum):
    NONE = "none"
    NUMBER = "number"
    UPPER = "upper"
    LETTERS = "letters"
    CONNECTOR = "connector"
    PUNCTUATION = "punctuation"
    OTHER = "other"


_IDEOGRAPHS: Final = (range(0x4E00, 0x9FCD), range(0x3400, 0x4D86), range(0x20000, 0x2B81E))
_END: Final = (_Kind.NONE, "")
_LETTERED: Final = (_Kind.LETTERS, _Kind.NUMBER)
_UNCONNECTED: Final = (_Kind.CONNECTOR, _Kind.PUNCTUATION)


def _is_connector(rune: str) -> bool:
    return rune in "-_" or is_space(rune)


def _is_alphabetic(rune: str) -> bool:
    """Letters but for Chinese characters, which stand for words of their own."""
    return is_letter(rune) and not any(ord(rune) in block for block in _IDEOGRAPHS)


def _is_small(rune: str) -> bool:
    return _is_alphabetic(rune) and not is_upper(rune)


def _is_other(rune: str) -> bool:
    return not (_is_connector(rune) or _is_alphabetic(rune) or is_number(rune) or is_punctuation(rune))


class _Words:
    """Cuts text into words; bytes that are not UTF-8 go with the character behind them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._shown = runes(text)
        self._at = 0

    def all(self) -> list[tuple[_Kind, str]]:
        """The words with their kinds."""
        words = []
        while self._at < len(self._text):
            start = self._at
            kind = self._word()
            words.append((kind, self._text[start : self._at]))
        return words

    def _peek(self, at: int, before: str) -> tuple[str, int]:
        """The next valid rune and the position behind it; `before` at the end."""
        while at < len(self._shown):
            rune = self._shown[at]
            at += 1
            if rune != "\ufffd":
                return rune, at
        return before, at

    def _run(self, rune: str, belongs: Callable[[str], bool]) -> None:
        while self._at < len(self._text):
            rune, behind = self._peek(self._at, rune)
            if not belongs(rune):
                return
            self._at = behind

    def _word(self) -> _Kind:
        rune, self._at = self._peek(self._at, "")
        if not rune:
            return _Kind.NONE
        if is_upper(rune):
            self._capital(rune)
            return _Kind.UPPER
        kind, belongs = next((kind, belongs) for kind, belongs, starts in _CLASSES if starts(rune))
        self._run(rune, belongs)
        return kind

    def _capital(self, rune: str) -> None:
        """A capital and what follows: small letters, or capitals but for the one that starts a word like `Status`."""
        if self._at == len(self._text):
            return
        rune, behind = self._peek(self._at, rune)
        if not is_upper(rune):
            if _is_alphabetic(rune):
                self._at = behind
                self._run(rune, _is_small)
            return
        last = self._at
        self._at = behind
        while self._at < len(self._text):
            rune, behind = self._peek(self._at, rune)
            if not is_upper(rune):
                if _is_alphabetic(rune):
                    self._at = last
                return
            last, self._at = self._at, behind


_CLASSES: Final[tuple[tuple[_Kind, Callable[[str], bool], Callable[[str], bool]], ...]] = (
    (_Kind.CONNECTOR, _is_connector, _is_connector),
    (_Kind.PUNCTUATION, is_punctuation, is_punctuation),
    (_Kind.LETTERS, _is_small, _is_alphabetic),
    (_Kind.NUMBER, is_number, is_number),
    (_Kind.OTHER, _is_other, lambda rune: True),
)


class _Joiner:
    """Writes words in lower case with a connector between them."""

    def __init__(self, text: str, connector: str) -> None:
        self._words = _Words(text).all()
        self._connector = connector
        self._out: list[str] = []
        self._index = 0

    def joined(self) -> str:
        """The whole text."""
        while self._index + 1 < len(self._words):
            kind, word = self._current()
            if kind is not _Kind.CONNECTOR:
                self._write(kind, word)
            self._index += 1
            if kind is _Kind.NUMBER:
                self._with_number()
            elif kind is _Kind.CONNECTOR:
                self._write(kind, word)
            elif kind is not _Kind.PUNCTUATION:
                self._after_letters()
        self._write(*self._current())
        return normalized("".join(self._out))

    def _current(self) -> tuple[_Kind, str]:
        return self._words[self._index] if self._index < len(self._words) else _END

    def _write(self, kind: _Kind, word: str) -> None:
        if kind not in (_Kind.UPPER, _Kind.CONNECTOR):
            self._out.append(word)
            return
        for rune in runes(word):
            self._out.append(self._connector if _is_connector(rune) else to_lower(rune) if is_upper(rune) else rune)

    def _connect(self) -> None:
        if self._current()[0] not in _UNCONNECTED:
            self._out.append(self._connector)

    def _with_number(self) -> None:
        """Small letters and numbers behind a number belong to it."""
        while self._current()[0] in _LETTERED:
            self._write(*self._current())
            self._index += 1
        if self._current()[0] is not _Kind.NONE:
            self._connect()

    def _after_letters(self) -> None:
        kind, number = self._current()
        if kind is not _Kind.NUMBER:
            self._connect()
        elif self._index + 1 < len(self._words):
            self._index += 1
            if self._current()[0] is _Kind.LETTERS:
                # Small letters follow, so the number starts a word: HTTP2xx becomes http_2xx.
                self._out.append(self._connector)
                self._write(kind, number)
                self._with_number()
            else:
                # The number belongs to the word before it: Bld4Floor becomes bld4_floor.
                self._write(kind, number)
                self._connect()


def snake_case(text: str) -> str:
    """Words in lower case with `_` between them."""
    return _Joiner(text, "_").joined()


def kebab_case(text: str) -> str:
    """Words in lower case with `-` between them."""
    return _Joiner(text, "-").joined()


def camel_case(text: str) -> str:
    """Words without connectors, each with a capital: PascalCase."""
    shown = runes(text)
    start = next((index for index, rune in enumerate(shown) if not _is_connector(rune)), len(shown) - 1)
    if start < 0:
        return ""
    if start == len(shown) - 1:
        # The loop that looks for the first letter writes a lone last connector twice.
        return shown[:start] + (shown[start:] * 2 if _is_connector(shown[start]) else to_upper(shown[start]))
    out = [shown[:start]]
    current, in_capitals = to_upper(shown[start]), is_upper(shown[start])
    for rune in shown[start + 1 :]:
        before, current = current, rune
        if _is_connector(before):
            if _is_connector(rune):
                out.append(before)
            else:
                in_capitals = is_upper(rune)
                current = to_upper(rune)
            continue
        if in_capitals:
            in_capitals = is_upper(rune)
            current = to_lower(rune) if in_capitals else rune
        out.append(before)
    out.append(current)
    return "".join(out)


_S: Final = (Param.STRING,)

TABLE: Final = (
    Function("snakecase", snake_case, _S),
    Function("kebabcase", kebab_case, _S),
    Function("camelcase", camel_case, _S),
)
