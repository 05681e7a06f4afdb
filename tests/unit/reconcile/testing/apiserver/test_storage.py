from __future__ import annotations

import asyncio
from typing import Any

from reconcile.testing.apiserver.storage import Change, Storage, decode


def obj(name: str, namespace: str = "default", **content: Any) -> dict[str, Any]:
    return {"kind": "Secret", "data": content, "metadata": {"name": name, "namespace": namespace}, "apiVersion": "v1"}


def test_one_version_for_all_resources() -> None:
    storage = Storage()
    first = storage.put("secrets", obj("a"))
    second = storage.put("configmaps", obj("a"))
    third = storage.remove("secrets", "default", "a")
    assert [first.version, second.version, third.version] == [2, 3, 4]
    assert third.obj["metadata"]["resourceVersion"] == "4"
    assert storage.get("secrets", "default", "a") is None


def test_bytes_start_with_the_version() -> None:
    stored = Storage().put("secrets", obj("a"))
    assert stored.raw.startswith(b'{"apiVersion":"v1","kind":"Secret","metadata":{')
    assert decode(stored.raw) == stored.obj


def test_fresh_copies_leave_the_stored_object_alone() -> None:
    storage = Storage()
    stored = storage.put("secrets", obj("a", k="v"))
    stored.fresh()["data"]["k"] = "changed"
    assert stored.obj["data"] == {"k": "v"}


def test_lists_are_ordered_by_namespace_and_name() -> None:
    storage = Storage()
    for namespace, name in (("b", "a"), ("a", "z"), ("a", "b")):
        storage.put("secrets", obj(name, namespace))
    assert [stored.key for stored in storage.listed("secrets")] == [("a", "b"), ("a", "z"), ("b", "a")]
    assert [stored.key for stored in storage.listed("secrets", "a")] == [("a", "b"), ("a", "z")]
    storage.put("secrets", obj("a", "a"))
    assert storage.listed("secrets")[0].key == ("a", "a")
    assert storage.listed("nothing") == []


def test_history_is_kept_up_to_its_bound() -> None:
    storage = Storage(history=2)
    for name in "abc":
        storage.put("secrets", obj(name))
    assert storage.oldest("secrets") == 2
    assert [change.new.key[1] for change in storage.changes_since("secrets", 2)] == ["b", "c"]
    storage.compact()
    assert storage.oldest("secrets") == storage.version
    assert storage.changes_since("secrets", 0) == []


def test_listeners_are_told_in_order() -> None:
    storage = Storage()
    told: list[tuple[int, bool, bool]] = []

    def listen(change: Change) -> None:
        told.append((change.version, change.old is None, change.deleted))

    storage.listen(listen)
    storage.put("secrets", obj("a"))
    storage.put("secrets", obj("a", k="v"))
    storage.remove("secrets", "default", "a")
    storage.unlisten()
    storage.put("secrets", obj("b"))
    assert told == [(2, True, False), (3, False, False), (4, False, True)]


async def test_subscriptions_wait_wake_and_close() -> None:
    storage = Storage()
    subscription = storage.subscribe("secrets")
    assert await subscription.wait(0) is False
    waiting = asyncio.create_task(subscription.wait(60))
    await asyncio.sleep(0)
    storage.put("secrets", obj("a"))
    assert await waiting is True
    assert [change.new.key[1] for change in subscription.pending] == ["a"]
    subscription.pending.clear()
    storage.wake("secrets")
    assert await subscription.wait(60) is True
    subscription.close()
    storage.put("secrets", obj("b"))
    assert not subscription.pending
    assert storage.watchers("secrets") == 0


async def test_a_watcher_that_lags_too_far_is_overrun() -> None:
    storage = Storage(max_backlog=2)
    subscription = storage.subscribe("secrets")
    for name in "abc":
        storage.put("secrets", obj(name))
    assert subscription.overrun
    assert len(subscription.pending) == 2
    assert await subscription.wait(60) is True


def test_snapshots_are_bounded() -> None:
    storage = Storage()
    for version in range(100):
        storage.keep_snapshot("secrets", version, [])
    assert storage.snapshot("secrets", 0) is None
    assert storage.snapshot("secrets", 99) == []
