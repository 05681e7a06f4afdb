"""Go's Sprint, Sprintln and Sprintf."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from eso.template.gotext.formatter import Flags, Formatter
from eso.template.gotext.values import GoObject, Value, normalized, to_text, type_of
from eso.template.limits import Budget

__all__ = ["sprint", "sprintf", "sprintln"]

_LARGEST: Final = 1_000_000
_SIMPLE: Final = re.compile(r"(?:[^%]|%[sdv])*")
_SIMPLE_VERB: Final = re.compile(r"%([sdv])")


def sprint(budget: Budget, *args: Value) -> str:
    """The arguments in their default format; a blank goes between two neighbours of which neither is a string."""
    out = []
    previous_is_string = True
    for arg in args:
        is_string = isinstance(arg, str)
        if not is_string and not previous_is_string:
            out.append(" ")
        out.append(to_text(arg, budget))
        previous_is_string = is_string
    return normalized("".join(out))


def sprintln(budget: Budget, *args: Value) -> str:
    """The arguments in their default format with blanks between them and a newline at the end."""
    return normalized(" ".join([to_text(arg, budget) for arg in args]) + "\n")


def sprintf(budget: Budget, pattern: str, *args: Value) -> str:
    """The arguments as the verbs of `pattern` say; mistakes show in the result, they do not fail.

    Raises:
        LimitError: the text is too long.
    """
    if _SIMPLE.fullmatch(pattern) is not None and pattern.count("%") == len(args):
        pieces = _SIMPLE_VERB.split(pattern)
        texts = [_simple(verb, arg) for verb, arg in zip(pieces[1::2], args, strict=True)]
        if None not in texts:
            pieces[1::2] = [text or "" for text in texts]
            return normalized("".join(pieces))
    return _Printer(budget, pattern, args).run()


def _simple(verb: str, value: Value) -> str | None:
    """The usual verbs on the types they are for; None for anything else."""
    if type(value) is str:
        return value if verb != "d" else None
    return int.__repr__(value) if type(value) is int and verb != "s" else None


def _integer_argument(value: Value) -> int | None:
    """A width or precision that was passed as an argument."""
    if isinstance(value, GoObject):
        value = value.number() if value.kind in ("int", "int64") else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return int(value) if abs(value) <= _LARGEST else None


@dataclass(slots=True)
class _Printer:
    budget: Budget
    pattern: str
    args: tuple[Value, ...]
    at: int = 0
    argument: int = 0
    reordered: bool = False
    good_index: bool = True
    after_index: bool = False

    def run(self) -> str:
        pattern, out = self.pattern, []
        while True:
            percent = pattern.find("%", self.at)
            if percent < 0:
                out.append(pattern[self.at :])
                break
            out.append(pattern[self.at : percent])
            self.at = percent + 1
            out.append(self.directive())
        if not self.reordered and self.argument < len(self.args):
            out.append(self.extra())
        return normalized("".join(out))

    def extra(self) -> str:
        plain = Formatter(self.budget, Flags())
        shown = [
            "<nil>" if arg is None else f"{type_of(arg)}={plain.argument(arg, 'v')}"
            for arg in self.args[self.argument :]
        ]
        return f"%!(EXTRA {', '.join(shown)})"

    def char(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def number(self) -> int | None:
        """A decimal number; None when there is none. A crazy long one eats the rest of the pattern."""
        start, number = self.at, 0
        while self.char() in _DIGITS:
            if number > _LARGEST:
                self.at = len(self.pattern)
                return None
            number = number * 10 + int(self.char())
            self.at += 1
        return number if self.at > start else None

    def index(self) -> None:
        """Read `[n]`, which selects the next argument."""
        self.after_index = False
        if self.char() != "[":
            return
        self.reordered = True
        close = self.pattern.find("]", self.at + 1)
        if len(self.pattern) - self.at < 3 or close < 0:
            self.at += 1
            self.good_index = False
            return
        digits = self.pattern[self.at + 1 : close]
        self.at = close + 1
        if not digits or not set(digits) <= _DIGITS or int(digits[:-1] or "0") > _LARGEST:
            self.good_index = False
            return
        self.after_index = True
        if not 1 <= int(digits) <= len(self.args):
            self.good_index = False
            return
        self.argument = int(digits) - 1

    def star(self) -> int | None:
        """The value of `*`; None when it is no usable number."""
        self.at += 1
        self.after_index = False
        if self.argument >= len(self.args):
            return None
        self.argument += 1
        return _integer_argument(self.args[self.argument - 1])

    def width(self, flags: Flags) -> str:
        if self.char() != "*":
            flags.width = self.number()
            if self.after_index and flags.width is not None:
                self.good_index = False
            return ""
        flags.width = self.star()
        if flags.width is None:
            return "%!(BADWIDTH)"
        if flags.width < 0:
            flags.width = -flags.width
            flags.minus = True
            flags.zero = False
        return ""

    def precision(self, flags: Flags) -> str:
        # A point that ends the pattern is a verb, not a precision.
        if self.char() != "." or self.at + 1 >= len(self.pattern):
            return ""
        self.at += 1
        if self.after_index:
            self.good_index = False
        self.index()
        if self.char() != "*":
            number = self.number()
            flags.precision = 0 if number is None else number
            return ""
        number = self.star()
        flags.precision = number if number is not None and number >= 0 else None
        return "" if flags.precision is not None else "%!(BADPREC)"

    def directive(self) -> str:
        flags = Flags()
        self.good_index = True
        while self.char() in _FLAGS:
            setattr(flags, _FLAGS[self.char()], True)
            self.at += 1
        self.index()
        problems = self.width(flags)
        problems += self.precision(flags)
        if not self.after_index:
            self.index()
        verb = self.char()
        if not verb:
            return problems + "%!(NOVERB)"
        self.at += 1
        return problems + self.verb(verb, flags)

    def verb(self, verb: str, flags: Flags) -> str:
        if verb == "%":
            return "%"
        if not self.good_index:
            return f"%!{verb}(BADINDEX)"
        if self.argument >= len(self.args):
            return f"%!{verb}(MISSING)"
        value = self.args[self.argument]
        self.argument += 1
        if verb in "vw":
            flags.go_syntax, flags.sharp = flags.sharp, False
            flags.with_names, flags.plus = flags.plus, False
        return Formatter(self.budget, flags).argument(value, verb)


_DIGITS: Final = frozenset("0123456789")
_FLAGS: Final = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}
