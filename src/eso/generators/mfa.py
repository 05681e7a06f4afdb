"""MFA: time-based one-time passwords (RFC 6238)."""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from eso.api.generators_v1alpha1.mfa import MFASpec
from eso.errors import InvalidSpecError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.values import SecretValue, wrap_all

__all__ = ["MFAGenerator", "one_time_password"]

_DIGITS: Final = 6
_PERIOD: Final = 30
_MOST_DIGITS: Final = 64
_ALGORITHM: Final = "sha1"
"""`spec.algorithm` is not honoured: External Secrets Operator has never done so, and codes would change."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MFAGenerator(Generator[MFASpec]):
    """Makes the code that an authenticator would show: `token`, and `timeLeft` in seconds.

    Args:
        clock: the wall clock.
    """

    kind = "MFA"
    spec_type = MFASpec

    def __init__(self, clock: Callable[[], datetime] = _utc_now) -> None:
        self._clock = clock

    async def generate(self, spec: MFASpec, context: GeneratorContext) -> Generated:
        """The code of `spec.when`, or of now.

        Raises:
            InvalidSpecError: the seed is not base32 without padding, or the length is absurd.
            ReferenceNotFoundError: there is no seed.
        """
        seed = _decoded(await context.resolve(spec.secret))
        digits = spec.length if spec.length and spec.length > 0 else _DIGITS
        if digits > _MOST_DIGITS:
            raise InvalidSpecError(f"spec.length: a code has at most {_MOST_DIGITS} digits")
        period = spec.time_period if spec.time_period and spec.time_period > 0 else _PERIOD
        moment = int((spec.when or self._clock()).timestamp())
        code = one_time_password(seed, moment // period, digits)
        return Generated(wrap_all({"token": code, "timeLeft": str(period - moment % period)}))


def one_time_password(seed: bytes, counter: int, digits: int) -> str:
    """The code of a counter (RFC 4226): HMAC-SHA1, truncated, the last `digits` decimal digits."""
    digest = hmac.digest(seed, struct.pack(">Q", counter % (1 << 64)), _ALGORITHM)
    offset = digest[-1] & 0x0F
    (number,) = struct.unpack_from(">I", digest, offset)
    return str((number & 0x7FFFFFFF) % 10**digits).zfill(digits)


def _decoded(seed: SecretValue) -> bytes:
    text = seed.reveal().replace(b" ", b"").upper()
    try:
        if b"=" in text:
            raise binascii.Error
        return base64.b32decode(text + b"=" * (-len(text) % 8))
    except binascii.Error:
        raise InvalidSpecError("spec.secret: the seed must be base32 without padding") from None
