"""The certificate controller on the embedded API server."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp

from eso.cli.certcontroller import build_cert_controller
from eso.controllers.crds.reconciler import certificate_policy
from eso.settings import CertControllerSettings, MetricsSettings
from reconcile.api.core_v1 import Event, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client import Client, MergePatch
from reconcile.manager import Manager
from reconcile.testing.apiserver.server import ApiServer
from reconcile.webhook.certificates import CertificateBundle, check_serving, renewed

_NAME = "external-secrets-webhook"
_DNS = f"{_NAME}.default.svc"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


def _definition(kind: str, *, strategy: str = "Webhook", service: bool = True) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    config = {"service": {"name": "x", "namespace": "y"}} if service else {"url": "https://x.example"}
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": config}
    conversion = {"strategy": "Webhook", "webhook": webhook} if strategy == "Webhook" else {"strategy": "None"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "scope": "Namespaced",
            "conversion": conversion,
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
            ],
        },
    }


def _configuration(name: str, *, labelled: bool = True) -> dict[str, Any]:
    hook = {
        "clientConfig": {"service": {"name": "noop", "namespace": "noop", "path": "/validate"}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CONNECT"], "resources": ["pods"]}],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name, "labels": {"external-secrets.io/component": "webhook"} if labelled else {}},
        "webhooks": [{**hook, "name": f"{name}.external-secrets.io"}, {**hook, "name": "other.example.com"}],
    }


def _settings(**changes: Any) -> CertControllerSettings:
    values: dict[str, Any] = {
        "metrics": MetricsSettings(metrics_addr="0"),
        "healthz_addr": "127.0.0.1:0",
        "crd_names": ("widgets.example.com",),
        **changes,
    }
    return CertControllerSettings(**values)


@asynccontextmanager
async def _running(client: Client, settings: CertControllerSettings) -> AsyncIterator[Manager]:
    manager = build_cert_controller(client, settings, handle_signals=False)
    task = asyncio.create_task(manager.run())
    try:
        yield manager
    finally:
        manager.stop()
        await asyncio.wait_for(task, 10)


async def _until(check: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(15):
        while not (found := await check()):  # noqa: ASYNC110 - it polls a server
            await asyncio.sleep(0.02)
    return found


async def _secret(client: Client, **data: bytes) -> Secret:
    return await client.create(Secret(metadata=ObjectMeta(name=_NAME, namespace="default"), data=data))


async def _bundle(client: Client) -> dict[str, bytes]:
    return dict((await client.get(Secret, _NAME, "default")).data)


async def _hook(client: Client, name: str, index: int = 0) -> dict[str, Any]:
    body = await client.raw("GET", f"{_HOOKS}/{name}")
    found: dict[str, Any] = body["webhooks"][index]["clientConfig"]
    return found


async def _ready(port: int, check: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz/{check}") as answer:
        return answer.status, (await answer.text()).strip()


async def test_certificates_are_issued_and_made_known_and_rotations_followed() -> None:
    async with ApiServer(listen=False) as api:
        client = Client(api.transport)
        await _secret(client)
        for body in (_definition("Widget"), _definition("Gadget")):
            await client.raw("POST", _CRDS, body=body)
        for body in (_configuration("ours"), _configuration("theirs", labelled=False)):
            await client.raw("POST", _HOOKS, body=body)
        async with _running(client, _settings()) as manager:
            data = await _until(lambda: _bundle(client))
            bundle = CertificateBundle(data["ca.crt"], data["ca.key"], data["tls.crt"], data["tls.key"])
            check_serving(bundle, [_DNS], datetime.now(UTC))
            assert b"BEGIN RSA PRIVATE KEY" in bundle.key

            async def injected(ca: bytes) -> bool:
                config = await _hook(client, "ours")
                return bool(config.get("caBundle") == base64.b64encode(ca).decode())

            await _until(lambda: injected(data["ca.crt"]))
            config = await _hook(client, "ours")
            assert config["service"] == {"name": _NAME, "namespace": "default", "path": "/validate", "port": 443}
            assert "caBundle" not in await _hook(client, "ours", 1)
            assert "caBundle" not in await _hook(client, "theirs")

            async def converted() -> Any:
                body = await client.raw("GET", f"{_CRDS}/widgets.example.com")
                return body["spec"]["conversion"]["webhook"]["clientConfig"].get("caBundle")

            assert base64.b64decode(await _until(converted)) == data["ca.crt"]
            untouched = await client.raw("GET", f"{_CRDS}/gadgets.example.com")
            assert untouched["spec"]["conversion"]["webhook"]["clientConfig"]["service"]["name"] == "x"

            port = manager.port("health")

            async def answers(check: str, wanted: tuple[int, str]) -> bool:
                return await _ready(port, check) == wanted

            for check in ("crd-inject", "validation-webhook-inject"):
                await _until(lambda check=check: answers(check, (500, "endpointSlice objects not ready")))  # type: ignore[misc]
            slice_ = {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": "hook", "labels": {"kubernetes.io/service-name": _NAME}},
                "addressType": "IPv4",
                "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}],
            }
            await client.raw("POST", _SLICES, body=slice_)
            assert await _ready(port, "crd-inject") == (500, "addresses not ready")
            slice_["endpoints"] = [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}]
            await client.raw("PUT", f"{_SLICES}/hook", body=slice_)
            assert await _ready(port, "crd-inject") == (200, "ok")
            assert await _ready(port, "validation-webhook-inject") == (200, "ok")

            other = renewed(CertificateBundle(), certificate_policy(_DNS), datetime.now(UTC))
            values = {"ca.crt": other.ca, "ca.key": other.ca_key, "tls.crt": other.certificate, "tls.key": other.key}
            encoded = {key: base64.b64encode(value).decode() for key, value in values.items()}
            await client.patch(Secret, _NAME, "default", MergePatch({"data": encoded}))
            await _until(lambda: injected(other.ca))


async def test_what_is_missing_is_said() -> None:
    async with ApiServer(listen=False) as api:
        client = Client(api.transport)
        await client.raw("POST", _CRDS, body=_definition("Widget", service=False))
        await client.raw("POST", _HOOKS, body=_configuration("ours"))
        async with _running(client, _settings()) as manager:
            await asyncio.wait_for(manager.started.wait(), 10)
            port = manager.port("health")
            assert await _ready(port, "crd-inject") == (500, "resource not ready: widgets.example.com")
            assert await _ready(port, "validation-webhook-inject") == (500, "webhook not ready")

            async def warned() -> list[str]:
                found = await client.list(Event)
                return [event.message for event in found.items if event.reason == "UpdateFailed"]

            assert "does not exist" in (await _until(warned))[0]
            await _secret(client)
            # The Secret's coming is noticed, and the definition's conversion names no Service.
            await _until(lambda: _bundle(client))
            assert await _ready(port, "crd-inject") == (500, "resource not ready: widgets.example.com")


async def test_a_standby_is_ready_and_a_definition_without_conversion_is_left_alone() -> None:
    async with ApiServer(listen=False) as api:
        client = Client(api.transport)
        await _secret(client)
        created = await client.raw("POST", _CRDS, body=_definition("Widget", strategy="None"))
        async with _running(client, _settings(enable_leader_election=True)) as leader:
            await _until(lambda: _bundle(client))
            async with _running(client, _settings(enable_leader_election=True)) as standby:
                await asyncio.wait_for(standby.started.wait(), 10)
                assert leader.elector is not None
                assert leader.elector.leading.is_set()
                assert await _ready(standby.port("health"), "crd-inject") == (200, "ok")
        after = await client.raw("GET", f"{_CRDS}/widgets.example.com")
        assert after["spec"] == created["spec"]
