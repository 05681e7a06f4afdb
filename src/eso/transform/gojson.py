"""JSON as Go writes it, and a JSON value as bytes.

Source: `encoding/json` of the Go standard library; ESO's `esutils.GetByteValue`.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from eso.transform.gofloat import format_json, format_plain

__all__ = ["Number", "byte_value", "dumps", "loads"]

_LINES: Final = {
    **str.maketrans({"\u2028": "\\u2028", "\u2029": "\\u2029"}),
    # A byte that is not UTF-8, as `surrogateescape` reads it: Go writes an escape, and U+FFFD itself as it is.
    **dict.fromkeys(range(0xDC80, 0xDD00), "\\ufffd"),
}
_HTML: Final = {**_LINES, **str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})}

_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""An escape in JSON; the group is half of a pair, which stands for no character."""


class Number(str):
    """A JSON number as the digits it was written with (Go's `json.Number`)."""

    __slots__ = ()


def loads(document: bytes | str, *, exact: bool = False) -> Any:
    """Decode JSON the way Go does into `any`; half of a surrogate pair becomes U+FFFD.

    Args:
        document: JSON text.
        exact: keep numbers as `Number`; otherwise every number is a float, and one that is too large for that an error.

    Raises:
        ValueError: not JSON; the text does not hold the document.
    """
    text = document.decode("utf-8", "replace") if isinstance(document, bytes) else document
    number: Any = Number if exact else _float
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPE.sub(lambda match: "\\ufffd" if match[1] else match[0], text)
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text, parse_int=number, parse_float=number, parse_constant=_refuse)
    # Raised out here, because the error of the parser holds the document and would stay the context of this one.
    raise ValueError("the value is not valid JSON")


def dumps(value: Any, *, escape_html: bool = True) -> str:
    """Compact JSON with sorted keys.

    Args:
        value: dicts, lists, text, bytes (taken as UTF-8), numbers, booleans, None.
        escape_html: whether `<`, `>` and `&` are escaped (*Go JSON*) or not (*plain JSON*).

    Raises:
        ValueError: a value that JSON cannot express, or nested too deeply.
    """
    try:
        return _dumps(value, escape_html)
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None


def _dumps(value: Any, escape_html: bool) -> str:
    if isinstance(value, Mapping):
        pairs = sorted((_text(key), item) for key, item in value.items())
        members = (f"{_string(key, escape_html)}:{_dumps(item, escape_html)}" for key, item in pairs)
        return f"{{{','.join(members)}}}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(_dumps(item, escape_html) for item in value)}]"
    return _scalar(value, escape_html)


def _scalar(value: Any, escape_html: bool) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, (str, bytes)):
        return _string(_text(value), escape_html)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return format_json(value)
    raise ValueError(f"JSON cannot express this {type(value).__name__}")


def _text(value: str | bytes) -> str:
    """Text in which each byte that is not UTF-8 is a surrogate."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "surrogateescape")


def _string(text: str, escape_html: bool) -> str:
    # json.dumps writes \b, \f and the quotes as Go does; what is left is what Go escapes beyond JSON.
    return json.dumps(text, ensure_ascii=False).translate(_HTML if escape_html else _LINES)


def byte_value(value: Any) -> bytes:
    """A decoded JSON value as the bytes of a secret.

    Text as it is, numbers as plain decimals, lists and maps as Go JSON, booleans as `true` and `false`, null empty. A tuple of
    texts is joined by newlines: JSON never decodes to one, ESO's `[]string` stands for lists that a vendor's client hands over.

    Raises:
        ValueError: another type.
    """
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, Number):
        return str(value).encode()
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, int):
        return str(value).encode()
    if isinstance(value, float):
        return format_plain(value).encode()
    if isinstance(value, tuple) and all(type(item) is str for item in value):
        return "\n".join(value).encode("utf-8", "surrogateescape")
    return dumps(value).encode()


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError
    return number


def _refuse(constant: str) -> None:
    raise ValueError(constant)
