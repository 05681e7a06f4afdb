"""Templates to an object: render each, decode, write where the target says."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

from eso.template.decoding import decode
from eso.template.engine import Delims, render, root_of
from eso.template.errors import TemplateError
from eso.template.functions import FUNCTIONS
from eso.template.functions.yamlgo import YamlError, parse_yaml, scalar_text
from eso.template.gotext.function import Function
from eso.template.gotext.values import sorted_keys
from eso.template.paths import PathError, Segment, parse_path
from eso.template.target import Target, TargetError, typed_from
from eso.values import SecretValue
from reconcile.api.core_v1 import Secret
from reconcile.api.model import KubeObject

__all__ = ["execute"]

ObjectT = TypeVar("ObjectT", bound=KubeObject | dict[str, Any])

_SCOPES: Final = ("Values", "KeysAndValues")
_STAGES: Final = {"parse": "unable to parse", "exec": "unable to execute"}
_SHORT_TARGETS: Final = ("data", "labels", "annotations", "spec")


class _Writer:
    """Writes rendered text into one target of one object."""

    def __init__(self, obj: Target, target: str, decoding: str) -> None:
        self._obj = obj
        self._target = target
        self._short = target.lower() if target.lower() in _SHORT_TARGETS else ""
        self._decoding = decoding

    def _decode(self, key: str, text: str) -> str:
        try:
            return decode(text, self._decoding)
        except ValueError as error:
            raise _failed(f"failed to decode rendered template value for key {key}: {error}", key) from None

    def values(self, key: str, text: str) -> None:
        """Store the text of one template under its key."""
        value = self._decode(key, text)
        if self._short:
            self._set(key, value)
            return
        path = parse_path(self._target)
        try:
            parsed = parse_yaml(value)
        except YamlError:
            parsed = value
        self._obj.set_path(path, parsed, merge=False, values_scope=True)

    def _set(self, key: str, value: str) -> None:
        if self._short == "data":
            self._obj.set_data(key, value)
        elif self._short == "spec":
            self._obj.set_spec(key, value)
        else:
            self._obj.set_metadata(self._short, key, value)

    def keys_and_values(self, key: str, text: str) -> None:
        """Store what the text says as YAML."""
        try:
            parsed = parse_yaml(text)
        except YamlError as error:
            # The parser's text may quote the document; its class and place are enough to find it.
            raise _failed(f"could not unmarshal template {key}: {_yaml_place(error)}", key) from None
        if self._target == "spec":
            self._obj.replace_spec(parsed)
        elif self._short not in ("", "spec"):
            self._pairs(key, parsed)
        else:
            path: list[Segment] = parse_path(self._target)
            merge = len(path) > 1
            self._obj.set_path(path, parsed, merge=merge, values_scope=False)

    def _pairs(self, key: str, parsed: Any) -> None:
        pairs = {} if parsed is None else parsed
        if not isinstance(pairs, dict):
            raise _failed(f"could not unmarshal template {key}: it is no mapping of keys to values", key)
        for name, value in pairs.items():
            if isinstance(value, (dict, list)):
                raise _failed(f"could not unmarshal template {key}: the value of {name} is no scalar", key)
        for name in sorted_keys(pairs):
            self._set(name, self._decode(name, scalar_text(pairs[name])))


def _failed(message: str, key: str) -> TemplateError:
    return TemplateError("apply", message, key)


def _yaml_place(error: YamlError) -> str:
    """Where YAML is malformed, without the text around it."""
    words = str(error).split()
    lines = [words[at + 1].rstrip(":,") for at, word in enumerate(words[:-1]) if word == "line"]
    return f"it is no YAML (line {lines[0]})" if lines and lines[0].isdigit() else "it is no YAML"


def execute(
    templates: Mapping[str, str] | None,
    data: Mapping[str, SecretValue | bytes],
    *,
    scope: str,
    target: str,
    obj: ObjectT,
    decoding: str = "None",
    delims: Delims = ("", ""),
    functions: Mapping[str, Function] = FUNCTIONS,
) -> ObjectT:
    """Render templates with the data and write the results into a copy of an object.

    Args:
        templates: key and source; None does nothing. They run in the order of their keys.
        data: the root of each template.
        scope: `Values` or `KeysAndValues`.
        target: `Data`, `Labels`, `Annotations`, `Spec` in any case, or a path.
        obj: a model (a typed object) or the JSON form of one.
        decoding: strategy for rendered values; see `eso.template.decoding.decode`.
        delims: left and right delimiter.
        functions: besides Go's own.

    Raises:
        TemplateError: parsing, executing or writing failed; nothing was written then.
    """
    if templates is None:
        return obj
    if scope not in _SCOPES:
        raise _failed(f"unknown scope '{scope}': expected 'Values' or 'KeysAndValues'", "")
    root = root_of({key: value.reveal() if isinstance(value, SecretValue) else value for key, value in data.items()})
    wire = obj.to_wire() if isinstance(obj, KubeObject) else copy.deepcopy(obj)
    writer = _Writer(Target(wire, holds_bytes=isinstance(obj, Secret)), target, decoding)
    write = writer.values if scope == "Values" else writer.keys_and_values
    for key in sorted(templates):
        # An inline template is keyed by its whole text, which has no place in messages.
        label = "literal" if scope == "KeysAndValues" and key == templates[key] else key
        try:
            text = render(templates[key], root, name=label, functions=functions, delims=delims)
        except TemplateError as error:
            raise error.within(
                f"unable to execute template at key {label}: {_STAGES[error.stage]} template at key {label}"
            ) from None
        try:
            write(label, text)
        except (PathError, TargetError) as error:
            raise _failed(f"failed to apply to target: {error}", label) from None
    try:
        return cast("ObjectT", typed_from(obj, wire) if isinstance(obj, KubeObject) else wire)
    except TargetError as error:
        raise _failed(f"failed to apply to target: {error}", "") from None
