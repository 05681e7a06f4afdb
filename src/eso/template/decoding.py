"""Decoding of rendered values before they are stored."""

from __future__ import annotations

from typing import Final

from eso.template.functions.encoding import DecodeError, decode_base64
from eso.template.gotext.values import from_bytes

__all__ = ["DecodeError", "decode"]

_URL_TO_STANDARD: Final = str.maketrans("-_+/", "+/\x00\x00")
"""Turns the URL alphabet into the standard one, and the two letters it lacks into ones that no alphabet has."""


def _decode_base64url(text: str) -> str:
    return from_bytes(decode_base64(text.translate(_URL_TO_STANDARD)))


def decode(text: str, strategy: str) -> str:
    """A rendered value after decoding.

    Args:
        text: the value.
        strategy: `None` or empty, `Base64`, `Base64URL`, or `Auto`, which takes the first that works.

    Raises:
        DecodeError: the value is not in that encoding; the message says where, never what.
        ValueError: the strategy is unknown.
    """
    if strategy in ("", "None"):
        return text
    if strategy == "Base64":
        return from_bytes(decode_base64(text))
    if strategy == "Base64URL":
        return _decode_base64url(text)
    if strategy != "Auto":
        raise ValueError(f"decoding strategy {strategy} is not supported")
    try:
        return from_bytes(decode_base64(text))
    except DecodeError:
        pass
    try:
        return _decode_base64url(text)
    except DecodeError:
        return text
