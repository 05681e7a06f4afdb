"""Decimal arithmetic on floats: each number is read as its shortest decimal text, so 0.1 + 0.2 is 0.3."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from eso.template.functions.cast import to_float64
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.numbertext import decimal_digits, special_text
from eso.template.gotext.values import Value

__all__ = ["TABLE"]

_DIVISION_PLACES: Final = 16
"""Digits after the point that a quotient keeps. Source: shopspring/decimal, DivisionPrecision."""


def _decimal(value: Value) -> Fraction:
    number = to_float64(value)
    special = special_text(number)
    if special is not None:
        raise FunctionError(f"Cannot create a Decimal from {special}")
    digits, point = decimal_digits(number)
    if not digits:
        return Fraction(0)
    exact = Fraction(int(digits)) * Fraction(10) ** (point - len(digits))
    return -exact if number < 0 else exact


def _float(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _quotient(left: Fraction, right: Fraction) -> Fraction:
    if right == 0:
        raise FunctionError("decimal division by 0")
    scaled = abs(left / right) * 10**_DIVISION_PLACES
    rounded = Fraction(math.floor(scaled + Fraction(1, 2)), 10**_DIVISION_PLACES)
    return -rounded if (left < 0) != (right < 0) else rounded


def _fold(operation: Callable[[Fraction, Fraction], Fraction], first: Value, others: tuple[Value, ...]) -> float:
    result = _decimal(first)
    for other in others:
        result = operation(result, _decimal(other))
    return _float(result)


def addf(*values: Value) -> float:
    """The sum.

    Raises:
        FunctionError: a number is not finite.
    """
    return _fold(lambda left, right: left + right, 0.0, values)


def add1f(value: Value) -> float:
    """One more.

    Raises:
        FunctionError: the number is not finite.
    """
    return addf(value, 1)


def subf(value: Value, *others: Value) -> float:
    """The first number minus the others.

    Raises:
        FunctionError: a number is not finite.
    """
    return _fold(lambda left, right: left - right, value, others)


def mulf(value: Value, *others: Value) -> float:
    """The product.

    Raises:
        FunctionError: a number is not finite.
    """
    return _fold(lambda left, right: left * right, value, others)


def divf(value: Value, *others: Value) -> float:
    """The first number divided by the others, each quotient rounded to 16 places, half away from zero.

    Raises:
        FunctionError: a divisor is zero or a number is not finite.
    """
    return _fold(_quotient, value, others)


_A: Final = Param.ANY

TABLE: Final = (
    Function("addf", addf, (), _A),
    Function("add1f", add1f, (_A,)),
    Function("subf", subf, (_A,), _A),
    Function("mulf", mulf, (_A,), _A),
    Function("divf", divf, (_A,), _A),
)
