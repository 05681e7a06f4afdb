"""Functions on numbers. Integers are 64 bits and wrap around."""

from __future__ import annotations

import math
import secrets
from typing import Final

from eso.template.functions.cast import parse_int, to_float64, to_int, to_int64
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.values import Int64, IntList, Value, to_text, wrap_int64
from eso.template.limits import Budget

__all__ = ["TABLE"]

_INT_MIN: Final = -(1 << 63)
_INT_MAX: Final = (1 << 63) - 1
_ELEMENT_BYTES: Final = 8


def atoi(text: str) -> int:
    """The number a plain decimal text says; 0 for anything else, the nearest int when it is out of range."""
    sign = -1 if text[:1] == "-" else 1
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit()):
        return 0
    number = parse_int(text, 10)
    if number is None:
        return _INT_MIN if sign < 0 else _INT_MAX
    return number


def to_decimal(value: Value) -> Int64:
    """The number whose octal digits the value's text shows; 0 for anything else."""
    return Int64(parse_int(to_text(value), 8) or 0)


def add(*values: Value) -> Int64:
    """The sum."""
    return wrap_int64(sum([int(to_int64(value)) for value in values]))


def add1(value: Value) -> Int64:
    """One more."""
    return wrap_int64(to_int64(value) + 1)


def sub(left: Value, right: Value) -> Int64:
    """The difference."""
    return wrap_int64(to_int64(left) - to_int64(right))


def mul(value: Value, *others: Value) -> Int64:
    """The product."""
    result = to_int64(value)
    for other in others:
        result = wrap_int64(result * to_int64(other))
    return result


def _quotient(left: int, right: int) -> int:
    if right == 0:
        raise FunctionError("runtime error: integer divide by zero")
    magnitude = abs(left) // abs(right)
    return magnitude if (left < 0) == (right < 0) else -magnitude


def div(left: Value, right: Value) -> Int64:
    """The quotient, truncated toward zero.

    Raises:
        FunctionError: the divisor is zero.
    """
    return wrap_int64(_quotient(to_int64(left), to_int64(right)))


def mod(left: Value, right: Value) -> Int64:
    """The remainder, with the sign of the dividend.

    Raises:
        FunctionError: the divisor is zero.
    """
    dividend, divisor = to_int64(left), to_int64(right)
    return wrap_int64(dividend - _quotient(dividend, divisor) * divisor)


def maximum(value: Value, *others: Value) -> Int64:
    """The largest number."""
    return max([to_int64(value), *[to_int64(other) for other in others]])


def minimum(value: Value, *others: Value) -> Int64:
    """The smallest number."""
    return min([to_int64(value), *[to_int64(other) for other in others]])


def _larger(left: float, right: float) -> float:
    if math.isinf(left) or math.isinf(right):
        return math.inf if math.inf in (left, right) else left if math.isnan(left) or right == -math.inf else right
    if math.isnan(left) or math.isnan(right):
        return math.nan
    if left == 0 and right == 0:
        return right if math.copysign(1.0, left) < 0 else left
    return max(left, right)


def maxf(value: Value, *others: Value) -> float:
    """The largest number; NaN wins over any but positive infinity."""
    result = to_float64(value)
    for other in others:
        result = _larger(result, to_float64(other))
    return result


def minf(value: Value, *others: Value) -> float:
    """The smallest number; NaN wins over any but negative infinity."""
    result = to_float64(value)
    for other in others:
        result = -_larger(-result, -to_float64(other))
    return result


def _integral(value: float, rounded: int) -> float:
    return math.copysign(float(rounded), value)


def floor(value: Value) -> float:
    """The largest whole number that is not above the value."""
    number = to_float64(value)
    return _integral(number, math.floor(number)) if math.isfinite(number) else number


def ceil(value: Value) -> float:
    """The smallest whole number that is not below the value."""
    number = to_float64(value)
    return _integral(number, math.ceil(number)) if math.isfinite(number) else number


def _power_of_ten(places: int) -> float:
    if places > 308:
        return math.inf
    return float(f"1e{places}") if places >= -323 else 0.0


def round_to(value: Value, places: int, *threshold: float) -> float:
    """The value at so many decimal places: up when the fraction reaches the threshold (0.5), else down."""
    power = _power_of_ten(places)
    shifted = power * to_float64(value)
    fraction = math.modf(shifted)[0] if math.isfinite(shifted) else math.nan
    rounded = ceil(shifted) if fraction >= (threshold[0] if threshold else 0.5) else floor(shifted)
    if power == 0:
        return math.nan if rounded == 0 or math.isnan(rounded) else math.copysign(math.inf, rounded)
    return rounded / power


def _range(budget: Budget, start: int, stop: int, step: int) -> IntList:
    if (step >= 0) if stop < start else (step <= 0):
        return IntList()
    numbers = range(start, stop, step)
    budget.spend(len(numbers) * _ELEMENT_BYTES)
    return IntList(numbers)


def until(budget: Budget, count: int) -> IntList:
    """0 to before `count`, downward when it is negative."""
    return _range(budget, 0, count, -1 if count < 0 else 1)


def until_step(budget: Budget, start: int, stop: int, step: int) -> IntList:
    """`start` to before `stop`; empty when the step leads away."""
    return _range(budget, start, stop, step)


def seq(budget: Budget, *bounds: int) -> str:
    """Numbers with blanks between: 1 to n, start to end, or start, step, end; both ends are included."""
    if not 1 <= len(bounds) <= 3:
        return ""
    start = bounds[0] if len(bounds) > 1 else 1
    end = bounds[-1]
    direction = -1 if end < start else 1
    step = bounds[1] if len(bounds) == 3 else direction
    if direction < 0 < step:
        return ""
    return " ".join([str(number) for number in _range(budget, start, end + direction, step)])


def rand_int(start: int, stop: int) -> int:
    """A random number from `start` to before `stop`.

    Raises:
        FunctionError: there is none.
    """
    if stop <= start:
        raise FunctionError("invalid argument to Intn")
    return start + secrets.randbelow(stop - start)


_A: Final = Param.ANY
_I: Final = Param.INT

TABLE: Final = (
    Function("atoi", atoi, (Param.STRING,)),
    Function("int", to_int, (_A,)),
    Function("int64", to_int64, (_A,)),
    Function("float64", to_float64, (_A,)),
    Function("toDecimal", to_decimal, (_A,)),
    Function("add", add, (), _A),
    Function("add1", add1, (_A,)),
    Function("sub", sub, (_A, _A)),
    Function("mul", mul, (_A,), _A),
    Function("div", div, (_A, _A)),
    Function("mod", mod, (_A, _A)),
    Function("max", maximum, (_A,), _A),
    Function("biggest", maximum, (_A,), _A),
    Function("min", minimum, (_A,), _A),
    Function("maxf", maxf, (_A,), _A),
    Function("minf", minf, (_A,), _A),
    Function("floor", floor, (_A,)),
    Function("ceil", ceil, (_A,)),
    Function("round", round_to, (_A, _I), Param.FLOAT64),
    Function("until", until, (_I,), needs_budget=True),
    Function("untilStep", until_step, (_I, _I, _I), needs_budget=True),
    Function("seq", seq, (), _I, needs_budget=True),
    Function("randInt", rand_int, (_I, _I)),
)
