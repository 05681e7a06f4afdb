"""What a store says about itself, how often it is checked, and what keeps it from being deleted."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from eso.errors import UnavailableError
from reconcile.testing.eventually import eventually
from tests.support.operating import VERSION, Bench, Space

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORES = f"{VERSION}/secretstores"
PUSHES = "external-secrets.io/v1alpha1/pushsecrets"
FINALIZER = "secretstore.externalsecrets.io/finalizer"
UNMAINTAINED = (
    "Warning",
    "StoreUnmaintained",
    "store isn't currently maintained. Please plan and prepare accordingly.",
)


async def _store(space: Space, name: str = "store") -> Any:
    return await space.request("GET", STORES, name)


async def _reaches(space: Space, status: str, reason: str, message: str, name: str = "store") -> str:
    said = ""

    async def check() -> bool:
        nonlocal said
        found = (await _store(space, name)).get("status", {}).get("conditions") or [{}]
        assert (found[0].get("status"), found[0].get("reason")) == (status, reason), found
        said = found[0]["message"]
        return said.startswith(message)

    await eventually(check)
    return said


async def _valid(space: Space, name: str = "store") -> None:
    assert await _reaches(space, "True", "Valid", "store validated", name) == "store validated"


async def test_store_that_works(space: Space) -> None:
    await space.store(k="one")
    await _valid(space)
    assert (await _store(space))["status"]["capabilities"] == "ReadWrite"
    await space.told("Normal", "Valid", "store validated", name="store")
    await space.told(*UNMAINTAINED, name="store")
    labels = {"name": "store", "namespace": space.namespace, "condition": "Ready"}
    await eventually(lambda: space.bench.metric("secretstore_status_condition", status="True", **labels) == 1.0)
    assert space.bench.metric("secretstore_status_condition", status="False", **labels) == 0.0
    assert (space.bench.metric("secretstore_reconcile_duration", name="store", namespace=space.namespace) or 0) > 0
    await space.request("DELETE", STORES, "store")
    await eventually(lambda: space.bench.metric("secretstore_status_condition", status="True", **labels) is None)
    assert space.bench.metric("secretstore_reconcile_duration", name="store", namespace=space.namespace) is None


async def test_maintenance_check_can_be_silenced(space: Space) -> None:
    body = {
        "metadata": {"name": "store", "annotations": {"external-secrets.io/ignore-maintenance-checks": ""}},
        "spec": {"provider": {"fake": {"data": []}}},
    }
    await space.request("POST", STORES, body={"apiVersion": VERSION, "kind": "SecretStore", **body})
    await _valid(space)
    await space.told("Normal", "Valid", "store validated", name="store")
    assert UNMAINTAINED not in await space.events("store")


async def test_store_that_does_not_work(space: Space) -> None:
    space.bench.shelf.refused.add(space.namespace)
    await space.store()
    assert "locked" in await _reaches(space, "False", "InvalidProviderConfig", "unable to validate store")
    await space.told("Warning", "InvalidProviderConfig", "locked", name="store")
    space.bench.shelf.refused.discard(space.namespace)
    # Nobody touches the store: the next try, after a second, finds out.
    await _valid(space)


async def test_store_whose_client_cannot_be_made(space: Space) -> None:
    ref = {"name": "login", "key": "token"}
    await space.store(spec={"provider": {"doppler": {"auth": {"secretRef": {"dopplerToken": ref}}}}})
    message = await _reaches(space, "False", "InvalidProviderConfig", "unable to create client")
    assert f'cannot get Kubernetes secret "login" from namespace "{space.namespace}"' in message
    writes = len(space.writes())
    await space.create_secret("login", token="expired")
    # The Secret itself is what makes the store try again, not the next try by time.
    await _reaches(space, "False", "InvalidProviderConfig", "unable to validate store")
    await space.merge("v1/secrets", "login", {"data": {"token": base64.b64encode(b"valid").decode()}})
    await _valid(space)
    assert len(space.writes()) == writes + 2


async def test_defect_of_a_provider_is_reported_by_its_class(space: Space) -> None:
    space.bench.shelf.broken.add(space.namespace)
    await space.store()
    message = await _reaches(space, "False", "InvalidProviderConfig", "unable to create client: unexpected LookupError")
    assert "a secret" not in message
    await space.told("Warning", "InvalidProviderConfig", "unexpected LookupError", name="store")
    space.bench.shelf.broken.discard(space.namespace)
    await _valid(space)


async def test_provider_that_nobody_knows(space: Space) -> None:
    await space.store(
        spec={"provider": {"gitlab": {"auth": {"SecretRef": {"accessToken": {"name": "x", "key": "y"}}}}}}
    )
    await _reaches(space, "False", "InvalidProviderConfig", "unable to create client")


async def test_store_that_cannot_be_checked_is_used(space: Space) -> None:
    provider = {"fake": {"data": [{"key": "k", "value": "one"}], "validationResult": 1}}
    await space.store(spec={"provider": provider})
    text = "could not determine validation status"
    assert await _reaches(space, "True", "ValidationUnknown", text) == text
    await space.told("Warning", "ValidationUnknown", "nobody knows", name="store")
    await space.external_secret()
    await space.becomes({"k": b"one"})


async def test_store_of_another_class_is_left_alone(space: Space) -> None:
    await space.store(spec={"controller": "other"})
    await space.bench.settled()
    assert "status" not in await _store(space)
    assert space.writes() == []


async def test_store_is_checked_again_after_its_interval(space: Space) -> None:
    await space.store(spec={"refreshInterval": "100ms"})
    await _valid(space)
    checks = space.bench.shelf.checks[space.namespace]
    await eventually(lambda: space.bench.shelf.checks[space.namespace] > checks + 2)
    assert [name for _, name in space.writes()] == ["secretstores/store/status"]
    space.bench.shelf.refused.add(space.namespace)
    await _reaches(space, "False", "InvalidProviderConfig", "unable to validate store")
    space.bench.shelf.refused.discard(space.namespace)
    await _valid(space)
    await space.request("DELETE", STORES, "store")


async def test_default_interval_is_a_flag(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    await space.store()
    async with idle_bench.operator(store_requeue_interval=0.1):
        await eventually(lambda: idle_bench.shelf.checks[space.namespace] > 3)
    await space.request("DELETE", STORES, "store")


@pytest.mark.parametrize("interval", ["soon", "10", "-1s", -1])
async def test_bad_interval_is_reported(space: Space, interval: object) -> None:
    await space.store(spec={"refreshInterval": interval})
    assert "refreshInterval" in await _reaches(space, "False", "InvalidStoreConfiguration", "")
    await space.merge(STORES, "store", {"spec": {"refreshInterval": 10}})
    await _valid(space)


async def test_transition_time_stays(space: Space) -> None:
    await space.store()
    await _valid(space)
    before = (await _store(space))["status"]["conditions"]
    await space.merge(STORES, "store", {"metadata": {"labels": {"a": "b"}}})
    await space.bench.settled()
    assert (await _store(space))["status"]["conditions"] == before


async def test_cluster_store(space: Space) -> None:
    name = f"shared-{space.namespace}"
    body = {
        "apiVersion": VERSION,
        "kind": "ClusterSecretStore",
        "metadata": {"name": name},
        "spec": {"provider": {"fake": {"data": []}}},
    }
    path = f"/apis/{VERSION}/clustersecretstores"
    await space.bench.client.raw("POST", path, body=body)

    async def valid() -> bool:
        found = (await space.bench.client.raw("GET", f"{path}/{name}")).get("status", {})
        assert [one["reason"] for one in found.get("conditions") or ()] == ["Valid"]
        return bool(found["capabilities"] == "ReadWrite")

    await eventually(valid)
    labels = {"name": name, "namespace": "", "condition": "Ready", "status": "True"}
    await eventually(lambda: space.bench.metric("clustersecretstore_status_condition", **labels) == 1.0)
    await space.bench.client.raw("DELETE", f"{path}/{name}")


# --- who keeps a store


async def _push(space: Space, deletion: str, ref: dict[str, Any]) -> None:
    body = {
        "apiVersion": "external-secrets.io/v1alpha1",
        "kind": "PushSecret",
        "metadata": {"name": "push"},
        "spec": {
            "deletionPolicy": deletion,
            "secretStoreRefs": [ref],
            "selector": {"secret": {"name": "source"}},
            "data": [{"match": {"secretKey": "k", "remoteRef": {"remoteKey": "r"}}}],
        },
    }
    await space.request("POST", PUSHES, body=body)


@pytest.mark.parametrize(
    ("deletion", "ref", "held"),
    [
        ("Delete", {"name": "store"}, True),
        ("Delete", {"name": "store", "kind": "SecretStore"}, True),
        ("Delete", {"labelSelector": {"matchLabels": {"team": "a"}}}, True),
        ("Delete", {"labelSelector": {"matchLabels": {"team": "b"}}}, False),
        ("Delete", {"name": "store", "kind": "ClusterSecretStore"}, False),
        ("Delete", {"name": "another"}, False),
        ("None", {"name": "store"}, False),
    ],
)
async def test_store_that_a_push_secret_needs(space: Space, deletion: str, ref: dict[str, Any], held: bool) -> None:
    body = {
        "apiVersion": VERSION,
        "kind": "SecretStore",
        "metadata": {"name": "store", "labels": {"team": "a"}},
        "spec": {"provider": {"fake": {"data": []}}},
    }
    await space.request("POST", STORES, body=body)
    await _valid(space)
    await _push(space, deletion, ref)

    async def finalizers() -> list[str]:
        found: list[str] = (await _store(space))["metadata"].get("finalizers") or []
        return found

    if held:

        async def kept() -> bool:
            return FINALIZER in await finalizers()

        await eventually(kept)
    await space.bench.settled()
    assert (FINALIZER in await finalizers()) is held
    await space.request("DELETE", STORES, "store")
    await space.bench.settled()
    names = [one["metadata"]["name"] for one in (await space.request("GET", STORES))["items"]]
    assert names == (["store"] if held else [])
    await space.merge(PUSHES, "push", {"spec": {"deletionPolicy": "None"}})

    async def gone() -> bool:
        return not (await space.request("GET", STORES))["items"]

    await eventually(gone)


async def test_an_outage_shows_in_the_message_and_leaves_ready_alone(space: Space) -> None:
    await space.store()
    await _valid(space)
    outage = UnavailableError("the shelf is gone")
    space.shelve(**{f"k{number}": outage for number in range(6)})
    for number in range(6):
        await space.external_secret(f"es{number}", data=[{"secretKey": "k", "remoteRef": {"key": f"k{number}"}}])
    await _reaches(space, "True", "Valid", "store validated; its provider does not answer now")
    labels = {"store_kind": "SecretStore", "store_namespace": space.namespace, "store": "store"}
    assert space.bench.metric("externalsecret_store_circuit_open", **labels) == 1.0
    # Its users tell what happened to them.
    message = await space.reaches("False", "SecretSyncedError", "could not get secret data", name="es0")
    assert "the shelf is gone" in message or "does not answer" in message
