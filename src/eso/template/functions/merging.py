"""Merging of dicts as the library behind `merge` and `mergeOverwrite` does it."""

from __future__ import annotations

from typing import NoReturn

from eso.template.functions.equality import empty
from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import GoObject, NilMap, StringMap, Value, is_nil, kind_of

__all__ = ["MergeConflict", "merge_into"]


class MergeConflict(FunctionError):
    """The library reports that two values cannot be merged; `merge` hides that, `mustMerge` fails."""


class _Unassignable(dict[str, Value]):
    """A map of strings that is given values of any type, which Go's reflection refuses."""

    def __setitem__(self, key: str, value: Value) -> NoReturn:
        raise FunctionError("reflect.Value.SetMapIndex: value of type interface {} is not assignable to type string")


def _replaceable(value: Value) -> bool:
    """Whether the library counts a value of the target as empty: never a struct, a pointer or a complex number."""
    return not isinstance(value, complex) and empty(value)


def _merge_element(target: Value, source: Value, overwrite: bool) -> None:
    """Merge into the value that stands under the same key of the target; it cannot be replaced here, only filled."""
    if isinstance(target, dict):
        if isinstance(source, dict) and not is_nil(target):
            _fill(target, source, overwrite)
    elif isinstance(target, GoObject):
        if target.kind == "ptr" and kind_of(source) != "ptr" and not overwrite:
            raise MergeConflict("src and dst must be of same type")
        if target.fields() and kind_of(source) != "struct":
            raise FunctionError(f"reflect: call of reflect.Value.Field on {kind_of(source)} Value")


def _fill(target: dict[str, Value], source: dict[str, Value], overwrite: bool) -> None:
    if isinstance(target, StringMap) and not isinstance(source, StringMap):
        target = _Unassignable(target)
    for key, value in list(source.items()):
        if value is None:
            if overwrite:
                target[key] = None
            continue
        present = key in target
        own = target.get(key)
        if isinstance(value, (dict, GoObject)) and own is not None and kind_of(value) in ("map", "struct", "ptr"):
            _merge_element(own, value, overwrite)
        if present and not _replaceable(own):
            if isinstance(value, list) and not overwrite:
                continue
            if isinstance(value, dict) and isinstance(own, dict):
                continue
        if overwrite or not present or _replaceable(own):
            target[key] = value


def merge_into(target: dict[str, Value], source: dict[str, Value], *, overwrite: bool) -> dict[str, Value]:
    """Merge `source` into `target` in place and return it; a nil target becomes a new dict.

    Without `overwrite` only empty values of the target are filled; with it every value of the source wins. Dicts under
    the same key are merged; a dict the target does not have is shared with the source.

    Raises:
        MergeConflict: a pointer of the target meets something else.
        FunctionError: the library panics.
    """
    if isinstance(target, NilMap):
        if isinstance(source, NilMap):
            return target
        target = {}
    _fill(target, source, overwrite)
    return target
