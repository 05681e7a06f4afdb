"""URLs of the Kubernetes API, and answers turned into errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from reconcile.api.model import Resource
from reconcile.client.transport import Response
from reconcile.client.wire import MalformedError
from reconcile.errors import APIError, error_from_status

__all__ = ["error_of", "json_of", "path_of", "raise_for_status", "retry_after"]


def path_of(resource: Resource, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The path of a collection, an object, or a subresource of one.

    Args:
        resource: the kind.
        namespace: ignored for cluster-scoped kinds; empty means all namespaces (collections only).
        name: empty for the collection.
        subresource: for example `status`.

    Raises:
        ValueError: an object of a namespaced kind without a namespace, or a name that would change the path.
    """
    parts = ["apis", resource.group, resource.version] if resource.group else ["api", resource.version]
    if resource.namespaced:
        if namespace:
            parts += ["namespaces", _segment(namespace)]
        elif name:
            raise ValueError(f"{resource} {name!r} is namespaced: a namespace is needed")
    parts.append(resource.plural)
    if name:
        parts.append(_segment(name))
        if subresource:
            parts += [_segment(part) for part in subresource.split("/")]
    return "/" + "/".join(parts)


def _segment(value: str) -> str:
    # "." and ".." survive percent-encoding and would let a name from a manifest address another object.
    if value in ("", ".", "..") or "/" in value:
        raise ValueError(f"{value!r} is not a name")
    return quote(value, safe=":")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of the Retry-After header; None without one. Dates are not used by the API server."""
    for name, value in headers.items():
        if name.lower() == "retry-after":
            try:
                return max(0.0, float(value))
            except ValueError:
                return None
    return None


def json_of(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; empty for an empty one.

    Raises:
        MalformedError: it is something else; the message does not quote it.
    """
    try:
        return msgspec.json.decode(body, type=dict[str, Any]) if body else {}
    except msgspec.DecodeError:
        raise MalformedError("the API server's answer is not a JSON object") from None


def error_of(response: Response) -> APIError:
    """The error for an answer that is not success."""
    body: dict[str, Any] | None = None
    try:
        decoded = msgspec.json.decode(response.body)
        body = decoded if isinstance(decoded, dict) and decoded.get("kind") == "Status" else None
    except msgspec.DecodeError:
        # A proxy's HTML page or nothing: the status code says enough, the text is nobody's contract.
        body = None
    return error_from_status(response.status, body, retry_after=retry_after(response.headers))


def raise_for_status(response: Response) -> Response:
    """The answer itself when it is success.

    Raises:
        APIError: the class for its status code and reason.
    """
    if response.status >= 400 or response.status < 200:
        raise error_of(response)
    return response
