"""Plain HTTP requests to an API server, and where to find one."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from reconcile.testing.apiserver import ApiServer, User
from tests.support.contract.widget import CRD, CRDS, WIDGETS

JSON = "application/json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

SECRETS = "/api/v1/namespaces/{ns}/secrets"
CONFIG_MAPS = "/api/v1/namespaces/{ns}/configmaps"
SERVICE_ACCOUNTS = "/api/v1/namespaces/{ns}/serviceaccounts"
ADMIN_TOKEN = "contract-admin"


@dataclass(frozen=True)
class Server:
    """Where the server is and how to be its administrator."""

    url: str
    token: str
    ca_file: str = ""
    ca_data: str = ""


@dataclass
class Answer:
    """A response, with its body decoded."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))

    @property
    def reason(self) -> str:
        return str(self.body.get("reason", ""))

    @property
    def causes(self) -> list[tuple[str, str]]:
        """(field, message) of every cause."""
        causes = (self.body.get("details") or {}).get("causes") or []
        return [(cause.get("field", ""), cause.get("message", "")) for cause in causes]


@dataclass
class Api:
    """Requests to one server; `{ns}` in a path is the namespace of this test."""

    server: Server
    ns: str = field(default_factory=lambda: f"c-{uuid.uuid4().hex[:10]}")

    def connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.server.url)
        assert parts.hostname
        if parts.scheme == "http":
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        context = ssl.create_default_context(cafile=self.server.ca_file or None, cadata=self.server.ca_data or None)
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=20, context=context)

    def target(self, path: str, query: dict[str, str]) -> str:
        encoded = quote(path.format(ns=self.ns), safe="/:%")
        return f"{encoded}?{urlencode(query)}" if query else encoded

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        accept: str = JSON,
        token: str | None = None,
        **query: str,
    ) -> Answer:
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"Accept": accept, "Authorization": f"Bearer {self.server.token if token is None else token}"}
        if raw is not None:
            headers["Content-Type"] = content_type
        connection = self.connect()
        try:
            connection.request(method, self.target(path, query), body=raw, headers=headers)
            response = connection.getresponse()
            text = response.read()
            found = dict(response.getheaders())
            try:
                return Answer(response.status, json.loads(text), found)
            except ValueError:
                return Answer(response.status, text.decode(), found)
        finally:
            connection.close()

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = self(method, path, body, **options)
        assert answer.status < 300, answer.body
        return answer.body

    def refused(self, status: int, reason: str, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        answer = self(method, path, body, **options)
        assert (answer.status, answer.reason) == (status, reason), answer.body
        assert (answer.body["kind"], answer.body["status"]) == ("Status", "Failure")
        assert answer.body["code"] == status
        return answer

    def secret(self, name: str, **content: Any) -> Any:
        metadata = {"name": name, **content.pop("metadata", {})}
        return self.ok("POST", SECRETS, {"metadata": metadata, **content}, fieldManager="creator")

    def widget(self, name: str, spec: dict[str, Any] | None = None, **metadata: Any) -> Any:
        return self.ok("POST", WIDGETS, widget_body(name, spec, **metadata), fieldManager="creator")

    @contextmanager
    def watch(self, path: str, **query: str) -> Iterator[Iterator[tuple[str, Any]]]:
        """The events of a watch as (type, object)."""
        connection = self.connect()
        try:
            target = self.target(path, {"watch": "true", "timeoutSeconds": "10", **query})
            headers = {"Accept": JSON, "Authorization": f"Bearer {self.server.token}"}
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            assert response.status == 200, response.read()
            yield _events(response)
        finally:
            connection.close()


def widget_body(name: str, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "contract.example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name, **metadata},
        "spec": {"req": "x"} if spec is None else spec,
    }


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    while line := response.readline():
        event = json.loads(line)
        yield event["type"], event["object"]


@dataclass(frozen=True)
class Case:
    """One thing that a server must do."""

    name: str
    check: Callable[[Api], None]


def collect(module: ModuleType) -> list[Case]:
    """Functions `check_*` of a module and the rows of its `TABLE`."""
    area = module.__name__.rpartition(".")[2]
    found = [
        Case(f"{area}-{name.removeprefix('check_')}", value)
        for name, value in vars(module).items()
        if name.startswith("check_") and callable(value)
    ]
    return found + [Case(f"{area}-{case.name}", case.check) for case in getattr(module, "TABLE", ())]


def eventually(check: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Call `check` until it returns something truthy."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, "not true in time"
        pause.wait(0.05)


def prepare(api: Api) -> None:
    """Install the custom resource that the cases use."""
    answer = api("POST", CRDS, CRD)
    assert answer.status in (201, 409), answer.body
    eventually(lambda: api("GET", "/apis/contract.example.com/v1/widgets").status == 200)
    # Handlers of a real server notice the schema a moment after the resource is listed.
    eventually(lambda: api("POST", "/apis/contract.example.com/v1/namespaces/default/widgets", {}).status in (400, 422))


@contextmanager
def embedded_server() -> Iterator[Server]:
    """The embedded API server, with a loop and a thread of its own, stopped at the end."""
    started: list[Server] = []
    failures: list[BaseException] = []
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        users = {ADMIN_TOKEN: User("admin", "admin", ("system:masters", "system:authenticated"))}
        async with ApiServer(tokens=users, rbac=True) as server:
            started.append(Server(server.url, ADMIN_TOKEN, ca_data=server.ca.decode()))
            ready.set()
            await stop.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as err:  # noqa: BLE001  handed to the thread that waits
            failures.append(err)
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=run, name="embedded-apiserver")
    thread.start()
    ready.wait(20)
    if failures:
        raise failures[0]
    try:
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
