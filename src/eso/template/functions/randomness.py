"""Random text."""

from __future__ import annotations

import base64
import secrets
import string
import uuid
from collections.abc import Callable
from typing import Final

from eso.template.functions.runes import runes
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.limits import Budget

__all__ = ["TABLE"]

_PRINTABLE: Final = "".join(map(chr, range(32, 127)))


def _of(alphabet: str) -> Callable[[Budget, int], str]:
    def random_text(budget: Budget, count: int) -> str:
        if count <= 0:
            return ""
        budget.spend(count)
        return "".join([secrets.choice(alphabet) for _ in range(count)])

    return random_text


def rand_bytes(budget: Budget, count: int) -> str:
    """Random bytes in Base64.

    Raises:
        FunctionError: the count is negative.
    """
    if count < 0:
        raise FunctionError("runtime error: makeslice: len out of range")
    budget.spend(count * 2)
    return base64.b64encode(secrets.token_bytes(count)).decode("ascii")


def shuffle(text: str) -> str:
    """The characters in random order."""
    characters = list(runes(text))
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)


def uuidv4() -> str:
    """A random UUID."""
    return str(uuid.uuid4())


_I: Final = (Param.INT,)

TABLE: Final = (
    Function("randAlphaNum", _of(string.ascii_letters + string.digits), _I, needs_budget=True),
    Function("randAlpha", _of(string.ascii_letters), _I, needs_budget=True),
    Function("randNumeric", _of(string.digits), _I, needs_budget=True),
    Function("randAscii", _of(_PRINTABLE), _I, needs_budget=True),
    Function("randBytes", rand_bytes, _I, needs_budget=True),
    Function("shuffle", shuffle, (Param.STRING,)),
    Function("uuidv4", uuidv4),
)
