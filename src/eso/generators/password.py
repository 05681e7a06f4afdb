"""Password: random passwords with exact numbers of digits and symbols."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from eso.api.generators_v1alpha1.password import PasswordSpec
from eso.errors import InvalidSpecError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.values import SecretValue

__all__ = ["PasswordGenerator"]

_LENGTH: Final = 24
_SYMBOLS: Final = '~!@#$%^&*()_+`-={}|[]\\:"<>?,./'
"""Source: ESO v2.9.0, the generator's default symbols."""

_ENCODINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        "base64": base64.b64encode,
        "base64url": base64.urlsafe_b64encode,
        "base32": base64.b32encode,
        "hex": lambda value: value.hex().encode(),
    }
)


class PasswordGenerator(Generator[PasswordSpec]):
    """Makes one password for each of `spec.secretKeys`, independent of each other."""

    kind = "Password"
    spec_type = PasswordSpec

    async def generate(self, spec: PasswordSpec, context: GeneratorContext) -> Generated:
        """New passwords.

        Raises:
            InvalidSpecError: no password can have that shape, or the keys are empty or not unique.
        """
        keys = ["password"] if spec.secret_keys is None else spec.secret_keys
        if not keys or not all(keys):
            raise InvalidSpecError("spec.secretKeys: keys must not be empty")
        if len(set(keys)) != len(keys):
            raise InvalidSpecError("spec.secretKeys: keys must be unique")
        encode = _ENCODINGS.get(spec.encoding, bytes)
        return Generated({key: SecretValue(encode(_password(spec).encode())) for key in keys})


def _password(spec: PasswordSpec) -> str:
    length = spec.length if spec.length > 0 else _LENGTH
    digits = length // 4 if spec.digits is None else spec.digits
    symbols = length // 4 if spec.symbols is None else spec.symbols
    if digits < 0 or symbols < 0:
        raise InvalidSpecError("spec.digits and spec.symbols must not be negative")
    letters = length - digits - symbols
    if letters < 0:
        raise InvalidSpecError(f"spec.digits ({digits}) and spec.symbols ({symbols}) exceed spec.length ({length})")
    alphabet = string.ascii_lowercase if spec.no_upper else string.ascii_letters
    chosen: list[str] = []
    for pool, count, what in (
        (alphabet, letters, "letters"),
        (string.digits, digits, "digits"),
        (spec.symbol_characters or _SYMBOLS, symbols, "symbols"),
    ):
        if not spec.allow_repeat and count > len(pool):
            raise InvalidSpecError(
                f"{count} {what} are wanted but there are only {len(pool)}: lower the number or set spec.allowRepeat"
            )
        for _ in range(count):
            _insert(chosen, _drawn(pool, chosen, spec.allow_repeat, what))
    return "".join(chosen)


def _drawn(pool: Sequence[str], chosen: Sequence[str], allow_repeat: bool, what: str) -> str:
    left = pool if allow_repeat else [character for character in pool if character not in chosen]
    if not left:
        # The symbols of the spec may repeat, or hold letters and digits that are used up.
        raise InvalidSpecError(
            f"there are too few different {what}: lower the number, add characters, or set spec.allowRepeat"
        )
    return secrets.choice(left)


def _insert(chosen: list[str], character: str) -> None:
    chosen.insert(secrets.randbelow(len(chosen) + 1), character)
