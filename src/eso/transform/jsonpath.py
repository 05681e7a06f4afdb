"""JSONPath with the outcomes of ESO's evaluator: a definite path gives its value, any other always a list."""

from __future__ import annotations

import functools
from typing import Any

import jsonpath_rfc9535 as jsonpath
from jsonpath_rfc9535.exceptions import JSONPathError

from eso.errors import InvalidSpecError, ProviderError

__all__ = ["select"]


@functools.lru_cache(maxsize=1024)
def _compiled(path: str) -> jsonpath.JSONPathQuery:
    try:
        return jsonpath.compile(path)
    except JSONPathError as err:
        raise InvalidSpecError(f"the JSONPath {path!r} is not valid") from err


def select(document: Any, path: str) -> Any:
    """What `path` finds in a JSON document.

    Raises:
        InvalidSpecError: the path is malformed.
        ProviderError: a definite path leads nowhere. Not NoSecretError: another answer than usual must not delete.
    """
    query = _compiled(path)
    found = [node.value for node in query.find(document)]
    if not query.singular_query():
        return found
    if not found:
        raise ProviderError(f"the answer has nothing at {path}, check result.jsonPath")
    return found[0]
