"""Secret values as a type that cannot speak.

A `SecretValue` does not print, format, log, pickle, copy into JSON or show up in the text of an exception.
Whoever needs the bytes says so: `value.reveal()`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Final, NoReturn

__all__ = ["REDACTED", "SecretMap", "SecretValue", "reveal_all", "wrap_all"]

REDACTED: Final = "[redacted]"


class SecretValue:
    """Bytes that nobody sees by accident."""

    __slots__ = ("__value",)

    def __init__(self, value: bytes | str) -> None:
        self.__value = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)

    def reveal(self) -> bytes:
        """The bytes themselves. Call it where they are written to their destination, not earlier."""
        return self.__value

    def reveal_text(self) -> str:
        """The value as text.

        Raises:
            UnicodeDecodeError: never; bytes that are not UTF-8 become surrogates and encode back unchanged.
        """
        return self.__value.decode("utf-8", "surrogateescape")

    def utf8(self) -> str | None:
        """The value as text; None for bytes that are not UTF-8. An error of the decoder would hold the value."""
        try:
            return self.__value.decode()
        except UnicodeDecodeError:
            return None

    def __len__(self) -> int:
        return len(self.__value)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretValue):
            return NotImplemented
        return hmac.compare_digest(self.__value, other.__value)

    # A hash would allow guessing a short value from a set's order; nothing needs one.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"SecretValue({REDACTED})"

    def __str__(self) -> str:
        return REDACTED

    def __format__(self, spec: str) -> str:
        return REDACTED

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret value cannot be pickled or copied")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a secret value cannot be pickled or copied")


SecretMap = dict[str, SecretValue]
"""Keys of a secret and their values."""


def wrap_all(values: Mapping[str, bytes | str]) -> SecretMap:
    """Each value wrapped."""
    return {key: SecretValue(value) for key, value in values.items()}


def reveal_all(values: Mapping[str, SecretValue]) -> dict[str, bytes]:
    """Each value unwrapped; for the step that writes them."""
    return {key: value.reveal() for key, value in values.items()}
