"""The contract and the faults that every provider is checked for, of `webhook`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from eso.providers.testing import CHECKS, FAULTS, Subject, run_check, run_fault
from eso.providers.webhook.provider import WebhookProvider
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.support.faultbench import connector, patience_for, trusting
from tests.support.gate import Gate
from tests.support.loopback import serving

VALUE = {"password": "canary-value", "user": "ann"}
TOKEN = "canary-token"


class Shelf:
    """Values by key, for whoever has the token."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {"db": json.dumps(VALUE, separators=(",", ":")).encode()}

    async def handle(self, request: web.Request) -> web.Response:
        key, wanted = request.match_info["key"], request.query.get("property", "")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        if request.method == "POST":
            self.values[key] = await request.read()
            return web.Response()
        if key not in self.values:
            return web.Response(status=404)
        if request.method == "DELETE":
            del self.values[key]
            return web.Response()
        if not self.values[key].startswith(b"{"):
            return web.json_response(self.values[key].decode())
        if not wanted:
            return web.Response(body=self.values[key])
        members = json.loads(self.values[key])
        return web.json_response(members[wanted]) if wanted in members else web.Response(status=404)


@asynccontextmanager
async def shelf() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/v/{key}", Shelf().handle)
    async with serving(app) as url:
        yield url


@asynccontextmanager
async def backend(fault: str = "") -> AsyncIterator[Subject]:
    async with (
        shelf() as upstream,
        Gate(upstream, VALUE["password"]) as gate,
        ApiServer(listen=False) as server,
        Client(server.transport) as kube,
    ):
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        marked = ObjectMeta(name="token", namespace="app", labels={"external-secrets.io/type": "webhook"})
        await kube.create(Secret(metadata=marked, data={"t": TOKEN.encode()}))
        spec = {
            "url": gate.url + "/v/{{ .remoteRef.key }}{{ .remoteRef.remoteKey }}?property={{ .remoteRef.property }}",
            "headers": {"Authorization": "Bearer {{ .auth.t }}"},
            "secrets": [{"name": "auth", "secretRef": {"name": "token"}}],
            "result": {"jsonPath": "$"},
            "caBundle": trusting(gate.ca),
            "timeout": f"{patience_for(fault)}s",
        }
        async with connector(WebhookProvider(), spec, kube) as connect:
            yield Subject(
                connect.provider,
                connect,
                key="db",
                value=json.dumps(VALUE, separators=(",", ":")).encode(),
                property_name="password",
                property_value=VALUE["password"].encode(),
                missing="gone",
                credentials=[TOKEN.encode()],
                failures={**gate.failures, "rotated credentials": gate.unknown},
                exempt={"expired token": "headers from Secrets are the credential itself: no login makes another"},
                push_key="pushed",
            )


@pytest.mark.parametrize("check", CHECKS)
async def test_contract(check: str) -> None:
    async with backend() as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(fault) as subject:
        await run_fault(fault, subject)
