"""When a provider is asked again: policies, intervals, forced syncs, windows, and changes of what an object refers to."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eso.errors import UnavailableError
from reconcile.testing.eventually import eventually
from tests.support.operating import VERSION, Bench, Space

pytestmark = pytest.mark.asyncio(loop_scope="module")

ES = f"{VERSION}/externalsecrets"
STORES = f"{VERSION}/secretstores"


async def _settled_reads(space: Space) -> int:
    await space.bench.settled()
    return space.reads


async def test_periodic_follows_the_provider(space: Space) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(refreshInterval="100ms")
    await space.becomes({"k": b"one"})
    space.shelve(k="two")
    await space.becomes({"k": b"two"})
    await space.told("Normal", "Updated", "secret updated")


@pytest.mark.parametrize("policy", [None, "Periodic"])
async def test_long_interval_writes_nothing_in_between(space: Space, policy: str | None) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(refreshPolicy=policy)
    await space.synced()
    reads = await _settled_reads(space)
    version = (await space.get())["metadata"]["resourceVersion"]
    # Somebody else touches the Secret without changing it.
    await space.merge("v1/secrets", "app", {"metadata": {"annotations": {"their": "note"}}})
    assert await _settled_reads(space) == reads
    assert (await space.get())["metadata"]["resourceVersion"] == version


async def test_a_first_sync_shares_what_was_read_after_the_object_was_created(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    space.shelve(k="one")
    await space.store()
    # As if the objects had waited for a worker for half a minute.
    idle_bench.ahead = timedelta(seconds=30)
    async with idle_bench.operator():
        for name in ("first", "second"):
            await space.external_secret(name)
            await space.synced(name)
        assert space.reads == 1
        # An edit asks anew, and so does one that nobody waited long for.
        await space.edit("first", target={"name": "other"})
        await space.becomes({"k": b"one"}, "other")
        assert space.reads == 2
        idle_bench.ahead = timedelta()
        await space.external_secret("third")
        await space.synced("third")
        assert space.reads == 3
    idle_bench.ahead = timedelta()


async def test_refresh_without_a_change_writes_only_the_time(space: Space) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(refreshInterval="100ms")
    await space.synced()
    before = await space.secret()
    reads = space.reads
    await eventually(lambda: space.reads > reads + 2)
    assert await space.secret() == before
    assert [name for _, name in space.writes() if name.split("/")[0] == "secrets"] == ["secrets"]


@pytest.mark.parametrize("field", ["generation", "labels", "annotations"])
@pytest.mark.parametrize(
    ("spec", "asks"),
    [
        ({"refreshPolicy": "Periodic"}, True),
        ({}, True),
        ({"refreshPolicy": "OnChange"}, True),
        ({"refreshPolicy": "CreatedOnce"}, False),
        ({"refreshInterval": "0"}, False),
        ({"refreshInterval": "0s", "refreshPolicy": "Periodic"}, False),
    ],
    ids=["Periodic", "default", "OnChange", "CreatedOnce", "interval 0", "Periodic and interval 0s"],
)
async def test_edit_asks_the_provider(space: Space, field: str, spec: dict[str, Any], asks: bool) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(**spec)
    await space.becomes({"k": b"one"})
    await space.bench.settled()
    space.shelve(k="two")
    patch = {
        "generation": {"spec": {"target": {"deletionPolicy": "Merge"}}},
        "labels": {"metadata": {"labels": {"a": "b"}}},
        "annotations": {"metadata": {"annotations": {"force-sync": "1"}}},
    }
    await space.merge(ES, "app", patch[field])
    if asks:
        await space.becomes({"k": b"two"})
    else:
        await space.bench.settled()
        assert await space.data() == {"k": b"one"}


@pytest.mark.parametrize(
    "spec", [{"refreshPolicy": "OnChange"}, {"refreshPolicy": "CreatedOnce"}, {"refreshInterval": "0"}]
)
async def test_time_alone_asks_nobody(space: Space, spec: dict[str, Any]) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(**{"refreshInterval": "50ms", **spec})
    await space.synced()
    reads = await _settled_reads(space)
    space.shelve(k="two")
    assert await _settled_reads(space) == reads
    assert await space.data() == {"k": b"one"}


@pytest.mark.parametrize("policy", ["CreatedOnce", "OnChange"])
async def test_first_sync_that_failed_is_tried_again(space: Space, policy: str) -> None:
    space.shelve(k=UnavailableError("out of order", retry_after=0.05))
    await space.store()
    await space.external_secret(refreshPolicy=policy)
    await space.reaches("False", "SecretSyncedError", "could not get secret data from provider")
    space.shelve(k="one")
    await space.becomes({"k": b"one"})


async def test_refresh_time_is_the_start_of_the_pass(space: Space) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    await space.store(k="one")
    await space.external_secret()
    await space.synced()
    told = datetime.fromisoformat((await space.get())["status"]["refreshTime"])
    assert before <= told <= datetime.now(UTC)


async def test_failure_keeps_what_the_last_success_said(space: Space) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(refreshInterval="100ms")
    await space.synced()
    space.shelve()
    await space.reaches("False", "SecretSyncedError", "could not get secret data from provider")
    status = (await space.get())["status"]
    assert status["refreshTime"]
    assert status["syncedResourceVersion"].startswith("1-")
    assert status["binding"] == {"name": "app"}


async def test_transition_time_changes_only_with_the_status(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret()
    await space.synced()
    before = (await space.get())["status"]["conditions"][0]["lastTransitionTime"]
    await space.merge(ES, "app", {"metadata": {"annotations": {"force-sync": "1"}}})
    await space.bench.settled()
    assert (await space.get())["status"]["conditions"][0]["lastTransitionTime"] == before


@pytest.mark.parametrize("text", ["soon", "1 h", "5", "-"])
async def test_bad_interval_is_reported(space: Space, text: str) -> None:
    await space.store(k="one")
    await space.external_secret(refreshInterval=text)
    message = await space.reaches("False", "SecretSyncedError", "could not get secret data from provider")
    assert "spec.refreshInterval" in message
    await space.edit(refreshInterval="1h")
    await space.synced()


async def test_bad_interval_does_not_matter_to_policies_without_one(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(refreshInterval="soon", refreshPolicy="CreatedOnce")
    await space.reaches("False", "SecretSyncedError", "could not get secret data from provider")


# --- sync windows


def _window(at: datetime, minutes: int = 5) -> dict[str, Any]:
    return {"schedule": f"{at.minute} {at.hour} * * *", "duration": f"{minutes}m"}


@pytest.mark.parametrize(
    ("kind", "inside", "asks"),
    [("allow", True, True), ("allow", False, False), ("deny", True, False), ("deny", False, True)],
)
async def test_window_decides_about_refreshes(space: Space, kind: str, inside: bool, asks: bool) -> None:
    space.shelve(k="one")
    await space.store()
    now = datetime.now(UTC)
    start = now - timedelta(minutes=2) if inside else now - timedelta(hours=12)
    await space.external_secret(refreshInterval="100ms", syncWindows={"kind": kind, "windows": [_window(start)]})
    # The first sync is not held back, nor is one after an edit.
    await space.becomes({"k": b"one"})
    space.shelve(k="two")
    if asks:
        await space.becomes({"k": b"two"})
        return
    await space.bench.settled()
    assert await space.data() == {"k": b"one"}
    await space.merge(ES, "app", {"metadata": {"annotations": {"force-sync": "1"}}})
    await space.becomes({"k": b"two"})


async def test_window_that_cannot_be_read_is_never_active(space: Space) -> None:
    space.shelve(k="one")
    await space.store()
    window = {"schedule": "99 99 * * *", "duration": "1h"}
    await space.external_secret(refreshInterval="100ms", syncWindows={"kind": "deny", "windows": [window]})
    await space.becomes({"k": b"one"})
    space.shelve(k="two")
    await space.becomes({"k": b"two"})


# --- what an object refers to


async def test_store_that_heals_wakes_its_users(space: Space) -> None:
    space.bench.shelf.refused.add(space.namespace)
    await space.store(k="one")
    await space.external_secret()
    await space.reaches("False", "SecretSyncedError", "could not get secret data from provider")
    space.bench.shelf.refused.discard(space.namespace)
    await space.merge(STORES, "store", {"metadata": {"annotations": {"check": "now"}}})
    await space.becomes({"k": b"one"})


async def test_store_that_comes_late_wakes_its_users(space: Space) -> None:
    await space.external_secret()
    text = "could not get secret data from provider"
    assert '"store"' in await space.reaches("False", "SecretSyncedError", text)
    await space.store(k="one")
    await space.becomes({"k": b"one"})


async def test_edited_store_reaches_its_users(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret()
    await space.becomes({"k": b"one"})
    data = [{"key": "k", "value": "two"}]
    await space.merge(STORES, "store", {"spec": {"provider": {"fake": {"data": data}}}})
    await space.becomes({"k": b"two"})


@pytest.mark.parametrize("kind", ["configMap", "secret"])
async def test_edited_template_source_reaches_its_users(space: Space, kind: str) -> None:
    resource = {"configMap": "v1/configmaps", "secret": "v1/secrets"}[kind]

    def source(text: str) -> dict[str, Any]:
        value = text if kind == "configMap" else base64.b64encode(text.encode()).decode()
        return {"metadata": {"name": "source"}, "data": {"file": value}}

    await space.request("POST", resource, body=source("a={{ .k }}"))
    await space.store(k="one")
    entry = {kind: {"name": "source", "items": [{"key": "file"}]}}
    await space.external_secret(target={"template": {"templateFrom": [entry]}})
    await space.becomes({"file": b"a=one"})
    await space.merge(resource, "source", source("b={{ .k }}"))
    await space.becomes({"file": b"b=one"})


async def test_template_source_that_comes_late_is_used(space: Space) -> None:
    await space.store(k="one")
    entry = {"configMap": {"name": "source", "items": [{"key": "file"}]}}
    await space.external_secret(target={"template": {"templateFrom": [entry]}})
    await space.reaches("False", "SecretSyncedError", "could not update secret")
    await space.request("POST", "v1/configmaps", body={"metadata": {"name": "source"}, "data": {"file": "a={{ .k }}"}})
    await space.becomes({"file": b"a=one"})


async def test_rotated_credentials_are_used(space: Space) -> None:
    ref = {"name": "login", "key": "token"}
    provider = {"doppler": {"auth": {"secretRef": {"dopplerToken": ref}}}}
    await space.create_secret("login", token="first")
    await space.store(spec={"provider": provider})
    await space.external_secret(refreshInterval="200ms")
    await space.becomes({"k": b"first"})

    async def rotate(token: str) -> None:
        await space.merge("v1/secrets", "login", {"data": {"token": base64.b64encode(token.encode()).decode()}})

    await rotate("second")
    await space.becomes({"k": b"second"})
    await rotate("expired")
    await space.reaches("False", "SecretSyncedError", "could not get secret data from provider")
    await space.told("Warning", "InvalidProviderConfig", "the token has expired", name="store")
    await rotate("third")
    await space.becomes({"k": b"third"})
    await space.synced()


async def test_clock_that_went_back_does_not_stop_refreshes(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    idle_bench.ahead = timedelta(hours=3)
    space.shelve(k="one")
    await space.store()
    async with idle_bench.operator():
        await space.external_secret()
        await space.synced()
    idle_bench.ahead = timedelta()
    space.shelve(k="two")
    async with idle_bench.operator():
        await space.becomes({"k": b"two"})


async def test_time_that_passed_while_the_operator_was_down_counts(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    space.shelve(k="one")
    await space.store()
    async with idle_bench.operator():
        await space.external_secret()
        await space.synced()
    idle_bench.ahead = timedelta(hours=2)
    space.shelve(k="two")
    async with idle_bench.operator():
        await space.becomes({"k": b"two"})
    idle_bench.ahead = timedelta()
