"""YAML in and out: the YAML 1.1 that Kubernetes reads and writes, by way of JSON."""

from __future__ import annotations

import math
import struct
from typing import Final

from eso.template.functions.encoding import DecodeError, decode_base64
from eso.template.functions.jsongo import to_plain
from eso.template.functions.runes import runes
from eso.template.functions.yamlemit import emit
from eso.template.functions.yamlnodes import Alias, Mapping, Node, Scalar, Sequence, YamlError, compose
from eso.template.functions.yamlscalars import Plain, is_timestamp, resolve
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.numbertext import float_text, special_text
from eso.template.gotext.values import Value, from_bytes

__all__ = ["TABLE", "YamlError", "parse_yaml", "scalar_text", "to_yaml"]

_TAG: Final = "tag:yaml.org,2002:"
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "null": (type(None),),
    "timestamp": (str,),
}
"""What a plain value of each standard tag may resolve to."""

_FREE_ALIASES: Final = 100
_FREE_NODES: Final = 1000
_LOW: Final = 400_000
_HIGH: Final = 4_000_000
_MAX_INT64: Final = (1 << 63) - 1


def _allowed_ratio(nodes: int) -> float:
    """The share of nodes that may come from aliases. Source: go.yaml.in/yaml v2, allowedAliasRatio."""
    if nodes <= _LOW:
        return 0.99
    return max(0.10, 0.99 - 0.89 * (nodes - _LOW) / (_HIGH - _LOW))


def _tagged(value: str, tag: str) -> Plain:
    """A scalar with an explicit tag; an unknown tag means text."""
    name = tag.removeprefix(_TAG) if tag.startswith(_TAG) else ""
    if name == "binary":
        try:
            return from_bytes(decode_base64(value))
        except DecodeError:
            raise YamlError("yaml: !!binary value contains invalid base64 data") from None
    if name == "timestamp" and not is_timestamp(value):
        raise YamlError("yaml: cannot decode a scalar as a !!timestamp")
    expected = _TYPES.get(name)
    if expected is None:
        return value
    resolved = resolve(value)
    # To Python a bool is an int; to YAML it is not.
    if not isinstance(resolved, expected) or (isinstance(resolved, bool) and name != "bool"):
        raise YamlError(f"yaml: cannot decode a scalar as a !!{name}")
    return float(resolved) if name == "float" and resolved is not None else resolved


class _Decoder:
    """Turns nodes into values; counts them so that aliases cannot make a small text huge."""

    def __init__(self) -> None:
        self._nodes = 0
        self._aliased = 0
        self._alias_depth = 0
        self._active: set[int] = set()

    def _count(self) -> None:
        self._nodes += 1
        if self._alias_depth:
            self._aliased += 1
        if (
            self._aliased > _FREE_ALIASES
            and self._nodes > _FREE_NODES
            and self._aliased / self._nodes > _allowed_ratio(self._nodes)
        ):
            raise YamlError("yaml: document contains excessive aliasing")

    def value(self, node: Node) -> Value:
        self._count()
        if isinstance(node, Alias):
            return self._followed(node)
        if isinstance(node, Scalar):
            return self._scalar(node)
        if isinstance(node, Sequence):
            return [self.value(item) for item in node.items]
        result: dict[str, Value] = {}
        self._fill(node, result)
        return result

    def _scalar(self, node: Scalar) -> Plain:
        if node.tag:
            return _tagged(node.value, node.tag)
        return resolve(node.value) if node.plain else node.value

    def _enter(self, alias: Alias) -> None:
        if id(alias) in self._active:
            raise YamlError("yaml: anchor value contains itself")
        self._active.add(id(alias))
        self._alias_depth += 1

    def _leave(self, alias: Alias) -> None:
        self._alias_depth -= 1
        self._active.discard(id(alias))

    def _followed(self, alias: Alias) -> Value:
        self._enter(alias)
        value = self.value(alias.target)
        self._leave(alias)
        return value

    def _fill(self, node: Mapping, result: dict[str, Value]) -> None:
        for key_node, value_node in node.pairs:
            if (
                isinstance(key_node, Scalar)
                and key_node.value == "<<"
                and (key_node.plain or key_node.tag == _TAG + "merge")
            ):
                self._merge(value_node, result)
                continue
            key = self.value(key_node)
            if isinstance(key, (dict, list)):
                raise YamlError("yaml: invalid map key")
            result[_key_text(key)] = self.value(value_node)

    def _merge(self, node: Node, result: dict[str, Value]) -> None:
        # Of several mappings the first wins, so they are laid over each other from the last on.
        for source in reversed(node.items) if isinstance(node, Sequence) else [node]:
            self._count()
            target = source.target if isinstance(source, Alias) else source
            if not isinstance(target, Mapping):
                raise YamlError("yaml: map merge requires map or sequence of maps as the value")
            if isinstance(source, Alias):
                self._enter(source)
                self._count()
                self._fill(target, result)
                self._leave(source)
            else:
                self._fill(target, result)


def _single(value: float) -> float:
    """The nearest float32."""
    try:
        single: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        single = math.copysign(math.inf, value)
    return single


def _float32_text(value: float) -> str:
    """The shortest text that reads back as the nearest float32."""
    single = _single(value)
    if special_text(single) is not None:
        return special_text(single) or ""
    for digits in range(1, 10):
        short = float(f"{single:.{digits}g}")
        if _single(short) == single:
            return float_text(short)
    return float_text(single)


def scalar_text(value: Plain) -> str:
    """A scalar as text where text is asked for: floats in single precision, empty for null."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float32_text(value)
    return "" if value is None else str(value)


_SPECIAL_KEYS: Final = {"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}


def _key_text(key: Plain) -> str:
    if key is None or (isinstance(key, int) and key > _MAX_INT64):
        raise YamlError("unsupported map key: neither text nor number nor bool")
    text = scalar_text(key)
    return _SPECIAL_KEYS.get(text, text) if isinstance(key, float) else runes(text)


def parse_yaml(text: str) -> Value:
    """The value of the first document: dicts with keys as text, lists, text, bools, ints of any size, floats, None.

    Raises:
        YamlError: the text is not YAML, or a key is null, a list or a dict.
    """
    node = compose(text)
    try:
        return None if node is None else _Decoder().value(node)
    except RecursionError:
        raise YamlError("yaml: exceeded max depth") from None


def _as_json(value: Value) -> Value:
    """The value with every number a float64, as reading its JSON gives."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    return value


def from_yaml(text: str) -> dict[str, Value]:
    """The dict a YAML text says; a dict with the one key `Error` when it is not YAML or no mapping."""
    try:
        value = to_plain(parse_yaml(text))
    except (YamlError, FunctionError) as err:
        return {"Error": f"error converting YAML to JSON: {err}"}
    if value is None:
        return {}
    if not isinstance(value, dict):
        kind = _JSON_KINDS.get(type(value), "number")
        target = "Go value of type map[string]interface {}"
        return {"Error": f"error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into {target}"}
    result: dict[str, Value] = _as_json(value)
    return result


_JSON_KINDS: Final = {str: "string", bool: "bool", list: "array"}


def to_yaml(value: Value) -> str:
    """The value as YAML text without the line break at the end; empty text when it has no form in YAML."""
    try:
        return emit(to_plain(value)).removesuffix("\n")
    except (FunctionError, YamlError, RecursionError):
        return ""


TABLE: Final = (
    Function("toYaml", to_yaml, (Param.ANY,)),
    Function("fromYaml", from_yaml, (Param.STRING,)),
)
