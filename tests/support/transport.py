"""Transports without sockets: one that answers from a script, one that simulates a collection with faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from reconcile.client.transport import Response
from reconcile.errors import TransportError

__all__ = ["Call", "ScriptedStream", "ScriptedTransport", "SimulatedCollection", "status_body"]

_SLOW = 50.0
"""Seconds that a slow answer takes."""


def status_body(code: int, reason: str, message: str = "", **details: Any) -> bytes:
    """A failure Status as the API server sends it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    return json.dumps({**body, "message": message or reason, "details": details}).encode()


@dataclass(frozen=True)
class Call:
    """One request as the transport saw it."""

    method: str
    path: str
    query: dict[str, str]
    body: Any = None
    content_type: str = ""
    accept: str = ""
    at: float = 0.0


class ScriptedStream:
    """A stream of given chunks; an exception among them is raised, a float is a pause in seconds."""

    def __init__(self, *chunks: bytes | float | Exception, status: int = 200) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {}
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            if isinstance(chunk, float):
                await asyncio.sleep(chunk)
            else:
                yield chunk


Answer = Response | ScriptedStream | Exception | Mapping[str, Any]


class ScriptedTransport:
    """Gives the answers of a list in turn, or those of a function, and remembers every call."""

    host = "server:443"

    def __init__(self, *answers: Answer, answer: Callable[[Call], Answer] | None = None) -> None:
        self._answers = list(answers)
        self._answer = answer
        self.calls: list[Call] = []
        self.closed = False
        self.open_streams = 0

    def _next(self, call: Call) -> Answer:
        self.calls.append(call)
        found = self._answer(call) if self._answer is not None else self._answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> Response:
        decoded = json.loads(body) if body else None
        now = asyncio.get_running_loop().time()
        found = self._next(Call(method, path, dict(query or {}), decoded, content_type, accept, now))
        if isinstance(found, Mapping):
            return Response(200, json.dumps(found).encode())
        assert isinstance(found, Response)
        return found

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> AsyncIterator[ScriptedStream]:
        now = asyncio.get_running_loop().time()
        found = self._next(Call(method, path, dict(query or {}), None, "", accept, now))
        assert isinstance(found, ScriptedStream)
        self.open_streams += 1
        try:
            yield found
        finally:
            self.open_streams -= 1

    async def close(self) -> None:
        self.closed = True


@dataclass
class SimulatedCollection:
    """The server's side of one namespaced collection: versions, history, compaction, pages, watches, and faults.

    Args:
        faults: one is taken per request; exhausted means healthy. Of requests: `401`, `403`, `410`, `429`, `500`, `503`,
            `504`, `reset`, `html`, `slow`. Of watches also: `cut:<n>` breaks after n lines, `half:<n>` cuts the line after n others in two,
            `stall:<n>` goes silent after n, `garble:<n>`, `end:<n>`, `error:<code>`.
        streaming: `yes`, `refused` (as an old server) or `ignored` (as something that does not know the parameter).
        bookmarks: whether watches say from time to time how far they are.
    """

    faults: Iterator[str] = field(default_factory=lambda: iter(()))
    streaming: str = "yes"
    bookmarks: bool = True
    host: str = "simulated:443"
    version: int = 100
    compacted: int = 0
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    lists: int = 0
    watched_at: list[float] = field(default_factory=list)
    served: bool = True
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _uids: int = 0

    @property
    def watches(self) -> int:
        """Watches opened so far."""
        return len(self.watched_at)

    def put(self, name: str, value: str, **metadata: Any) -> dict[str, Any]:
        """Create or change an object; returns its new state."""
        old = self.objects.get(name)
        if old is None:
            self._uids += 1
        uid = old["metadata"]["uid"] if old else f"uid-{self._uids}"
        self.version += 1
        obj = {
            "metadata": {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": str(self.version), **metadata},
            "data": {"value": value},
        }
        self.objects[name] = obj
        self._record("MODIFIED" if old else "ADDED", obj)
        return obj

    def delete(self, name: str) -> dict[str, Any]:
        """Delete an object; returns its last state."""
        old = self.objects.pop(name)
        self.version += 1
        self._record("DELETED", {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.version)}})
        return old

    def compact(self) -> None:
        """Forget history: older versions answer 410."""
        self.compacted = self.version
        self.history.clear()
        self._wake()

    def restore(self, version: int) -> None:
        """Put the version back, as a restored backup does; objects keep their content."""
        self.version = version
        for obj in self.objects.values():
            obj["metadata"] = {**obj["metadata"], "resourceVersion": str(version)}
        self.compact()

    def _record(self, type_: str, obj: dict[str, Any]) -> None:
        self.history.append((self.version, type_, obj))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def request(self, method: str, path: str, *, query: Mapping[str, str] | None = None, **_: Any) -> Response:
        """A page of the list; the continue token holds the snapshot's version and the next position."""
        await asyncio.sleep(0.01)
        self.lists += 1
        if not self.served:
            return Response(404, b"404 page not found")
        fault = next(self.faults, "")
        refused = _refusal(fault)
        if refused is not None:
            return refused
        if fault == "slow":
            await asyncio.sleep(_SLOW)
        query = query or {}
        version, start = self.version, 0
        if token := query.get("continue"):
            version, start = (int(part) for part in token.split(":"))
            if version < self.compacted:
                return Response(410, status_body(410, "Expired"))
        names = sorted(self._at(version))
        snapshot = self._at(version)
        limit = int(query.get("limit", 0)) or len(names) or 1
        rest = start + limit < len(names)
        metadata = {"resourceVersion": str(version), "continue": f"{version}:{start + limit}" if rest else ""}
        items = [snapshot[name] for name in names[start : start + limit]]
        return Response(200, json.dumps({"metadata": metadata, "items": items}).encode())

    def _at(self, version: int) -> dict[str, dict[str, Any]]:
        """The objects as they were; undoes the history after `version`."""
        if version == self.version:
            return dict(self.objects)
        before: dict[str, dict[str, Any]] = {}
        for at, type_, obj in self.history:
            name = obj["metadata"]["name"]
            if at <= version:
                before.pop(name, None)
                if type_ != "DELETED":
                    before[name] = obj
        touched = {obj["metadata"]["name"] for _, _, obj in self.history}
        untouched = {name: obj for name, obj in self.objects.items() if name not in touched}
        return {**untouched, **before}

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, **_: Any
    ) -> AsyncIterator[ScriptedStream | _Watch]:
        """A watch."""
        await asyncio.sleep(0.01)
        self.watched_at.append(asyncio.get_running_loop().time())
        query = dict(query or {})
        fault = next(self.faults, "")
        if not self.served:
            yield ScriptedStream(b"404 page not found", status=404)
            return
        refused = _refusal(fault)
        if refused is not None:
            yield ScriptedStream(refused.body, status=refused.status)
            return
        if query.get("sendInitialEvents") and self.streaming == "refused":
            yield ScriptedStream(status_body(422, "Invalid"), status=422)
            return
        if fault == "slow":
            await asyncio.sleep(_SLOW)
        yield _Watch(self, query, fault)

    async def close(self) -> None:
        """Nothing to close."""


