"""Checks on the keys and values of a Secret before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from eso.errors import EsoError, InvalidSpecError
from eso.transform.conversion import is_key_char

__all__ = ["check_null_bytes", "check_null_bytes_in", "valid_keys"]

V = TypeVar("V")

_LONGEST: Final = 253
"""Bytes in a key; the API server's limit for keys of Secrets and ConfigMaps."""


def valid_keys(data: Mapping[str, V]) -> dict[str, V]:
    """The map without an empty key.

    Raises:
        EsoError: a key is too long, or holds a character that a Secret does not accept.
    """
    found: dict[str, V] = {}
    for key, value in data.items():
        if not key:
            continue
        length = len(key.encode("utf-8", "surrogateescape"))
        if length > _LONGEST:
            raise EsoError(f"key has length {length} but max is {_LONGEST}: (following is truncated): {key[:_LONGEST]}")
        for char in key:
            if not is_key_char(char):
                raise EsoError(
                    f"key has invalid character {char}, only alphanumeric, '-', '.' and '_' are allowed: {key}"
                )
        found[key] = value
    return found


def check_null_bytes(key: str, value: bytes, policy: str) -> None:
    """Refuse a value with a 0x00 byte where the policy is `Fail`.

    Raises:
        EsoError: it holds one.
        InvalidSpecError: unknown policy.
    """
    if policy in ("", "Ignore"):
        return
    if policy != "Fail":
        raise InvalidSpecError(f"unknown null byte policy: {policy}")
    if b"\0" in value:
        raise EsoError(
            f'fetched secret value for key "{key}" contains null bytes; '
            "set nullBytePolicy to Ignore to keep them, or decode the value"
        )


def check_null_bytes_in(data: Mapping[str, bytes], policy: str) -> None:
    """`check_null_bytes` for each value, in the order of the keys."""
    for key in sorted(data):
        check_null_bytes(key, data[key], policy)
