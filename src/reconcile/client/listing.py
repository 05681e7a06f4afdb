"""Reading collections: pages of a list and the events of a watch, as raw JSON."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import msgspec

from reconcile.api.model import Resource
from reconcile.client.rest import error_of, path_of, raise_for_status
from reconcile.client.transport import Response, Stream, Transport
from reconcile.client.wire import RawEvent, RawList, decode_event, decode_list, lines
from reconcile.errors import APIError, TransportError, error_from_status

__all__ = ["IDLE_TIMEOUT", "IdleLimit", "Scope", "SilentError", "list_page", "watch"]

# The API server sends a bookmark about once a minute; two missing ones mean that nobody is there any more.
IDLE_TIMEOUT = 150.0
# client-go's reflector asks for five to ten minutes, drawn anew each time so that watches do not end together.
_WATCH_SECONDS = (300.0, 600.0)
_PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
_PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class SilentError(TransportError):
    """Nothing came over a connection for longer than anything keeps silent that is still there."""


@dataclass(slots=True)
class IdleLimit:
    """Seconds without a byte after which a watch counts as dead; may be changed while the watch runs."""

    seconds: float = IDLE_TIMEOUT


@dataclass(frozen=True, slots=True)
class Scope:
    """Which objects of a kind.

    Attributes:
        resource: the kind.
        namespace: empty for all namespaces.
        label_selector: as in `kubectl -l`.
        field_selector: for example `metadata.name=x`.
        metadata_only: ask the server to leave everything but metadata out.
    """

    resource: Resource
    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""
    metadata_only: bool = False

    @property
    def path(self) -> str:
        """The path of the collection."""
        return path_of(self.resource, self.namespace)

    def query(self) -> dict[str, str]:
        """The selectors as parameters."""
        query = {"labelSelector": self.label_selector, "fieldSelector": self.field_selector}
        return {key: value for key, value in query.items() if value}

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        selectors = ",".join(filter(None, (self.label_selector, self.field_selector)))
        return f"{self.resource}{where}" + (f" [{selectors}]" if selectors else "")


async def list_page(transport: Transport, scope: Scope, *, limit: int, continue_token: str = "") -> RawList:
    """One page of a consistent list.

    Raises:
        GoneError: the continue token is too old; start again.
        APIError, TransportError: the list failed.
    """
    query = scope.query()
    if limit:
        query["limit"] = str(limit)
    if continue_token:
        query["continue"] = continue_token
    accept = _PARTIAL_LIST if scope.metadata_only else "application/json"
    response = await transport.request("GET", scope.path, query=query, accept=accept)
    return decode_list(raise_for_status(response).body)


async def watch(
    transport: Transport,
    scope: Scope,
    *,
    resource_version: str = "",
    initial_events: bool = False,
    idle: IdleLimit | None = None,
    timeout: float | None = None,
) -> AsyncGenerator[RawEvent, None]:
    """The events after `resource_version`; ends when the server ends the watch, which it does every few minutes.

    Args:
        transport: the way to the API server.
        scope: which objects.
        resource_version: where to start; empty means now, with the present objects first.
        initial_events: ask for the present objects first and a bookmark that ends them (a streaming list).
        idle: when a silent connection counts as dead.
        timeout: seconds after which the server ends the watch; drawn between 5 and 10 minutes when None.

    Raises:
        GoneError: the resource version is too old: list again.
        APIError: the server refused, or sent an ERROR event.
        SilentError: nothing came for too long.
        MalformedError: something came that is not a watch event.
        TransportError: the connection broke.
    """
    seconds = random.uniform(*_WATCH_SECONDS) if timeout is None else timeout
    query = {**scope.query(), "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(int(seconds))}
    if resource_version:
        query["resourceVersion"] = resource_version
    if initial_events:
        query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    limit = idle or IdleLimit()
    accept = _PARTIAL if scope.metadata_only else "application/json"
    async with transport.stream("GET", scope.path, query=query, accept=accept) as stream:
        if stream.status != 200:
            raise await _stream_error(stream, limit.seconds)
        async with contextlib.aclosing(lines(_awake(stream, limit, scope))) as found:
            async for line in found:
                event = decode_event(line)
                if event.type == "ERROR":
                    raise _event_error(event)
                yield event


async def _awake(stream: Stream, limit: IdleLimit, scope: Scope) -> AsyncGenerator[bytes, None]:
    # A connection whose other end vanished looks exactly like a quiet one: only a deadline tells them apart.
    chunks = aiter(stream)
    while True:
        try:
            async with asyncio.timeout(limit.seconds):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError as err:
            raise SilentError(f"the watch of {scope} was silent for {limit.seconds:g} s") from err
        yield chunk


async def _stream_error(stream: Stream, timeout: float) -> APIError:
    body = b""
    with contextlib.suppress(TransportError, TimeoutError):
        async with asyncio.timeout(timeout):
            async for chunk in stream:
                body += chunk
    return error_of(Response(stream.status, body, stream.headers))


def _event_error(event: RawEvent) -> APIError:
    try:
        status = msgspec.json.decode(event.object)
    except msgspec.DecodeError:
        status = {}
    status = status if isinstance(status, dict) else {}
    code = status.get("code")
    return error_from_status(code if isinstance(code, int) else 500, status, fallback="the watch ended with an error")
