"""JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386) and Kubernetes' strategic merge patch. Inputs are never changed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from reconcile.testing.apiserver.strategic import PatchError, strategic_merge_patch

__all__ = ["PatchError", "json_patch", "merge_patch", "strategic_merge_patch"]

MAX_OPERATIONS = 10_000
"""Source: `maxJSONPatchOperations` of k8s.io/apiserver."""


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` after the merge patch: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def json_patch(target: Any, operations: Any) -> Any:
    """`target` after the operations, applied in order.

    Raises:
        PatchError: 400 for a malformed patch, 422 for an operation that cannot be applied (also a failed `test`).
    """
    if not isinstance(operations, list):
        raise PatchError("error decoding patch: a JSON patch is a list of operations", status=400)
    if len(operations) > MAX_OPERATIONS:
        text = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        raise PatchError(text, status=413)
    document = copy.deepcopy(target)
    for operation in operations:
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: Any) -> Any:
    if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
        raise PatchError("error decoding patch: an operation needs op and path", status=400)
    op, path = operation.get("op"), _pointer(operation["path"])
    if op in ("add", "replace", "test"):
        if "value" not in operation and op != "test":
            raise PatchError(f"{op} operation without a value at {operation['path']}", status=422)
        value = copy.deepcopy(operation.get("value"))
        if op == "add":
            return _add(document, path, value)
        if op == "test":
            if not _same(_get(document, path, missing_is_null=True), value):
                raise PatchError(f"testing value {operation['path']} failed: test failed", status=422)
            return document
        return _replace(document, path, value)
    if op == "remove":
        return _remove(document, path)[0]
    if op in ("move", "copy"):
        source = _pointer(operation.get("from", ""))
        if op == "copy":
            return _add(document, path, copy.deepcopy(_get(document, source)))
        document, value = _remove(document, source)
        return _add(document, path, value)
    raise PatchError(f"Unexpected kind: {op}", status=422)


def _same(left: Any, right: Any) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _pointer(text: str) -> list[str]:
    if text == "":
        return []
    if not text.startswith("/"):
        raise PatchError(f"path {text!r} does not start with /", status=422)
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _index(container: list[Any], token: str, *, insert: bool) -> int:
    if insert and token == "-":
        return len(container)
    try:
        index = int(token)
    except ValueError as err:
        raise PatchError(f"{token!r} is no list index", status=422) from err
    limit = len(container) + (1 if insert else 0)
    if index < 0:
        index += limit
    if not 0 <= index < limit:
        raise PatchError(f"Unable to access invalid index: {token}", status=422)
    return index


def _step(node: Any, token: str) -> Any:
    if isinstance(node, list):
        return node[_index(node, token, insert=False)]
    if isinstance(node, dict) and token in node:
        return node[token]
    raise PatchError(f"missing path: {token}", status=422)


def _get(document: Any, path: Sequence[str], *, missing_is_null: bool = False) -> Any:
    for position, token in enumerate(path):
        if missing_is_null and isinstance(document, dict) and token not in document and position == len(path) - 1:
            return None
        document = _step(document, token)
    return document


def _add(document: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        parent.insert(_index(parent, path[-1], insert=True), value)
    elif isinstance(parent, dict):
        parent[path[-1]] = value
    else:
        raise PatchError(f"add operation does not apply: {'/'.join(path[:-1])} is no container", status=422)
    return document


def _replace(document: Any, path: Sequence[str], value: Any) -> Any:
    """The library that kube-apiserver uses lets `replace` add a missing member to an object."""
    if path and isinstance(_get(document, path[:-1]), list):
        return _add(_remove(document, path)[0], path, value)
    return _add(document, path, value)


def _remove(document: Any, path: Sequence[str]) -> tuple[Any, Any]:
    if not path:
        return None, document
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        return document, parent.pop(_index(parent, path[-1], insert=False))
    if isinstance(parent, dict) and path[-1] in parent:
        return document, parent.pop(path[-1])
    raise PatchError(f"Unable to remove nonexistent key: {path[-1]}", status=422)
