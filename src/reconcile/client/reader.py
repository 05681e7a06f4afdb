"""Reading objects, and any other request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.client import listing
from reconcile.client.objects import K, ObjectList, WatchEvent, decode, decode_metadata
from reconcile.client.rest import json_of, path_of, raise_for_status
from reconcile.client.transport import Transport
from reconcile.errors import GoneError, NotFoundError

__all__ = ["Reader"]

# client-go's default page: large enough that pages do not matter, small enough for the server's memory.
_PAGE = 500


class Reader:
    """The reading half of a client; `Client` is the whole.

    Args:
        transport: the way to the API server.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def close(self) -> None:
        """Release connections."""
        await self.transport.close()

    async def get(self, kind: type[K], name: str, namespace: str = "") -> K:
        """The object of that name.

        Raises:
            NotFoundError: there is none.
            APIError, TransportError: the request failed.
            DecodeError: what came back is not a `kind`.
        """
        return decode(kind, await self._call("GET", path_of(kind.resource, namespace, name)))

    async def find(self, kind: type[K], request: Request | str, namespace: str = "") -> K | None:
        """The object that a request or a name names, or None; otherwise as `get`."""
        name, namespace = (request.name, request.namespace) if isinstance(request, Request) else (request, namespace)
        try:
            return await self.get(kind, name, namespace)
        except NotFoundError:
            return None

    async def get_wire(self, kind: type[KubeObject], name: str, namespace: str = "") -> dict[str, Any]:
        """The object with every field the server knows, for a `replace` that must not lose any.

        Raises:
            NotFoundError: there is none.
            APIError, TransportError: the request failed.
        """
        return json_of(await self._call("GET", path_of(kind.resource, namespace, name)))

    async def list(
        self,
        kind: type[K],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = _PAGE,
    ) -> ObjectList[K]:
        """All objects of a kind, page after page.

        Args:
            kind: the kind.
            namespace: empty for all namespaces.
            label_selector: as in `kubectl -l`.
            field_selector: for example `metadata.name=x`.
            limit: objects per page; 0 asks for everything at once.

        Raises:
            APIError, TransportError: a page failed.
            DecodeError: an item is not a `kind`.
        """
        scope = listing.Scope(kind.resource, namespace, label_selector, field_selector)
        items: list[K] = []
        version, token = "", ""
        restarted = False
        while True:
            try:
                page = await listing.list_page(self.transport, scope, limit=limit, continue_token=token)
            except GoneError:
                # The snapshot behind the continue token is compacted; a second time means the list is too slow.
                if not token or restarted:
                    raise
                items, token, restarted, limit = [], "", True, 0
                continue
            items += [decode(kind, item) for item in page.items or ()]
            version, token = page.metadata.resource_version, page.metadata.continue_
            if not token:
                return ObjectList(items, version)

    async def pages(
        self,
        kind: type[K],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = _PAGE,
    ) -> AsyncGenerator[ObjectList[K], None]:
        """The pages of a list, each as it arrives.

        Raises:
            GoneError: the list took longer than the server keeps its snapshot; start again.
            APIError, TransportError: a page failed.
        """
        scope = listing.Scope(kind.resource, namespace, label_selector, field_selector)
        token = ""
        while True:
            page = await listing.list_page(self.transport, scope, limit=limit, continue_token=token)
            token = page.metadata.continue_
            yield ObjectList([decode(kind, item) for item in page.items or ()], page.metadata.resource_version, token)
            if not token:
                return

    async def watch(
        self,
        kind: type[K],
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        timeout: float | None = None,
        idle_timeout: float = listing.IDLE_TIMEOUT,
    ) -> AsyncGenerator[WatchEvent[K], None]:
        """Changes after `resource_version`, until the server ends the watch; `reconcile.cache` does not end.

        Wrap it in `contextlib.aclosing` when leaving early. Cancellation closes the connection.

        Args:
            kind: the kind.
            namespace: empty for all namespaces.
            resource_version: where to start; empty starts with the present objects as ADDED.
            label_selector: as in `kubectl -l`.
            field_selector: for example `metadata.name=x`.
            timeout: seconds after which the server ends the watch; 5 to 10 minutes when None.
            idle_timeout: seconds without a byte after which the connection counts as dead.

        Raises:
            GoneError: the resource version is too old: list again.
            APIError, TransportError: the watch failed; resume at the last version seen.
            DecodeError: an object is not a `kind`.
        """
        scope = listing.Scope(kind.resource, namespace, label_selector, field_selector)
        events = listing.watch(
            self.transport,
            scope,
            resource_version=resource_version,
            timeout=timeout,
            idle=listing.IdleLimit(idle_timeout),
        )
        async with aclosing(events):
            async for event in events:
                read = decode_metadata if event.type == "BOOKMARK" else decode
                found = read(kind, event.object)
                yield WatchEvent(event.type, found, found.metadata.resource_version)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Any other request, JSON in and JSON out.

        Raises:
            APIError, TransportError: the request failed.
        """
        encoded = None if body is None else msgspec.json.encode(body)
        answer = await self._call(method, path, query=query, body=encoded, content_type=content_type, timeout=timeout)
        return json_of(answer)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout: float | None = None,
    ) -> bytes:
        response = await self.transport.request(
            method, path, query=query, body=body, content_type=content_type, timeout=timeout
        )
        return raise_for_status(response).body