def _refusal(fault: str) -> Response | None:
    match fault:
        case "429":
            return Response(
                429, status_body(429, "TooManyRequests", "storage is (re)initializing"), {"Retry-After": "1"}
            )
        case "401" | "403":
            return Response(int(fault), status_body(int(fault), {"401": "Unauthorized", "403": "Forbidden"}[fault]))
        case "500" | "503" | "504":
            return Response(int(fault), status_body(int(fault), "InternalError"))
        case "410":
            return Response(410, status_body(410, "Expired"))
        case "html":
            return Response(200, b"<html>a proxy's greeting</html>")
        case "reset":
            raise TransportError("connection reset")
    return None


class _Watch:
    """One watch of a simulated collection."""

    def __init__(self, server: SimulatedCollection, query: Mapping[str, str], fault: str) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self._server = server
        self._query = query
        self._fault, _, count = fault.partition(":")
        self._left = int(count or 0)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._fault == "error":
            yield self._line(
                "ERROR", json.loads(status_body(self._left, "Expired" if self._left == 410 else "Failure"))
            )
            return
        async for line in self._lines():
            if self._fault in ("cut", "half", "stall", "garble", "end"):
                if self._left == 0:
                    if self._fault == "half":
                        yield line[: len(line) // 2]
                    if self._fault in ("cut", "half"):
                        raise TransportError("connection reset")
                    if self._fault == "garble":
                        yield b'{"type": "MODIFIED", "object": {"metadata": {"name": \x00\n'
                        return
                    if self._fault == "end":
                        return
                    await asyncio.sleep(1e6)
                self._left -= 1
            yield line

    async def _lines(self) -> AsyncIterator[bytes]:
        server = self._server
        start = self._query.get("resourceVersion", "")
        at = int(start) if start else server.version
        if start and at > server.version:
            cause = {"causes": [{"reason": "ResourceVersionTooLarge"}]}
            yield self._line("ERROR", json.loads(status_body(504, "Timeout", "Too large resource version", **cause)))
            return
        if not start:
            for obj in list(server.objects.values()):
                yield self._line("ADDED", obj)
            if self._query.get("sendInitialEvents") and server.streaming == "yes":
                yield self._bookmark(at, {"k8s.io/initial-events-end": "true"})
        loop = asyncio.get_running_loop()
        end = loop.time() + float(self._query["timeoutSeconds"])
        while loop.time() < end:
            if at < server.compacted and at != server.version:
                yield self._line("ERROR", json.loads(status_body(410, "Expired", "too old resource version")))
                return
            changed = server._changed
            for version, type_, obj in [entry for entry in server.history if entry[0] > at]:
                at = version
                yield self._line(type_, obj)
            try:
                async with asyncio.timeout(min(60.0, max(0.0, end - loop.time()))):
                    await changed.wait()
            except TimeoutError:
                if server.bookmarks:
                    yield self._bookmark(at, None)

    @staticmethod
    def _line(type_: str, obj: dict[str, Any]) -> bytes:
        return json.dumps({"type": type_, "object": obj}).encode() + b"\n"

    def _bookmark(self, version: int, annotations: dict[str, str] | None) -> bytes:
        metadata = {"resourceVersion": str(version), "annotations": annotations}
        return self._line("BOOKMARK", {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata})
