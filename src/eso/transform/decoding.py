r"""`decodingStrategy`: base64 as Go reads it.

Source: ESO `esutils.Decode`; `encoding/base64` StdEncoding and URLEncoding of Go: padding is required, `\r` and `\n` are
skipped, bits behind the last byte are ignored.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from eso.errors import EsoError, InvalidSpecError

__all__ = ["decode", "decode_all", "decode_base64"]

_STANDARD: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_URL: Final = re.compile(rb"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?")


def decode_base64(value: bytes, *, url: bool = False) -> bytes:
    """Padded base64, standard or URL alphabet.

    Raises:
        EsoError: it is none; the text does not hold the value.
    """
    text = value.translate(None, b"\r\n")
    if not (_URL if url else _STANDARD).fullmatch(text):
        raise EsoError("illegal base64 data")
    try:
        return base64.b64decode(text.translate(bytes.maketrans(b"-_", b"+/")) if url else text)
    except binascii.Error:
        raise EsoError("illegal base64 data") from None


def decode(value: bytes, strategy: str) -> bytes:
    """A value decoded: `None` or empty, `Base64`, `Base64URL`, or `Auto` (whichever fits, else unchanged).

    Raises:
        EsoError: it cannot be decoded that way.
        InvalidSpecError: unknown strategy.
    """
    if strategy in ("", "None"):
        return value
    if strategy == "Base64":
        return decode_base64(value)
    if strategy == "Base64URL":
        return decode_base64(value, url=True)
    if strategy == "Auto":
        return _auto(value)
    raise InvalidSpecError(f"decoding strategy {strategy} is not supported")


def decode_all(data: Mapping[str, bytes], strategy: str) -> dict[str, bytes]:
    """Each value decoded.

    Raises:
        EsoError: as `decode`, naming the key.
    """
    found: dict[str, bytes] = {}
    for key, value in data.items():
        try:
            found[key] = decode(value, strategy)
        except InvalidSpecError as err:
            raise InvalidSpecError(f"failure decoding key {key}: {err}") from err
        except EsoError as err:
            raise EsoError(f"failure decoding key {key}: {err}") from err
    return found


def _auto(value: bytes) -> bytes:
    for url in (False, True):
        try:
            return decode_base64(value, url=url)
        except EsoError:
            continue
    return value
