"""`--all-in-one`: the operator's process makes a certificate, makes it known, and answers reviews with it."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from yaml import safe_load

from eso.cli.operator import build_operator
from eso.settings import ControllerSettings, MetricsSettings
from reconcile.api.core_v1 import Secret
from reconcile.client import Client
from reconcile.testing.apiserver.server import ApiServer
from tests.support.controlplane import ROOT, free_ports

_HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_NAME = "external-secrets-webhook"


async def _until(check: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(20):
        while not (found := await check()):  # noqa: ASYNC110 - it polls a server
            await asyncio.sleep(0.05)
    return found


async def test_all_in_one() -> None:
    port = free_ports(1)[0]
    settings = ControllerSettings(
        metrics=MetricsSettings(metrics_addr="0"), live_addr="127.0.0.1:0", all_in_one=True, webhook_port=port
    )
    async with ApiServer(listen=False) as api:
        client = Client(api.transport)
        for path in (ROOT / "config" / "crd" / "bases").glob("*.yaml"):
            await client.raw("POST", _CRDS, body=safe_load(await asyncio.to_thread(path.read_text)))
        hook = {
            "name": "validate.secretstore.external-secrets.io",
            "clientConfig": {"service": {"name": "noop", "namespace": "noop"}},
            "rules": [{"apiGroups": ["x"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["y"]}],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "ours", "labels": {"external-secrets.io/component": "webhook"}},
            "webhooks": [hook],
        }
        await client.raw("POST", _HOOKS, body=configuration)
        manager = build_operator(client, settings, handle_signals=False, lease_namespace="default")
        task = asyncio.create_task(manager.run())
        try:

            async def injected() -> Any:
                body = await client.raw("GET", f"{_HOOKS}/ours")
                return body["webhooks"][0]["clientConfig"].get("caBundle")

            ca = base64.b64decode(await _until(injected))
            secret = await client.get(Secret, _NAME, "default")
            assert secret.data["ca.crt"] == ca
            await asyncio.wait_for(manager.started.wait(), 20)
            async with aiohttp.ClientSession() as session:
                ready = f"http://127.0.0.1:{manager.port('health')}/readyz"

                async def is_ready() -> bool:
                    async with session.get(ready) as answer:
                        return answer.status == 200

                await _until(is_ready)
                context = ssl.create_default_context(cadata=ca.decode())
                url = f"https://127.0.0.1:{port}/validate-external-secrets-io-v1-secretstore"
                review = {
                    "apiVersion": "admission.k8s.io/v1",
                    "kind": "AdmissionReview",
                    "request": {"uid": "7", "operation": "DELETE"},
                }
                name = f"{_NAME}.default.svc"
                async with session.post(url, json=review, ssl=context, server_hostname=name) as answer:
                    assert (await answer.json())["response"] == {"uid": "7", "allowed": True}
        finally:
            manager.stop()
            await asyncio.wait_for(task, 20)
