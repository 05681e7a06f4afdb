"""Which store is read, and what happens when it cannot be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from eso.errors import UnavailableError
from reconcile.testing.eventually import eventually
from tests.support.operating import VERSION, Bench, Space

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAILED = ("False", "SecretSyncedError", "could not get secret data from provider")


async def _cluster_store(bench: Bench, name: str, **spec: Any) -> None:
    body = {
        "apiVersion": VERSION,
        "kind": "ClusterSecretStore",
        "metadata": {"name": name},
        "spec": {"provider": {"fake": {"data": [{"key": "k", "value": "one"}]}}, **spec},
    }
    await bench.client.raw("POST", f"/apis/{VERSION}/clustersecretstores", body=body)


@pytest.mark.parametrize("kind", ["SecretStore", "ClusterSecretStore"])
async def test_missing_store(space: Space, kind: str) -> None:
    await space.external_secret(secretStoreRef={"name": "none", "kind": kind})
    message = await space.reaches(*FAILED)
    assert f'could not get {kind} "none"' in message
    await space.told("Warning", "UpdateFailed", f'could not get {kind} "none"')


async def test_no_store_at_all(space: Space) -> None:
    await space.external_secret(secretStoreRef=None)
    assert "spec.secretStoreRef" in await space.reaches(*FAILED)


async def test_kind_defaults_to_secret_store(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(secretStoreRef={"name": "store"})
    await space.becomes({"k": b"one"})


async def test_store_that_is_not_ready(space: Space) -> None:
    space.bench.shelf.refused.add(space.namespace)
    await space.store(k="one")
    await space.external_secret()
    told = 'SecretStore "store" is not ready: unable to validate store: the shelf is locked'
    assert told in await space.reaches(*FAILED)
    assert space.reads == 0


async def test_store_that_is_not_ready_without_the_flood_gate(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    idle_bench.shelf.refused.add(space.namespace)
    await space.store(k="one")
    async with idle_bench.operator(enable_flood_gate=False):
        await space.external_secret()
        await space.becomes({"k": b"one"})
        await space.synced()


@pytest.mark.parametrize("entry", [None, "data", "dataFrom"])
async def test_store_of_another_class_is_left_alone(space: Space, entry: str | None) -> None:
    await space.store(k="one")
    await space.store("foreign", {"controller": "other"}, k="one")
    ref = {"storeRef": {"name": "foreign"}}
    spec: dict[str | None, dict[str, Any]] = {
        None: {"secretStoreRef": {"name": "foreign"}},
        "data": {"data": [{"secretKey": "k", "remoteRef": {"key": "k"}, "sourceRef": ref}]},
        "dataFrom": {"dataFrom": [{"find": {"name": {"regexp": "."}}, "sourceRef": ref}]},
    }
    await space.external_secret(**spec[entry])
    await space.bench.settled()
    assert await space.ready() == ("", "", "")
    assert not await space.has()
    assert space.writes() == [("PATCH", "secretstores/store/status")]
    assert await space.events() == []


async def test_what_another_operator_keeps_now_is_not_shown_as_overdue(space: Space) -> None:
    def planned() -> float | None:
        labels = {"name": "app", "namespace": space.namespace}
        return space.bench.metric("externalsecret_next_refresh_timestamp_seconds", **labels)

    await space.store(k="one")
    await space.store("foreign", {"controller": "other"}, k="one")
    await space.external_secret()
    await space.synced()
    await eventually(lambda: planned() is not None)
    await space.merge(f"{VERSION}/externalsecrets", "app", {"spec": {"secretStoreRef": {"name": "foreign"}}})
    await eventually(lambda: planned() is None)


async def test_class_of_the_operator(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    await space.store("mine", {"controller": "special"}, k="one")
    await space.store("default", {"controller": "default"}, k="one")
    await space.store("anyone", k="one")
    async with idle_bench.operator(controller_class="special"):
        for name in ("mine", "default", "anyone"):
            await space.external_secret(name, secretStoreRef={"name": name})
        await space.synced("mine")
        await space.synced("anyone")
        await idle_bench.settled()
        assert not await space.has("default")


CONDITIONS: dict[str, tuple[Any, bool]] = {
    "none": ([], True),
    "label": ([{"namespaceSelector": {"matchLabels": {"team": "a"}}}], True),
    "other label": ([{"namespaceSelector": {"matchLabels": {"team": "b"}}}], False),
    "expression": ([{"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "Exists"}]}}], True),
    "regex": ([{"namespaceRegexes": ["spa.e-"]}], True),
    "other regex": ([{"namespaceRegexes": ["^prod-"]}], False),
    "other name": ([{"namespaces": ["prod"]}], False),
    "any of two": ([{"namespaces": ["prod"]}, {"namespaceRegexes": ["space"]}], True),
    "any within one": ([{"namespaces": ["prod"], "namespaceRegexes": ["space"]}], True),
}


@pytest.mark.parametrize("case", CONDITIONS)
async def test_conditions_of_a_cluster_store(shared: Bench, case: str) -> None:
    conditions, allowed = CONDITIONS[case]
    space = await shared.space(team="a")
    name = f"conditions-of-{space.namespace}"
    await _cluster_store(shared, name, conditions=conditions)
    await space.external_secret(secretStoreRef={"name": name, "kind": "ClusterSecretStore"})
    if allowed:
        await space.becomes({"k": b"one"})
        return
    message = await space.reaches(*FAILED)
    denied = f'using cluster store "{name}" is not allowed from namespace "{space.namespace}": denied by spec.condition'
    assert denied in message
    assert not await space.has()


async def test_named_namespace_of_a_cluster_store(space: Space) -> None:
    name = f"named-{space.namespace}"
    await _cluster_store(space.bench, name, conditions=[{"namespaces": [space.namespace]}])
    await space.external_secret(secretStoreRef={"name": name, "kind": "ClusterSecretStore"})
    await space.becomes({"k": b"one"})


async def test_cluster_stores_that_are_switched_off(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    await _cluster_store(idle_bench, "off")
    async with idle_bench.operator(enable_cluster_store_reconciler=False):
        await space.external_secret(secretStoreRef={"name": "off", "kind": "ClusterSecretStore"})
        await idle_bench.settled()
        assert await space.ready() == ("", "", "")
        assert not await space.has()


async def test_an_operator_for_one_namespace_still_has_the_kinds_of_cluster_scope(idle_bench: Bench) -> None:
    here, elsewhere = await idle_bench.space(team="scoped"), await idle_bench.space(team="scoped")
    await _cluster_store(idle_bench, "scoped", conditions=[{"namespaces": [here.namespace]}])
    ref = {"name": "scoped", "kind": "ClusterSecretStore"}
    async with idle_bench.operator(namespace=here.namespace):
        for space in (here, elsewhere):
            await space.external_secret(secretStoreRef=ref)
        await here.synced()
        assert await elsewhere.ready() == ("", "", "")


async def test_store_that_is_deleted_breaks_the_next_refresh_only(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret()
    await space.synced()
    await space.request("DELETE", f"{VERSION}/secretstores", "store")
    await space.bench.settled()
    await space.synced()
    assert await space.data() == {"k": b"one"}


async def test_a_store_that_hangs_does_not_slow_another(shared: Bench) -> None:
    slow, quick = await shared.space(), await shared.space()
    shared.shelf.open[slow.namespace] = asyncio.Event()
    for space, count in ((slow, 60), (quick, 20)):
        await space.store()
        space.shelve(**{f"k{number}": "value" for number in range(count)})
        for number in range(count):
            entry = {"secretKey": "k", "remoteRef": {"key": f"k{number}"}}
            await space.external_secret(f"es{number}", data=[entry])
    for number in range(20):
        await quick.synced(f"es{number}")
    # All of its 60 would hang at once if there were no limit.
    assert slow.reads < 32
    assert (await slow.get("es0")).get("status", {}).get("conditions") is None
    shared.shelf.open[slow.namespace].set()
    for number in range(60):
        await slow.synced(f"es{number}")
    for space in (slow, quick):
        await space.request("DELETE", f"{VERSION}/externalsecrets")


async def test_many_that_fail_do_not_delay_the_retry_of_another(shared: Bench) -> None:
    failing, other = await shared.space(), await shared.space()
    await failing.store()
    failing.shelve(k=UnavailableError("out"))
    for number in range(160):
        await failing.external_secret(f"es{number}")
    for number in range(160):
        await failing.reaches(*FAILED, name=f"es{number}")
    await other.store()
    other.shelve(k=UnavailableError("a moment"))
    await other.external_secret()
    await other.reaches(*FAILED)
    other.shelve(k="value")
    began = asyncio.get_running_loop().time()
    await other.synced()
    # The first retry is due after a second, the second after two more.
    assert asyncio.get_running_loop().time() - began < 4
    for space in (failing, other):
        await space.request("DELETE", f"{VERSION}/externalsecrets")
