"""`eso doctor`, `eso explain` and `eso migrate` against a control plane with a working and a broken ExternalSecret."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.cli import doctor, migrate
from eso.cli.crds import all_crds
from eso.cli.explain import explain
from eso.cli.manifests import apply_manifest
from eso.cli.operator import build_operator
from eso.settings import ControllerSettings, MetricsSettings
from reconcile import Client
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually

META = {"namespace": "default"}
STORE = {
    "apiVersion": "external-secrets.io/v1",
    "kind": "SecretStore",
    "metadata": {**META, "name": "fake"},
    "spec": {"provider": {"fake": {"data": [{"key": "db", "value": "canary-value"}]}}},
}


def external_secret(name: str, key: str) -> dict[str, Any]:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {**META, "name": name},
        "spec": {"secretStoreRef": {"name": "fake"}, "data": [{"secretKey": "a", "remoteRef": {"key": key}}]},
    }


@asynccontextmanager
async def cluster(*documents: dict[str, Any]) -> AsyncIterator[Client]:
    async with ApiServer(listen=False) as server, Client(server.transport) as client:
        for document in (*all_crds(), *documents):
            await apply_manifest(client, document)
        settings = ControllerSettings(metrics=MetricsSettings(metrics_addr=""), live_addr="")
        manager = build_operator(Client(server.transport), settings, handle_signals=False)
        async with asyncio.TaskGroup() as group:
            group.create_task(manager.run())
            await eventually(lambda: _all_said_something(client), timeout=10)
            yield client
            manager.stop()


async def _all_said_something(client: Client) -> bool:
    return all(es.status.conditions for es in await client.list(ExternalSecret))


async def test_doctor_names_what_is_broken() -> None:
    async with cluster(STORE, external_secret("good", "db"), external_secret("bad", "nowhere")) as client:
        findings = [finding async for finding in doctor.examine(client)]
    wrong = [finding for finding in findings if not finding.ok]
    assert [finding.what for finding in wrong] == ["ExternalSecret default/bad: SecretSyncedError"]
    assert "spec.data[0] (key: nowhere)" in wrong[0].hint
    assert any(finding.what == "1 externalsecrets are Ready" for finding in findings)
    assert "canary" not in repr(findings)


async def test_doctor_finds_missing_definitions() -> None:
    async with ApiServer(listen=False) as server, Client(server.transport) as client:
        findings = [finding async for finding in doctor.examine(client)]
    assert any("CustomResourceDefinitions are missing" in finding.what for finding in findings if not finding.ok)


async def test_doctor_checks_the_operators_permissions() -> None:
    async with ApiServer(listen=False, rbac=True) as server, Client(server.transport) as client:
        findings = [finding async for finding in doctor.examine(client, "default/operator")]
    denied = next(finding for finding in findings if "may not" in finding.what)
    assert "create secrets" in denied.what
    assert "create configmaps" not in denied.what


@pytest.mark.parametrize(
    ("name", "key", "wrong", "says"),
    [
        ("good", "db", [], "the next refresh is in"),
        ("bad", "nowhere", ["SecretSyncedError", "does not exist"], "a refresh is due"),
    ],
)
async def test_explain(name: str, key: str, wrong: list[str], says: str) -> None:
    async with cluster(STORE, external_secret(name, key)) as client:
        findings = await explain(client, "default", name, datetime.now(UTC))
    problems = " | ".join(finding.what for finding in findings if not finding.ok)
    assert all(word in problems for word in wrong)
    assert bool(problems) is bool(wrong)
    assert any(says in finding.what for finding in findings)
    assert "canary" not in repr(findings)


async def test_migrate_says_what_is_taken_over() -> None:
    async with cluster(STORE, external_secret("good", "db"), external_secret("bad", "nowhere")) as client:
        findings = [finding async for finding in migrate.examine(client, datetime.now(UTC))]
    texts = [finding.what for finding in findings]
    assert any("ExternalSecret default/bad is synced at once" in text for text in texts)
    assert any(text.startswith("1 ExternalSecrets are taken over as they are") for text in texts)
