"""One value under one verb of printf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eso.template.gotext.floats import format_float
from eso.template.gotext.quote import is_print, quote, quote_ascii, quote_rune
from eso.template.gotext.values import (
    GoObject,
    Uint8,
    Uint64,
    Value,
    is_nil,
    sorted_keys,
    to_bytes,
    type_of,
)
from eso.template.limits import Budget

__all__ = ["Flags", "Formatter"]

_BASES: Final = {"v": 10, "d": 10, "b": 2, "o": 8, "O": 8, "x": 16, "X": 16}
_FLOAT_VERBS: Final = frozenset("vbgGxXfFeE")
_ADDRESS: Final = "0xc000000000"
"""Stands for every address: the real ones change from run to run and say nothing."""
_MAX_RUNE: Final = 0x10FFFF


@dataclass(slots=True)
class Flags:
    """The flags, width and precision of a verb; None where they were not given."""

    sharp: bool = False
    zero: bool = False
    plus: bool = False
    minus: bool = False
    space: bool = False
    go_syntax: bool = False
    with_names: bool = False
    width: int | None = None
    precision: int | None = None


def _char(point: int) -> str:
    """A code point as a character; U+FFFD for what is none."""
    return chr(point) if 0 <= point <= _MAX_RUNE and not 0xD800 <= point < 0xE000 else "\ufffd"


def _can_backquote(text: str) -> bool:
    return not any(
        char in "`\x7f\ufeff" or (char < " " and char != "\t") or "\udc80" <= char <= "\udcff" for char in text
    )


def _digits(number: int, base: int) -> str:
    if base == 10:
        return str(number)
    return format(number, {2: "b", 8: "o", 16: "x"}[base])


class Formatter:
    """Formats values under fixed flags."""

    __slots__ = ("_budget", "_erroring", "_flags")

    def __init__(self, budget: Budget, flags: Flags) -> None:
        self._budget = budget
        self._flags = flags
        self._erroring = False

    def argument(self, value: Value, verb: str) -> str:
        """An argument of printf.

        Raises:
            LimitError: the text is too long.
        """
        if value is None:
            return self._pad("<nil>") if verb in "Tv" else self._bad(value, verb)
        if verb == "T":
            return self._text(type_of(value))
        if verb == "p":
            return self._pointer(value)
        return self._value(value, verb, 0)

    def _pointer(self, value: Value) -> str:
        return self._bad(value, "p") if not isinstance(value, (list, dict)) else self._pad(_ADDRESS)

    def _value(self, value: Value, verb: str, depth: int) -> str:
        if value is None:
            return self._nil(verb)
        if isinstance(value, str):
            return self._string(value, verb)
        if isinstance(value, bool):
            return self._pad("true" if value else "false") if verb in "tv" else self._bad(value, verb)
        if isinstance(value, int):
            return self._integer(value, verb, signed=not isinstance(value, (Uint8, Uint64)))
        if isinstance(value, float):
            return self._float(value, verb) if verb in _FLOAT_VERBS else self._bad(value, verb)
        if isinstance(value, complex):
            return self._complex(value, verb)
        if verb == "w":
            return self._bad(value, verb)
        if isinstance(value, (list, dict)):
            self._budget.spend_items(len(value))
            return self._list(value, verb, depth) if isinstance(value, list) else self._map(value, verb, depth)
        return self._object(value, verb, depth)

    def _nil(self, verb: str) -> str:
        """A nil interface inside a list or map."""
        return "interface {}(nil)" if self._flags.go_syntax else "<nil>"

    def _bad(self, value: Value, verb: str) -> str:
        """The text of a verb that does not suit the type."""
        if value is None:
            return f"%!{verb}(<nil>)"
        self._erroring = True
        shown = self._value(value, "v", 0)
        self._erroring = False
        return f"%!{verb}({type_of(value)}={shown})"

    def _pad(self, text: str) -> str:
        flags = self._flags
        missing = (flags.width or 0) - len(text)
        if missing <= 0:
            return text
        self._budget.spend(missing)
        if flags.minus:
            return text + " " * missing
        return ("0" if flags.zero else " ") * missing + text

    def _pad_blank(self, text: str) -> str:
        """Pad without zeros."""
        zero, self._flags.zero = self._flags.zero, False
        padded = self._pad(text)
        self._flags.zero = zero
        return padded

    def _text(self, text: str) -> str:
        return self._pad(text if self._flags.precision is None else text[: self._flags.precision])

    def _string(self, text: str, verb: str) -> str:
        if verb == "s" or (verb == "v" and not self._flags.go_syntax):
            return self._text(text)
        if verb in "qv":
            return self._quoted(text)
        if verb in "xX":
            return self._hex(text, verb)
        return self._bad(text, verb)

    def _quoted(self, text: str) -> str:
        flags = self._flags
        cut = text if flags.precision is None else text[: flags.precision]
        if flags.sharp and _can_backquote(cut):
            return self._pad(f"`{cut}`")
        return self._pad(quote_ascii(cut) if flags.plus else quote(cut))

    def _hex(self, text: str, verb: str) -> str:
        flags = self._flags
        data = to_bytes(text)[: flags.precision]
        if not data:
            return self._pad("")
        prefix = f"0{verb}" if flags.sharp else ""
        pieces = (
            [f"{byte:02{verb}}" for byte in data]
            if flags.space
            else [data.hex() if verb == "x" else data.hex().upper()]
        )
        return self._pad(" ".join([prefix + piece for piece in pieces]))

    def _integer(self, number: int, verb: str, *, signed: bool = True) -> str:
        flags = self._flags
        if verb == "c":
            return self._pad(_char(number))
        if verb == "q":
            return self._pad(quote_rune(number, flags.plus))
        if verb == "U":
            return self._unicode(number)
        base = _BASES.get(verb)
        if base is None:
            return self._bad(number if type(number) is not int or signed else Uint8(number), verb)
        if verb == "v" and flags.go_syntax and not signed:
            return self._based(number, 16, "x", sharp=True)
        return self._based(int(number), base, verb, sharp=flags.sharp)

    def _based(self, number: int, base: int, verb: str, *, sharp: bool) -> str:
        flags = self._flags
        precision = 0
        if flags.precision is not None:
            precision = flags.precision
            if precision == 0 and number == 0:
                return " " * (flags.width or 0)
        elif flags.zero and not flags.minus and flags.width is not None:
            precision = flags.width - (number < 0 or flags.plus or flags.space)
        self._budget.spend(precision)
        digits = _digits(abs(number), base).rjust(precision, "0")
        if verb == "X":
            digits = digits.upper()
        if sharp:
            if base == 8:
                digits = digits if digits[0] == "0" else "0" + digits
            elif base != 10:
                digits = f"0{'b' if base == 2 else 'X' if verb == 'X' else 'x'}{digits}"
        if verb == "O":
            digits = "0o" + digits
        sign = "-" if number < 0 else "+" if flags.plus else " " if flags.space else ""
        return self._pad_blank(sign + digits)

    def _unicode(self, number: int) -> str:
        flags = self._flags
        unsigned = number % (1 << 64)
        precision = max(flags.precision or 0, 4)
        self._budget.spend(precision)
        text = "U+" + format(unsigned, "X").rjust(precision, "0")
        if flags.sharp and unsigned <= _MAX_RUNE and is_print(_char(unsigned)) and not 0xD800 <= unsigned < 0xE000:
            text += f" '{chr(unsigned)}'"
        return self._pad_blank(text)

    def _float(self, number: float, verb: str) -> str:
        flags = self._flags
        self._budget.spend(flags.precision or 0)
        text = format_float(
            number, "g" if verb == "v" else "f" if verb == "F" else verb, flags.precision, sharp=flags.sharp
        )
        if text[0] not in "+-":
            text = "+" + text
        if flags.space and text[0] == "+" and not flags.plus:
            text = " " + text[1:]
        if text[1] in "IN":
            is_nan = text[1] == "N"
            return self._pad_blank(text[1:] if is_nan and not (flags.space or flags.plus) else text)
        if text[0] == "+" and not flags.plus:
            return self._pad(text[1:])
        missing = (flags.width or 0) - len(text)
        if flags.zero and not flags.minus and missing > 0:
            self._budget.spend(missing)
            return text[0] + "0" * missing + text[1:]
        return self._pad(text)

    def _complex(self, number: complex, verb: str) -> str:
        if verb not in _FLOAT_VERBS:
            return self._bad(number, verb)
        real = self._float(number.real, verb)
        plus, self._flags.plus = self._flags.plus, True
        imaginary = self._float(number.imag, verb)
        self._flags.plus = plus
        return f"({real}{imaginary}i)"

    def _list(self, items: list[Value], verb: str, depth: int) -> str:
        shown = [self._value(item, verb, depth + 1) for item in items]
        if not self._flags.go_syntax:
            return f"[{' '.join(shown)}]"
        return type_of(items) + ("(nil)" if is_nil(items) else f"{{{', '.join(shown)}}}")

    def _map(self, items: dict[str, Value], verb: str, depth: int) -> str:
        shown = [
            f"{self._value(key, verb, depth + 1)}:{self._value(items[key], verb, depth + 1)}"
            for key in sorted_keys(items)
        ]
        if not self._flags.go_syntax:
            return f"map[{' '.join(shown)}]"
        return type_of(items) + ("(nil)" if is_nil(items) else f"{{{', '.join(shown)}}}")

    def _object(self, value: GoObject, verb: str, depth: int) -> str:
        flags = self._flags
        if value.is_stringer and not self._erroring and not flags.go_syntax and verb in "vsxXq":
            return self._string(str(value), verb)
        if value.kind in ("int", "int64"):
            return self._named_integer(value, verb)
        if value.kind == "ptr" and depth:
            return self._pad(_ADDRESS)
        fields = value.printed()
        shown = [self._value(field, verb, depth + 1) for field in fields.values()]
        if flags.with_names or flags.go_syntax:
            shown = [f"{name}:{text}" for name, text in zip(fields, shown, strict=True)]
        pointer = "&" if value.kind == "ptr" else ""
        name = value.go_type.lstrip("*") if flags.go_syntax else ""
        return f"{pointer}{name}{{{(', ' if flags.go_syntax else ' ').join(shown)}}}"

    def _named_integer(self, value: GoObject, verb: str) -> str:
        if verb in _BASES or verb in "cqU":
            return self._integer(value.number(), verb)
        return f"%!{verb}({value.go_type}={self._integer(value.number(), 'v')})"
