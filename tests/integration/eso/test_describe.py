"""The ten failures that are met most: condition and event alone say which object, which field, and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from reconcile.api.core_v1 import Event, Secret
from reconcile.testing.eventually import eventually
from tests.support.operating import Bench, bench

_V1 = "external-secrets.io/v1"
_FAKE = {"fake": {"data": [{"key": "k", "value": "v"}, {"key": "j", "value": '{"a": "b"}'}]}}
_ENTRY = {"secretKey": "k", "remoteRef": {"key": "k"}}


def _store(provider: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"kind": "SecretStore", "metadata": {"name": "store"}, "spec": {"provider": provider, **spec}}


def _wanted(**spec: Any) -> dict[str, Any]:
    whole = {"secretStoreRef": {"name": "store"}, "data": [_ENTRY], **spec}
    return {"kind": "ExternalSecret", "metadata": {"name": "db"}, "spec": whole}


def _other() -> dict[str, Any]:
    wanted = _wanted(target={"name": "db"})
    return {**wanted, "metadata": {"name": "other"}}


def _vault(**auth: Any) -> dict[str, Any]:
    return {"vault": {"server": "https://127.0.0.1:1", "path": "secret", "auth": auth}}


_TOKEN = {"tokenSecretRef": {"name": "vault-token", "key": "token"}}

# What the user made; what the condition of the ExternalSecret has to name.
FAILURES: dict[str, tuple[list[dict[str, Any]], str, list[str]]] = {
    "no store": ([_wanted()], "SecretSyncedError", ["SecretStore", "store", "not found"]),
    "store of another controller": (
        [_store(_FAKE, controller="other"), _wanted()],
        "",
        [],
    ),
    "store not ready": (
        [_store(_vault(**_TOKEN)), _wanted()],
        "SecretSyncedError",
        ['SecretStore "store" is not ready', "type: vault"],
    ),
    "no such key": (
        [_store(_FAKE), _wanted(data=[{"secretKey": "k", "remoteRef": {"key": "nowhere"}}])],
        "SecretSyncedError",
        ["spec.data[0]", "nowhere", "does not exist"],
    ),
    "no such property": (
        [_store(_FAKE), _wanted(data=[{"secretKey": "k", "remoteRef": {"key": "j", "property": "zzz"}}])],
        "SecretSyncedError",
        ["spec.data[0]", "j"],
    ),
    "value is no JSON": (
        [_store(_FAKE), _wanted(data=None, dataFrom=[{"extract": {"key": "k"}}])],
        "SecretSyncedError",
        ["spec.dataFrom[0]", "k"],
    ),
    "template does not parse": (
        [_store(_FAKE), _wanted(target={"template": {"data": {"url": "{{ .k "}}})],
        "SecretSyncedError",
        ["url"],
    ),
    "template asks for a key that is not there": (
        [_store(_FAKE), _wanted(target={"template": {"data": {"url": "{{ .pasword }}"}}})],
        "SecretSyncedError",
        ["url", "pasword", "k"],
    ),
    "target belongs to another": ([_store(_FAKE), _other(), _wanted()], "SecretSyncedError", ["owned by another"]),
    "merge without a target": (
        [_store(_FAKE), _wanted(target={"creationPolicy": "Merge"})],
        "SecretMissing",
        ["secret will not be created"],
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Bench]:
    async with bench() as made, made.operator(controller_class="default"):
        yield made


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("failure", FAILURES)
async def test_condition_and_event_say_it(stage: Bench, failure: str) -> None:
    objects, reason, words = FAILURES[failure]
    space = await stage.space()
    for obj in objects:
        await _create(stage, space.namespace, obj)
    path = f"/apis/{_V1}/namespaces/{space.namespace}/externalsecrets/db"
    if not reason:
        # Another controller's: this one says nothing, and `eso explain` asks about the class.
        await asyncio.sleep(0.3)
        assert "conditions" not in ((await stage.client.raw("GET", path)).get("status") or {})
        return

    async def told() -> dict[str, Any]:
        conditions = ((await stage.client.raw("GET", path)).get("status") or {}).get("conditions") or []
        found = [each for each in conditions if each["reason"] == reason and _says(each["message"], words)]
        assert found, conditions
        first: dict[str, Any] = found[0]
        return first

    condition = await eventually(told, timeout=10)
    assert condition["lastTransitionTime"]
    if reason == "SecretSyncedError":
        event = await eventually(lambda: _warning(stage, space.namespace, words), timeout=10)
        assert event.reason in (
            "UpdateFailed",
            "InvalidStoreRef",
            "UnavailableStore",
            "ParseError",
            "SecretSyncedError",
        )


def _says(message: str, words: list[str]) -> bool:
    return all(word in message for word in words)


async def _warning(stage: Bench, namespace: str, words: list[str]) -> Event:
    events = (await stage.client.list(Event, namespace)).items
    about = [each for each in events if each.involved_object.name == "db" and each.type == "Warning"]
    found = [each for each in about if _says(each.message, words)]
    assert found, [(each.reason, each.message) for each in about]
    return found[0]


async def _create(stage: Bench, namespace: str, obj: dict[str, Any]) -> None:
    spec = {key: part for key, part in (obj.get("spec") or {}).items() if part is not None}
    body = {"apiVersion": _V1, **obj, "metadata": {**obj["metadata"], "namespace": namespace}}
    if spec:
        body["spec"] = spec
    plural = {"SecretStore": "secretstores", "ExternalSecret": "externalsecrets", "Secret": "secrets"}[obj["kind"]]
    base = f"/apis/{_V1}" if body["apiVersion"] == _V1 else "/api/v1"
    await stage.client.raw("POST", f"{base}/namespaces/{namespace}/{plural}", body=body)
    if obj["metadata"]["name"] == "other":
        await eventually(lambda: stage.client.find(Secret, "db", namespace), timeout=10)
