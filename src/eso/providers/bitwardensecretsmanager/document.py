"""A YAML mapping as keys and values, the way External Secrets Operator reads it: by Go's yaml.v3, values as `%v` shows them.

Its scalars are those of YAML 1.2 with remains of 1.1: `yes` and `off` are text, `0777` is a number, dates are times.
"""

from __future__ import annotations

from typing import Any, Final

from eso.providers.bitwardensecretsmanager.yamltext import Key, yaml_text
from eso.template.functions.encoding import DecodeError, decode_base64
from eso.template.functions.gotime import Time, time_of
from eso.template.functions.locations import utc
from eso.template.functions.timeparsing import LayoutError, parse_time
from eso.template.functions.yamlnodes import Alias, Mapping, Node, Scalar, Sequence, YamlError, compose
from eso.template.functions.yamlscalars import is_timestamp, resolve
from eso.template.gotext.values import from_bytes, to_bytes, to_text

__all__ = ["YamlError", "members"]

_TAG: Final = "tag:yaml.org,2002:"
_OLD_BOOLS: Final = frozenset(
    ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF")
)
_TIMES: Final = (
    "2006-1-2T15:4:5.999999999Z07:00",
    "2006-1-2t15:4:5.999999999Z07:00",
    "2006-1-2 15:4:5.999999999",
    "2006-1-2",
)
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "null": (type(None),),
    "timestamp": (Time,),
}
_NULL: Final = Key("<nil>")
_MOST_NODES: Final = 100_000
"""Values that a document may have, its aliases written out: a Bitwarden secret has 25,000 characters at most."""


def members(document: bytes) -> dict[str, bytes]:
    """The members of a YAML mapping: texts as they are, mappings as YAML, everything else in Go's default format.

    Raises:
        YamlError: it is not YAML, or not a mapping; the text does not hold the document.
    """
    node = compose(from_bytes(document))
    try:
        found = None if node is None else _Decoder().value(node)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise YamlError("yaml: cannot unmarshal into a map")
        return {str(key): to_bytes(_shown(value)) for key, value in found.items() if key is not _NULL}
    except RecursionError:
        raise YamlError("yaml: exceeded max depth") from None


def _shown(value: Any) -> str:
    if isinstance(value, dict) and not any(isinstance(key, Key) for key in value):
        return yaml_text(value).strip()
    return to_text(value)


class _Decoder:
    """Turns nodes into values. Keys of the outermost mapping are texts, whatever they look like."""

    def __init__(self) -> None:
        self._nodes = 0
        self._followed: set[int] = set()

    def value(self, node: Node) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise YamlError("yaml: document contains excessive aliasing")
        if isinstance(node, Scalar):
            return _scalar(node)
        if isinstance(node, Sequence):
            return [self.value(item) for item in node.items]
        if isinstance(node, Mapping):
            return self._mapping(node)
        if id(node) in self._followed:
            raise YamlError("yaml: anchor value contains itself")
        self._followed.add(id(node))
        found = self.value(node.target)
        self._followed.discard(id(node))
        return found

    def _mapping(self, node: Mapping) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: list[Node] = []
        for key_node, value_node in node.pairs:
            if _is_merge(key_node):
                merged = list(value_node.items) if isinstance(value_node, Sequence) else [value_node]
                continue
            key = self.value(key_node)
            if isinstance(key, dict | list):
                raise YamlError("yaml: invalid map key")
            if key is None:
                key = _NULL
            elif not isinstance(key, str):
                key = Key(key_node.value if isinstance(key_node, Scalar) else to_text(key))
            if key in found:
                raise YamlError("yaml: a mapping key is already defined")
            found[key] = self.value(value_node)
        for source in merged:
            for key, value in self._merged(source).items():
                found.setdefault(key, value)
        return found

    def _merged(self, node: Node) -> dict[str, Any]:
        if not isinstance(node.target if isinstance(node, Alias) else node, Mapping):
            raise YamlError("yaml: map merge requires map or sequence of maps as the value")
        found: dict[str, Any] = self.value(node)
        return found


def _is_merge(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value == "<<" and (node.plain or node.tag == f"{_TAG}merge")


def _scalar(node: Scalar) -> Any:
    if not node.tag:
        return _resolved(node.value) if node.plain else node.value
    name = node.tag.removeprefix(_TAG)
    if name == "binary":
        try:
            return from_bytes(decode_base64(node.value))
        except DecodeError:
            raise YamlError("yaml: !!binary value contains invalid base64 data") from None
    expected = _TYPES.get(name) if node.tag.startswith(_TAG) else None
    if expected is None:
        return node.value
    value = _resolved(node.value)
    if not isinstance(value, expected) or (isinstance(value, bool) and name != "bool"):
        raise YamlError(f"yaml: cannot decode a scalar as a !!{name}")
    return float(value) if isinstance(value, int) and name == "float" else value


def _resolved(text: str) -> Any:
    if text in _OLD_BOOLS:
        return text
    if is_timestamp(text):
        return _time(text)
    return resolve(text)


def _time(text: str) -> Any:
    for layout in _TIMES:
        try:
            return time_of(parse_time(layout, text), utc())
        except LayoutError:
            continue
    return text
