"""What an ExternalSecret tells: conditions, events, metrics, and how much it writes."""

from __future__ import annotations

import pytest

from reconcile.testing.eventually import eventually
from tests.support.operating import VERSION, Bench, Space

pytestmark = pytest.mark.asyncio(loop_scope="module")

ES = f"{VERSION}/externalsecrets"


def _condition(space: Space, condition: str, status: str) -> float | None:
    return space.bench.metric(
        "externalsecret_status_condition", name="app", namespace=space.namespace, condition=condition, status=status
    )


async def test_condition_gauge_follows_the_condition(space: Space) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret()
    await space.synced()
    await eventually(lambda: _condition(space, "Ready", "True") == 1.0)
    assert _condition(space, "Ready", "False") == 0.0
    space.shelve()
    await space.merge(ES, "app", {"metadata": {"annotations": {"force-sync": "1"}}})
    await space.reaches("False", "SecretSyncedError")
    await eventually(lambda: _condition(space, "Ready", "False") == 1.0)
    assert _condition(space, "Ready", "True") == 0.0
    await space.request("DELETE", ES, "app")
    await eventually(lambda: _condition(space, "Ready", "True") is None)
    assert _condition(space, "Ready", "False") is None
    await space.bench.settled()
    assert space.bench.metric("externalsecret_reconcile_duration", name="app", namespace=space.namespace) is None


async def test_counters(space: Space) -> None:
    labels = {"name": "app", "namespace": space.namespace}
    space.shelve(k="one")
    await space.store()
    await space.external_secret()
    await space.synced()
    await space.bench.settled()
    calls = space.bench.metric("externalsecret_sync_calls_total", **labels)
    assert calls is not None
    assert calls >= 1
    assert not space.bench.metric("externalsecret_sync_calls_error", **labels)
    assert (space.bench.metric("externalsecret_reconcile_duration", **labels) or 0) > 0
    space.shelve()
    await space.merge(ES, "app", {"metadata": {"annotations": {"force-sync": "1"}}})
    await space.reaches("False", "SecretSyncedError")
    await eventually(lambda: (space.bench.metric("externalsecret_sync_calls_error", **labels) or 0) >= 1)
    assert (space.bench.metric("externalsecret_sync_calls_total", **labels) or 0) > calls


async def test_events_of_a_life(space: Space) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(target={"deletionPolicy": "Delete"}, refreshInterval="100ms")
    await space.told("Normal", "Created", "secret created")
    space.shelve(k="two")
    await space.told("Normal", "Updated", "secret updated")
    space.shelve()
    await space.told("Normal", "Deleted", "secret deleted due to DeletionPolicy=Delete")
    listed = (await space.request("GET", "v1/events"))["items"]
    mine = [one for one in listed if one["involvedObject"]["name"] == "app"]
    assert {one["source"]["component"] for one in mine} == {"external-secrets"}
    assert {one["involvedObject"]["kind"] for one in mine} == {"ExternalSecret"}


async def test_first_sync_costs_two_writes(space: Space) -> None:
    await space.store(k="one")
    await space.bench.settled()
    before = len(space.writes())
    await space.external_secret()
    await space.synced()
    await space.bench.settled()
    assert space.writes()[before:] == [("POST", "secrets"), ("PATCH", "externalsecrets/app/status")]


async def test_no_finalizer_without_something_to_clean_up(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret()
    await space.external_secret("cleans", target={"deletionPolicy": "Delete"})
    await space.synced()
    await space.synced("cleans")
    assert "finalizers" not in (await space.get())["metadata"]
    finalizer = "externalsecrets.external-secrets.io/externalsecret-cleanup"
    assert (await space.get("cleans"))["metadata"]["finalizers"] == [finalizer]


async def test_no_secret_value_is_told(space: Space, caplog: pytest.LogCaptureFixture) -> None:
    space.shelve(k="hunter2-canary")
    await space.store()
    template = {"data": {"x": "{{ .k | nope }}"}}
    await space.external_secret(target={"template": template})
    await space.reaches("False", "SecretSyncedError")
    assert "hunter2-canary" not in caplog.text
    assert "hunter2-canary" not in str(await space.get())
    assert "hunter2-canary" not in str(await space.events())


async def test_extended_labels(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    await space.store(k="one")
    async with idle_bench.operator(enable_extended_metric_labels=True):
        await space.external_secret(metadata={"labels": {"app.kubernetes.io/name": "shop"}})
        await space.synced()
        labels = {
            f"app_kubernetes_io_{key}": "" for key in ("instance", "version", "component", "part_of", "managed_by")
        }
        await eventually(
            lambda: (
                idle_bench.metric(
                    "externalsecret_status_condition",
                    name="app",
                    namespace=space.namespace,
                    condition="Ready",
                    status="True",
                    app_kubernetes_io_name="shop",
                    **labels,
                )
                == 1.0
            )
        )
        await idle_bench.settled()
        series = {"name": "app", "namespace": space.namespace, **labels}
        for metric in ("externalsecret_sync_calls_total", "externalsecret_reconcile_duration"):
            assert idle_bench.metric(metric, app_kubernetes_io_name="shop", **series)
        await space.merge(ES, "app", {"metadata": {"labels": {"app.kubernetes.io/name": "mall"}}})
        duration = "externalsecret_reconcile_duration"
        await eventually(lambda: bool(idle_bench.metric(duration, app_kubernetes_io_name="mall", **series)))
        assert idle_bench.metric(duration, app_kubernetes_io_name="shop", **series) is None


async def test_status_conflict_is_no_failure(space: Space) -> None:
    await space.store(k="one")
    path = f"/apis/{ES.replace('/externalsecrets', '')}/namespaces/{space.namespace}/externalsecrets/app/status"
    fault = space.bench.server.faults.add(
        lambda request: request.method == "PATCH" and request.path == path, status=409, reason="Conflict", times=1
    )
    await space.external_secret()
    await space.synced()
    assert fault.hits == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_write_conflict_is_no_failure(space: Space, method: str) -> None:
    await space.store(k="one")
    if method == "PUT":
        await space.create_secret(k="old")
    prefix = f"/api/v1/namespaces/{space.namespace}/secrets"
    fault = space.bench.server.faults.add(
        lambda request: request.method == method and request.path.startswith(prefix),
        status=409,
        reason="Conflict" if method == "PUT" else "AlreadyExists",
        times=1,
    )
    await space.external_secret()
    await space.becomes({"k": b"one"})
    await space.synced()
    assert fault.hits == 1
    assert not [one for one in await space.events() if one[0] == "Warning"]


@pytest.mark.parametrize(("status", "reason"), [(403, "Forbidden"), (500, "InternalError")])
async def test_refused_write_is_reported(space: Space, status: int, reason: str) -> None:
    await space.store(k="one")
    prefix = f"/api/v1/namespaces/{space.namespace}/secrets"
    fault = space.bench.server.faults.add(
        lambda request: request.method == "POST" and request.path.startswith(prefix), status=status, reason=reason
    )
    await space.external_secret()
    await space.reaches("False", "SecretSyncedError", "could not update secret")
    space.bench.server.faults.remove(fault)
    await space.merge(ES, "app", {"metadata": {"labels": {"again": "1"}}})
    await space.synced()


async def test_lost_answer_to_a_write_is_no_failure(space: Space) -> None:
    await space.store(k="one")
    prefix = f"/api/v1/namespaces/{space.namespace}/secrets"
    space.bench.server.faults.add(
        lambda request: request.method == "POST" and request.path.startswith(prefix), reset_after=True, times=1
    )
    await space.external_secret()
    await space.becomes({"k": b"one"})
    await space.synced()
