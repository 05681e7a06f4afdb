"""A server that speaks Vault's HTTP API: AppRole, tokens with an end, key/value of both versions; and that fails when told to."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.support.loopback import serving

Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]

ROLE = "role"
SECRET = "secret-id-canary"
LEAK = "canary-in-a-vendor-error"


@dataclass
class Lease:
    """A token the server gave out."""

    lifetime: float
    renewable: bool
    kind: str = "service"
    policies: list[str] = field(default_factory=lambda: ["default"])


class FakeVault:
    """The server; use as an async context manager.

    Attributes:
        data: secrets of mount `secret` (version 2) and `old` (version 1), by path below the mount.
        tokens: those that are valid.
        requests: method, path, headers and decoded body of each.
        fault: answers in place of the server, unless it returns None.
        lifetime, renewable, kind, policies: of the tokens that logins give.
        index: sent as `X-Vault-Index`.
    """

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.old: dict[str, Any] = {}
        self.tokens: dict[str, Lease] = {}
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.states: list[list[str]] = []
        self.fault: Fault | None = None
        self.lifetime, self.renewable, self.kind, self.policies = 3600.0, True, "service", ["default"]
        self.renewed_for: float | None = None
        self.index = ""
        self.url = ""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.url = await self._stack.enter_async_context(serving(app))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def spec(self, **changes: Any) -> dict[str, Any]:
        """A store that signs in by AppRole, with the Secret `approle`."""
        role = {"roleId": ROLE, "path": "approle", "secretRef": {"name": "approle", "key": "id"}}
        return {"server": self.url, "path": "secret", "auth": {"appRole": role}, **changes}

    def token(self, **changes: Any) -> str:
        """A new token."""
        text = f"hvs.{secrets.token_hex(8)}"
        self.tokens[text] = Lease(self.lifetime, self.renewable, self.kind, self.policies, **changes)
        return text

    def count(self, path: str, method: str = "") -> int:
        """Requests whose path begins with that."""
        return sum(1 for verb, seen, _, _ in self.requests if seen.startswith(path) and method in ("", verb))

    def headers(self, path: str) -> list[dict[str, str]]:
        """Headers of the requests to a path."""
        return [headers for _, seen, headers, _ in self.requests if seen.startswith(path)]

    @property
    def paths(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(path for _, path, _, _ in self.requests)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        path = request.path.removeprefix("/v1/")
        body = json.loads(raw) if raw else None
        self.requests.append((request.method, path, dict(request.headers), body))
        self.states.append(request.headers.getall("X-Vault-Index", []))
        if self.fault is not None and (answer := await self.fault(request)) is not None:
            return answer
        answer = self._answer(request, path, body)
        if self.index:
            answer.headers["X-Vault-Index"] = self.index
        return answer

    def _answer(self, request: web.Request, path: str, body: Any) -> web.Response:
        if path.startswith("auth/") and "/login" in path:
            return self._login(path, body)
        text = request.headers.get("X-Vault-Token", "")
        if text not in self.tokens:
            return refused(403, "permission denied")
        if path.startswith("auth/token/"):
            return self._token(path, text)
        mount, _, rest = path.partition("/")
        if mount == "old":
            return self._old(rest)
        if mount == "secret":
            return self._new(request, rest)
        return refused(403, "permission denied")

    def _login(self, path: str, body: Any) -> web.Response:
        if path.endswith("approle/login") and (body["role_id"], body["secret_id"]) != (ROLE, SECRET):
            return refused(400, "invalid role or secret ID")
        return web.json_response({"auth": self._auth(self.token(), self.lifetime)})

    def _auth(self, text: str, lifetime: float) -> dict[str, Any]:
        lease = self.tokens[text]
        return {
            "client_token": text,
            "lease_duration": int(lifetime),
            "renewable": lease.renewable,
            "token_type": lease.kind,
            "policies": lease.policies,
        }

    def _token(self, path: str, text: str) -> web.Response:
        lease = self.tokens[text]
        if path.endswith("lookup-self"):
            if "default" not in lease.policies:
                return refused(403, "permission denied")
            return web.json_response({"data": {"type": lease.kind, "ttl": int(lease.lifetime)}})
        if path.endswith("renew-self"):
            lifetime = lease.lifetime if self.renewed_for is None else self.renewed_for
            return web.json_response({"auth": self._auth(text, lifetime)})
        if path.endswith("revoke-self"):
            del self.tokens[text]
            return web.Response(status=204)
        return refused(404, "no handler")

    def _old(self, rest: str) -> web.Response:
        if rest not in self.old:
            return web.json_response({"errors": []}, status=404)
        return web.json_response({"data": self.old[rest]})

    def _new(self, request: web.Request, rest: str) -> web.Response:
        kind, _, key = rest.partition("/")
        if request.query.get("list") == "true":
            keys = sorted({name.removeprefix(key).split("/", 1)[0] for name in self.data if name.startswith(key)})
            return web.json_response({"data": {"keys": keys}} if keys else {"errors": []}, status=200 if keys else 404)
        if key not in self.data:
            return web.json_response({"errors": []}, status=404)
        if kind == "metadata":
            return web.json_response({"data": {"current_version": 1, "custom_metadata": None}})
        return web.json_response({"data": {"data": self.data[key], "metadata": {"version": 1}}})


def refused(status: int, text: str, **headers: str) -> web.Response:
    """An answer of Vault that is an error; its text holds something that must not get out."""
    return web.json_response({"errors": [f"{text} {LEAK}"]}, status=status, headers=headers)


def answering(status: int, prefix: str = "", *, times: int | None = None, **headers: str) -> Fault:
    """A fault: that status for paths that begin so, so many times."""
    left = [times]

    async def fault(request: web.Request) -> web.Response | None:
        if not request.path.startswith(f"/v1/{prefix}") or left[0] == 0:
            return None
        if left[0] is not None:
            left[0] -= 1
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return refused(status, "failure", **named)

    return fault


def saying(body: bytes, prefix: str = "") -> Fault:
    """A fault: status 200 with that body."""

    async def fault(request: web.Request) -> web.Response | None:
        if not request.path.startswith(f"/v1/{prefix}"):
            return None
        return web.Response(body=body, content_type="application/json")

    return fault
