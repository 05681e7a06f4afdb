"""Functions on dicts."""

from __future__ import annotations

from typing import Final

from eso.template.functions.copying import deep_copy
from eso.template.functions.merging import MergeConflict, merge_into
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.values import StringList, Value, sorted_keys, to_text, type_of

__all__ = ["TABLE"]


def new_dict(*values: Value) -> dict[str, Value]:
    """A dict of keys and values in turn; keys become text, a trailing key has an empty text."""
    result: dict[str, Value] = {}
    for index in range(0, len(values), 2):
        result[to_text(values[index])] = values[index + 1] if index + 1 < len(values) else ""
    return result


def get(dictionary: dict[str, Value], key: str) -> Value:
    """The value of a key; an empty text when it is absent."""
    return dictionary.get(key, "")


def set_key(dictionary: dict[str, Value], key: str, value: Value) -> dict[str, Value]:
    """The same dict with the key set."""
    dictionary[key] = value
    return dictionary


def unset(dictionary: dict[str, Value], key: str) -> dict[str, Value]:
    """The same dict without the key."""
    dictionary.pop(key, None)
    return dictionary


def has_key(dictionary: dict[str, Value], key: str) -> bool:
    """Whether the key is present."""
    return key in dictionary


def pluck(key: str, *dictionaries: dict[str, Value]) -> list[Value]:
    """The values of one key in all dicts that have it."""
    return [dictionary[key] for dictionary in dictionaries if key in dictionary]


def keys(*dictionaries: dict[str, Value]) -> StringList:
    """The keys of all dicts, in order within each. Go's order is random."""
    return StringList([key for dictionary in dictionaries for key in sorted_keys(dictionary)])


def values_of(dictionary: dict[str, Value]) -> list[Value]:
    """The values in order of their keys. Go's order is random."""
    return [dictionary[key] for key in sorted_keys(dictionary)]


def pick(dictionary: dict[str, Value], *wanted: str) -> dict[str, Value]:
    """A dict of only the wanted keys."""
    return {key: dictionary[key] for key in wanted if key in dictionary}


def omit(dictionary: dict[str, Value], *unwanted: str) -> dict[str, Value]:
    """A dict without the unwanted keys."""
    return {key: value for key, value in dictionary.items() if key not in unwanted}


def _as_dict(value: Value) -> dict[str, Value]:
    if type_of(value) != "map[string]interface {}":
        shown = "nil" if value is None else type_of(value)
        raise FunctionError(f"interface conversion: interface {{}} is {shown}, not map[string]interface {{}}")
    result: dict[str, Value] = value
    return result


def dig(*arguments: Value) -> Value:
    """The value under a path of keys, or the default before the dict.

    Raises:
        FunctionError: fewer than three arguments, a key that is no text, a value on the way that is no dict.
    """
    if len(arguments) < 3:
        raise FunctionError("dig needs at least three arguments")
    current = _as_dict(arguments[-1])
    path = arguments[:-2]
    for key in path:
        if not isinstance(key, str):
            shown = "nil" if key is None else type_of(key)
            raise FunctionError(f"interface conversion: interface {{}} is {shown}, not string")
    for key in path[:-1]:
        if key not in current:
            return arguments[-2]
        current = _as_dict(current[key])
    return current.get(path[-1], arguments[-2])


def _merged(target: dict[str, Value], sources: tuple[dict[str, Value], ...], overwrite: bool) -> dict[str, Value]:
    for source in sources:
        target = merge_into(target, source, overwrite=overwrite)
    return target


def must_merge(target: dict[str, Value], *sources: dict[str, Value]) -> Value:
    """The target with its empty values filled from the sources, changed in place.

    Raises:
        FunctionError: values that cannot be merged.
    """
    return _merged(target, sources, overwrite=False)


def must_merge_overwrite(target: dict[str, Value], *sources: dict[str, Value]) -> Value:
    """The target with the values of the sources over its own, changed in place.

    Raises:
        FunctionError: values that cannot be merged.
    """
    return _merged(target, sources, overwrite=True)


def merge(target: dict[str, Value], *sources: dict[str, Value]) -> Value:
    """`must_merge`, with an empty text when values cannot be merged."""
    try:
        return _merged(target, sources, overwrite=False)
    except MergeConflict:
        return ""


def merge_overwrite(target: dict[str, Value], *sources: dict[str, Value]) -> Value:
    """`must_merge_overwrite`, with an empty text when values cannot be merged."""
    try:
        return _merged(target, sources, overwrite=True)
    except MergeConflict:
        return ""


_D: Final = Param.DICT
_S: Final = Param.STRING

TABLE: Final = (
    Function("dict", new_dict, (), Param.ANY),
    Function("get", get, (_D, _S)),
    Function("set", set_key, (_D, _S, Param.ANY)),
    Function("unset", unset, (_D, _S)),
    Function("hasKey", has_key, (_D, _S)),
    Function("pluck", pluck, (_S,), _D),
    Function("keys", keys, (), _D),
    Function("values", values_of, (_D,)),
    Function("pick", pick, (_D,), _S),
    Function("omit", omit, (_D,), _S),
    Function("dig", dig, (), Param.ANY),
    Function("merge", merge, (_D,), _D),
    Function("mustMerge", must_merge, (_D,), _D),
    Function("mergeOverwrite", merge_overwrite, (_D,), _D),
    Function("mustMergeOverwrite", must_merge_overwrite, (_D,), _D),
    Function("deepCopy", deep_copy, (Param.ANY,)),
    Function("mustDeepCopy", deep_copy, (Param.ANY,)),
)
