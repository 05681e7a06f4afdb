"""`dataFrom[].rewrite`: renaming keys by expression or template, and merging values.

Source: ESO `esutils.RewriteMap`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eso.api.externalsecrets_v1.externalsecret import ExternalSecretRewrite, ExternalSecretRewriteMerge
from eso.errors import EsoError, InvalidSpecError
from eso.transform.gojson import byte_value, dumps, loads
from eso.transform.regexp import RegexpError, UserRegexp

__all__ = ["KeyRenderer", "TemplateCompiler", "rewrite", "rewrite_keys"]

KeyRenderer = Callable[[str], str]
"""Renders a compiled template with `{"value": <key>}`; raises EsoError or ValueError."""

TemplateCompiler = Callable[[str], KeyRenderer]
"""Parses a Go template; raises EsoError or ValueError."""


def rewrite(
    operations: Sequence[ExternalSecretRewrite], data: Mapping[str, bytes], compile_template: TemplateCompiler
) -> dict[str, bytes]:
    """The map after all operations, in order.

    Where two keys become one, the one that comes last in the order of the old keys wins.

    Args:
        operations: from the spec; one with nothing set changes nothing.
        data: keys and values.
        compile_template: the template engine.

    Raises:
        InvalidSpecError: an expression or template that does not compile, a merge that cannot work.
        EsoError: the data does not fit the operation. The text names keys, never values.
    """
    found = dict(data)
    for position, operation in enumerate(operations):
        try:
            found = _apply(operation, found, compile_template)
        except InvalidSpecError as err:
            raise InvalidSpecError(f"failed rewrite operation[{position}]: {err}") from err
        except EsoError as err:
            raise EsoError(f"failed rewrite operation[{position}]: {err}") from err
    return found


def rewrite_keys(
    operation: ExternalSecretRewrite, keys: Iterable[str], compile_template: TemplateCompiler
) -> dict[str, str]:
    """Old key to new key for an operation by expression or template; other operations leave keys as they are.

    Raises:
        InvalidSpecError: the expression or template does not compile.
        EsoError: the template fails for a key.
    """
    if operation.regexp is not None:
        target = operation.regexp.target
        try:
            pattern = UserRegexp(operation.regexp.source)
        except RegexpError as err:
            raise InvalidSpecError(f"regexp failed with failed to compile: {err}") from err
        return {key: pattern.replace_all(key, target) for key in keys}
    if operation.transform is not None:
        return _transformed(operation.transform.template, keys, compile_template)
    return {key: key for key in keys}


def _apply(
    operation: ExternalSecretRewrite, data: Mapping[str, bytes], compile_template: TemplateCompiler
) -> dict[str, bytes]:
    if operation.merge is not None:
        return _merge(operation.merge, data)
    renamed = rewrite_keys(operation, sorted(data), compile_template)
    return {new: data[old] for old, new in renamed.items()}


def _transformed(source: str, keys: Iterable[str], compile_template: TemplateCompiler) -> dict[str, str]:
    try:
        render = compile_template(source)
    except (EsoError, ValueError) as err:
        raise InvalidSpecError(f"transform failed with failed to parse template: {err}") from err
    found: dict[str, str] = {}
    for key in keys:
        try:
            found[key] = render(key)
        except (EsoError, ValueError) as err:
            raise EsoError(f'transform failed with failed to execute template for key "{key}": {err}') from err
    return found


def _merge(merge: ExternalSecretRewriteMerge, data: Mapping[str, bytes]) -> dict[str, bytes]:
    merged: dict[str, Any] = {}
    conflicts: list[str] = []
    for key in _merge_order(merge, data):
        for name, value in _members(data[key]).items():
            if name in merged:
                conflicts.append(name)
            merged[name] = value
    if conflicts and merge.conflict_policy != "Ignore":
        raise EsoError(f"merge failed with conflicts: {', '.join(sorted(set(conflicts)))}")
    if merge.strategy == "JSON":
        if not merge.into:
            raise InvalidSpecError("merge failed with missing 'into' field")
        return {**data, merge.into: dumps(merged, escape_html=False).encode()}
    return {name: byte_value(value) for name, value in merged.items()}


def _merge_order(merge: ExternalSecretRewriteMerge, data: Mapping[str, bytes]) -> list[str]:
    priority = merge.priority or []
    missing = [key for key in priority if key not in data]
    if missing and merge.priority_policy != "IgnoreNotFound":
        raise EsoError(f'merge failed with key "{missing[0]}" not found in input map')
    return [*sorted(key for key in data if key not in priority), *(key for key in priority if key in data)]


def _members(value: bytes) -> dict[str, Any]:
    try:
        document = loads(value)
    except ValueError as err:
        raise EsoError(f"merge failed with failed to unmarshal JSON: {err}") from err
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise EsoError("merge failed with failed to unmarshal JSON: the value is not an object")
    return document
