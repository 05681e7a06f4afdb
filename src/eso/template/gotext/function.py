"""Functions and methods that templates call: their name, their parameters, and how they fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = ["AuthoredFailure", "Function", "FunctionError", "Param"]


class FunctionError(Exception):
    """A function failed; the text becomes the reason in `error calling NAME: REASON`.

    The text reaches status conditions: it must not hold a value that was passed to the function.
    """


class AuthoredFailure(FunctionError):
    """The template itself asked to fail; the text is what it said, which may be computed from the data."""


class Param(Enum):
    """The Go type of a parameter; the value is its text in messages."""

    ANY = "interface {}"
    VALUE = "reflect.Value"
    """A parameter of Go's own functions: like ANY, but an absent value stays apart from nil."""
    STRING = "string"
    INT = "int"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT32 = "uint32"
    UINT64 = "uint64"
    FLOAT64 = "float64"
    BOOL = "bool"
    DICT = "map[string]interface {}"
    LIST = "[]interface {}"
    TIME = "time.Time"
    DURATION = "time.Duration"
    LOCATION = "*time.Location"
    VERSION = "*semver.Version"
    NAMED_STRING = "sprig.HashAlgorithm"
    """A string type of its own: only a string literal converts to it."""
    CERTIFICATE = "sprig.certificate"


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function of a table, or a method of a `GoObject`.

    Attributes:
        name: as templates write it.
        call: called with the converted arguments; a method gets its receiver before them.
        params: the fixed parameters.
        variadic: the type of each further argument; None when there are none.
        needs_budget: `call` gets the render's `Budget` before everything else.
        short_circuit: for `and` and `or`: the truth value that ends the evaluation of arguments; `call` is not used.

    `call` raises `FunctionError` to fail with a reason. Any other `Exception` fails too, with a reason that names only
    its class.
    """

    name: str
    call: Callable[..., Any]
    params: tuple[Param, ...] = ()
    variadic: Param | None = None
    needs_budget: bool = False
    short_circuit: bool | None = None
