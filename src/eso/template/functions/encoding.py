"""Base64, Base32 and hexadecimal. The decoders return the text of an error as their result."""

from __future__ import annotations

import base64
import re
from typing import Final

from eso.template.gotext.function import Function, Param
from eso.template.gotext.quote import is_print
from eso.template.gotext.values import from_bytes, to_bytes

__all__ = ["TABLE", "DecodeError", "decode_base64", "decode_base64_bytes"]

_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_BASE64_DIGITS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BASE32_DIGITS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_HEX: Final = re.compile(rb"[0-9a-fA-F]*")
_LINE_BREAKS: Final = b"\r\n"
_PAD: Final = ord("=")


class DecodeError(ValueError):
    """Text that is not in the encoding; the message says where, never what."""


def _after_breaks(data: bytes, position: int) -> int:
    while position < len(data) and data[position] in _LINE_BREAKS:
        position += 1
    return position


def _base64_padding_fault(data: bytes, position: int, digits: int) -> int:
    """Where the padding that starts at `position`, after so many digits of the last group, goes wrong."""
    if digits < 2:
        return position
    following = _after_breaks(data, position + 1)
    if digits == 2:
        if following == len(data):
            return len(data)
        if data[following] != _PAD:
            return following - 1
        following = _after_breaks(data, following + 1)
    return following


def _base64_fault(data: bytes) -> int:
    """The offset that Go reports for text that is not Base64."""
    digits = 0
    for position, byte in enumerate(data):
        if byte in _BASE64_DIGITS:
            digits = (digits + 1) % 4
        elif byte == _PAD:
            return _base64_padding_fault(data, position, digits)
        elif byte not in _LINE_BREAKS:
            return position
    return len(data) - digits


def decode_base64(text: str) -> bytes:
    """Bytes of standard Base64 with padding; line breaks are skipped.

    Raises:
        DecodeError: another character, or wrong padding.
    """
    return decode_base64_bytes(to_bytes(text))


def decode_base64_bytes(data: bytes) -> bytes:
    """Bytes of standard Base64 with padding; line breaks are skipped.

    Raises:
        DecodeError: another character, or wrong padding.
    """
    stripped = data.translate(None, _LINE_BREAKS)
    if _BASE64.fullmatch(stripped) is None:
        raise DecodeError(f"illegal base64 data at input byte {_base64_fault(data)}")
    return base64.b64decode(stripped)


def _base32_padding_fault(data: bytes, position: int, digits: int) -> int | None:
    """Where the padding that starts at `position` goes wrong; None when Go is content with it.

    What follows a complete padding is not looked at.
    """
    rest = data[position + 1 :]
    if len(rest) + digits < 7:
        return len(data)
    for index in range(7 - digits):
        if rest[index] != _PAD:
            return position + index
    return position if digits in (1, 3, 6) else None


def _base32_parts(data: bytes) -> bytes:
    """The digits of the text; raises where Go does."""
    digits = 0
    for position, byte in enumerate(data):
        if byte == _PAD and digits >= 2 and len(data) - position - 1 < 8:
            fault = _base32_padding_fault(data, position, digits)
            if fault is not None:
                raise DecodeError(f"illegal base32 data at input byte {fault}")
            return data[:position]
        if byte not in _BASE32_DIGITS:
            raise DecodeError(f"illegal base32 data at input byte {position}")
        digits = (digits + 1) % 8
    if digits:
        raise DecodeError(f"illegal base32 data at input byte {len(data) - digits}")
    return data


def _decode_base32(text: str) -> bytes:
    digits = _base32_parts(to_bytes(text).translate(None, _LINE_BREAKS))
    return base64.b32decode(digits + b"=" * (-len(digits) % 8))


def _decode_hex(text: str) -> bytes:
    data = to_bytes(text)
    good = _HEX.match(data)
    end = good.end() if good is not None else 0
    if end < len(data):
        rune = chr(data[end])
        shown = f" '{rune}'" if is_print(rune) else ""
        raise DecodeError(f"encoding/hex: invalid byte: U+{data[end]:04X}{shown}")
    if len(data) % 2:
        raise DecodeError("encoding/hex: odd length hex string")
    return bytes.fromhex(text)


def b64enc(text: str) -> str:
    """Standard Base64 with padding."""
    return base64.b64encode(to_bytes(text)).decode("ascii")


def b64dec(text: str) -> str:
    """What the Base64 text says, or the text of the error."""
    try:
        return from_bytes(decode_base64(text))
    except DecodeError as err:
        return str(err)


def b32enc(text: str) -> str:
    """Base32 with padding."""
    return base64.b32encode(to_bytes(text)).decode("ascii")


def b32dec(text: str) -> str:
    """What the Base32 text says, or the text of the error."""
    try:
        return from_bytes(_decode_base32(text))
    except DecodeError as err:
        return str(err)


def hexdec(text: str) -> str:
    """What the hexadecimal text says, or the text of the error."""
    try:
        return from_bytes(_decode_hex(text))
    except DecodeError as err:
        return str(err)


_S: Final = (Param.STRING,)

TABLE: Final = (
    Function("b64enc", b64enc, _S),
    Function("b64dec", b64dec, _S),
    Function("b32enc", b32enc, _S),
    Function("b32dec", b32dec, _S),
    Function("hexdec", hexdec, _S),
)
