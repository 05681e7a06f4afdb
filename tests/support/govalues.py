"""Go values as JSON: how recorded calls of template functions write their arguments and results.

nil, bools and text are themselves; a list is []interface {}; everything else is an object of one key that names the type:
`{"int": "3"}`, `{"map": [["k", 1]]}`, `{"bytes": "<Base64>"}` for text that is not UTF-8.
"""

from __future__ import annotations

import base64
import math
from typing import Any

from eso.template.functions.certificate import CertificateRecord
from eso.template.functions.durations import Duration
from eso.template.functions.gotime import Month, Time, Weekday
from eso.template.functions.locations import load_location
from eso.template.functions.versions import Version, VersionValue, parse_version
from eso.template.gotext.values import (
    GoObject,
    Int64,
    IntList,
    ListOfLists,
    NilList,
    NilMap,
    NilStringList,
    StringList,
    StringMap,
    Uint8,
    from_bytes,
    sorted_keys,
    to_bytes,
    to_text,
    type_of,
)

_NILS = {
    "[]interface {}": NilList,
    "[]string": NilStringList,
    "map[string]interface {}": NilMap,
}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else from_bytes(base64.b64decode(value["bytes"]))


_DECODERS: dict[str, Any] = {
    "bytes": lambda value: from_bytes(base64.b64decode(value)),
    "int": int,
    "int64": lambda value: Int64(int(value)),
    "uint8": lambda value: Uint8(int(value)),
    "float64": float,
    "complex128": lambda value: complex(value.replace("i", "j")),
    "nil": lambda value: _NILS[value](),
    "strings": lambda value: StringList([_text(item) for item in value]),
    "ints": lambda value: IntList([int(item) for item in value]),
    "lists": lambda value: ListOfLists([decode(item) for item in value]),
    "map": lambda value: {_text(key): decode(item) for key, item in value},
    "time": lambda value: Time() if value[2] is None else Time(int(value[0]), int(value[1]), load_location(value[2])),
    "cert": lambda value: CertificateRecord(*value),
    "semver": parse_version,
    "duration": lambda value: Duration(int(value)),
    "month": lambda value: Month(int(value)),
    "weekday": lambda value: Weekday(int(value)),
    "smap": lambda value: StringMap({_text(key): _text(item) for key, item in value}),
}


def decode(value: Any) -> Any:
    """The value that a recorded form means."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    return _DECODERS[kind](content)


def _encode_text(text: str) -> Any:
    try:
        text.encode()
    except UnicodeEncodeError:
        return {"bytes": base64.b64encode(to_bytes(text)).decode()}
    return text


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(value).replace("inf", "Inf")


def _encode_list(value: list[Any]) -> Any:
    for name, cls in _NILS.items():
        if type(value) is cls:
            return {"nil": name}
    if isinstance(value, StringList):
        return {"strings": [_encode_text(item) for item in value]}
    if isinstance(value, IntList):
        return {"ints": [str(item) for item in value]}
    items = [encode(item) for item in value]
    return {"lists": items} if isinstance(value, ListOfLists) else items


def _encode_map(value: dict[str, Any]) -> Any:
    if isinstance(value, NilMap):
        return {"nil": "map[string]interface {}"}
    kind = "smap" if isinstance(value, StringMap) else "map"
    return {kind: [[_encode_text(key), encode(value[key])] for key in sorted_keys(value)]}


def encode(value: Any) -> Any:
    """The recorded form of a value."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _encode_text(value)
    if isinstance(value, int):
        return {type_of(value): str(int(value))}
    if isinstance(value, float):
        return {"float64": _float(value)}
    if isinstance(value, complex):
        return {"complex128": to_text(value)}
    if isinstance(value, list):
        return _encode_list(value)
    if isinstance(value, dict):
        return _encode_map(value)
    if isinstance(value, Time):
        return {"time": value.format("2006-01-02T15:04:05.999999999 -07:00 MST") + f" | {value}"}
    if isinstance(value, CertificateRecord):
        return {"cert": [value.cert, value.key]}
    if isinstance(value, VersionValue):
        kind = "semver" if isinstance(value, Version) else "semver value"
        return {kind: f"{value} | {value.original}"}
    if isinstance(value, GoObject):
        if value.kind in ("int", "int64"):
            return {value.go_type.removeprefix("time.").lower(): str(value.number())}
        return {value.go_type.removeprefix("*time.").lower(): str(value)}
    return {"other": str(value)}


def canonical(value: Any) -> Any:
    """A recorded form with floats in one spelling."""
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, dict):
        if set(value) == {"float64"}:
            return {"float64": _float(float(value["float64"]))}
        return {key: canonical(item) for key, item in value.items()}
    return value
