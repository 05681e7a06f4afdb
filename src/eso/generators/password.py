"""Password: random passwords with exact numbers of digits and symbols."""

from __future__ import annotations

import asyncio
import base64
import secrets
import string
from collections.abc import Callable, Container, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from eso.api.generators_v1alpha1.password import PasswordSpec
from eso.errors import InvalidSpecError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.values import SecretMap, SecretValue

__all__ = ["PasswordGenerator"]

_RANDOM: Final = secrets.SystemRandom()
_LENGTH: Final = 24
_MOST: Final = 1 << 20
"""Bytes that a Secret holds; source: Kubernetes, `MaxSecretSize`."""

_AT_ONCE: Final = 1 << 10
"""Characters that are made in some milliseconds; more would keep everybody else waiting."""

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
        work = len(keys) * max(_length(spec), len(spec.symbol_characters or ""))
        if work > _MOST:
            raise InvalidSpecError(
                f"spec.length (or the number of spec.symbolCharacters) times spec.secretKeys must not exceed {_MOST}"
            )
        if work > _AT_ONCE:
            return Generated(await asyncio.to_thread(_made, spec, keys))
        return Generated(_made(spec, keys))


def _made(spec: PasswordSpec, keys: Sequence[str]) -> SecretMap:
    encode = _ENCODINGS.get(spec.encoding, bytes)
    return {key: SecretValue(encode(_password(spec).encode())) for key in keys}


def _length(spec: PasswordSpec) -> int:
    return spec.length if spec.length > 0 else _LENGTH


def _password(spec: PasswordSpec) -> str:
    length = _length(spec)
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
        chosen += _repeated(pool, count) if spec.allow_repeat else _different(pool, count, frozenset(chosen), what)
    _RANDOM.shuffle(chosen)
    return "".join(chosen)


def _repeated(pool: str, count: int) -> list[str]:
    return [_RANDOM.choice(pool) for _ in range(count)]


def _different(pool: str, count: int, taken: Container[str], what: str) -> list[str]:
    # As drawing again and again until something new comes: a character that stands twice in the pool is twice as likely.
    mixed = list(pool)
    _RANDOM.shuffle(mixed)
    fresh = list(dict.fromkeys(character for character in mixed if character not in taken))
    if len(fresh) < count:
        # The symbols of the spec may repeat, or hold letters and digits that are used up.
        raise InvalidSpecError(
            f"there are too few different {what}: lower the number, add characters, or set spec.allowRepeat"
        )
    return fresh[:count]
