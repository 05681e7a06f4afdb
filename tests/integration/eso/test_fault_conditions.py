"""What a user reads in the conditions when a backend fails: where to look, and no secret."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from eso.cli.crds import all_crds
from eso.cli.manifests import apply_manifest
from eso.cli.operator import build_operator
from eso.providers.testing import FAULTS
from eso.settings import ControllerSettings, MetricsSettings
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually
from reconcile.testing.running import running
from tests.support.faultbench import trusting
from tests.support.gate import Gate
from tests.support.vendors.webhook import Hook, serving_hook

VERSION = "external-secrets.io/v1"
ES = f"/apis/{VERSION}/namespaces/default/externalsecrets"
CANARIES = ("canary-value", "canary-token")
PLAYED = [name for name in FAULTS if name not in ("expired token", "rotated credentials")]


def documents(name: str, gate: Gate) -> list[dict[str, Any]]:
    """A store behind a gate, and an ExternalSecret that reads key `db` there."""
    metadata = {"name": name, "namespace": "default"}
    provider = {
        "url": gate.url + "/{{ .remoteRef.key }}",
        "headers": {"Authorization": "Bearer {{ .auth.t }}"},
        "secrets": [{"name": "auth", "secretRef": {"name": "token"}}],
        "caBundle": trusting(gate.ca),
        "result": {"jsonPath": "$.password"},
        "timeout": "1s",
    }
    spec = {
        "secretStoreRef": {"name": name},
        "data": [{"secretKey": "pw", "remoteRef": {"key": "db"}}],
    }
    return [
        {
            "apiVersion": VERSION,
            "kind": "SecretStore",
            "metadata": metadata,
            "spec": {"provider": {"webhook": provider}},
        },
        {"apiVersion": VERSION, "kind": "ExternalSecret", "metadata": metadata, "spec": spec},
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown() -> AsyncIterator[Mapping[str, Mapping[str, str]]]:
    """The Ready condition of an ExternalSecret by fault; all fail at the same time."""
    async with contextlib.AsyncExitStack() as stack:
        hook = await stack.enter_async_context(serving_hook(Hook(content='{"password": "canary-value"}')))
        server = await stack.enter_async_context(ApiServer(listen=False))
        kube = await stack.enter_async_context(Client(server.transport))
        label = {"external-secrets.io/type": "webhook"}
        token = {"name": "token", "namespace": "default", "labels": label}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": token, "stringData": {"t": "canary-token"}}
        for document in (*all_crds(), secret):
            await apply_manifest(kube, document)
        names = {fault: fault.replace(" ", "-") for fault in PLAYED}
        for fault, name in names.items():
            gate = await stack.enter_async_context(Gate(hook.url, CANARIES[0]))
            await stack.enter_async_context(gate.failing(fault))
            for document in documents(name, gate):
                await apply_manifest(kube, document)
        settings = ControllerSettings(metrics=MetricsSettings(metrics_addr="0"), live_addr="")
        found: dict[str, Mapping[str, str]] = {}
        async with running(build_operator(Client(server.transport), settings, handle_signals=False)):

            async def told() -> bool:
                for fault, name in names.items():
                    conditions = (await kube.raw("GET", f"{ES}/{name}")).get("status", {}).get("conditions", ())
                    ready = [one for one in conditions if one["type"] == "Ready"]
                    if ready:
                        found[fault] = ready[0]
                return len(found) == len(names)

            await eventually(told, timeout=30)
        yield found


@pytest.mark.parametrize("fault", PLAYED)
def test_condition(shown: Mapping[str, Mapping[str, str]], fault: str) -> None:
    condition = shown[fault]
    assert (condition["status"], condition["reason"]) == ("False", "SecretSyncedError")
    message = condition["message"]
    assert "db" in message, message
    assert re.search(FAULTS[fault].tells, message, re.IGNORECASE), message
    assert not [canary for canary in CANARIES if canary in repr(condition)]
