"""Deep copies of values."""

from __future__ import annotations

from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import Value

__all__ = ["deep_copy"]


def deep_copy(value: Value) -> Value:
    """A copy that shares no list or dict with the value; types are kept.

    Raises:
        FunctionError: the value is nil.
    """
    if value is None:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    return _copied(value)


def _copied(value: Value) -> Value:
    if isinstance(value, list):
        return type(value)([_copied(item) for item in value])
    if isinstance(value, dict):
        return type(value)({key: _copied(item) for key, item in value.items()})
    return value
