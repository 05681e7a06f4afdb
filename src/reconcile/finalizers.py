"""Finalizers: work that must be done before an object may go away.

Both functions say what they read (`metadata.resourceVersion`), so a finalizer that somebody else adds or removes at the same
time is never lost; when the object changed meanwhile they read it again and try once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reconcile.api.model import KubeObject
from reconcile.client.cached import CachedClient
from reconcile.client.client import Client
from reconcile.client.patch import MergePatch
from reconcile.errors import ConflictError, NotFoundError

__all__ = ["add_finalizer", "has_finalizer", "remove_finalizer"]

K = TypeVar("K", bound=KubeObject)

_TRIES = 5


def has_finalizer(obj: KubeObject, finalizer: str) -> bool:
    """Whether the object waits for this finalizer."""
    return finalizer in obj.metadata.finalizers


async def add_finalizer(client: Client, obj: K, finalizer: str) -> K:
    """Make sure that the object has the finalizer; the object as it is now. No request when it has it.

    An object that is being deleted is returned as it is: the API server takes no new finalizers then.

    Raises:
        NotFoundError: the object is gone.
        APIError, TransportError: the request failed.
    """

    def added(finalizers: list[str]) -> list[str]:
        return finalizers if finalizer in finalizers else [*finalizers, finalizer]

    return obj if obj.metadata.deleting else await _change(client, obj, added)


async def remove_finalizer(client: Client, obj: K, finalizer: str) -> K | None:
    """Make sure that the object does not wait for the finalizer any more; None when it is gone. No request when it does not.

    Raises:
        APIError, TransportError: the request failed.
    """

    def removed(finalizers: list[str]) -> list[str]:
        return [name for name in finalizers if name != finalizer]

    try:
        return await _change(client, obj, removed)
    except NotFoundError:
        return None


async def _change(client: Client, obj: K, change: Callable[[list[str]], list[str]]) -> K:
    live = client.live if isinstance(client, CachedClient) else client
    for attempt in range(_TRIES):
        wanted = change(obj.metadata.finalizers)
        if wanted == obj.metadata.finalizers:
            return obj
        metadata = {
            "finalizers": wanted,
            "resourceVersion": obj.metadata.resource_version,
            # An object of the same name that came after it is not meant.
            "uid": obj.metadata.uid,
        }
        try:
            return await client.patch(type(obj), obj.name, obj.namespace, MergePatch({"metadata": metadata}))
        except ConflictError:
            if attempt == _TRIES - 1:
                raise
            current = await live.get(type(obj), obj.name, obj.namespace)
            if current.metadata.uid != obj.metadata.uid:
                raise NotFoundError(f"{obj.resource.kind} {obj.name} was replaced by another of its name") from None
            obj = current
    return obj
