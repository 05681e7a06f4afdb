"""Contract: pushsecret, A5.1 and A11 for sources chosen by labels, A2 and the duration of A10, on the embedded control plane."""

from __future__ import annotations

from typing import Any

import pytest

from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.conditions import find
from reconcile.api.core_v1 import Secret
from reconcile.client.patch import MergePatch
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster
from tests.support.pushes import DONE, data, placed

SELECTOR = {"secret": {"selector": {"matchLabels": {"push": "me"}}}}
LABELS = {"push": "me"}
EVERY_KEY = [{"storeRef": {"name": "store"}}]


async def lists(world: Cluster, *places: str) -> PushSecret:
    """Wait until the status lists these places."""

    async def check() -> PushSecret | None:
        push = await world.condition("True", DONE)
        found = sorted(place for entries in placed(push).values() for place in entries)
        return push if found == sorted(places) else None

    found = await eventually(check)
    assert found is not None
    return found


@pytest.mark.parametrize("policy", ["None", "Delete"])
async def test_no_source_that_matches_pushes_nothing_and_is_done(world: Cluster, policy: str) -> None:
    await world.secret("unlabelled", a="1")
    async with world.operator():
        await world.push({"selector": SELECTOR, "deletionPolicy": policy, "data": [data("a", "r")]})
        push = await world.condition("True", DONE)
        assert push.status.synced_push_secrets in (None, {})
        assert push.status.refresh_time is not None
        assert world.vault().values == {}
        await world.secret("labelled", labels=LABELS, a="2")
        await lists(world, "r")
    assert world.vault().values == {"r": b"2"}


@pytest.mark.parametrize(("policy", "left"), [("None", {"a": b"1", "b": b"2"}), ("Delete", {"b": b"2"})])
async def test_one_of_several_selected_sources_vanishes(world: Cluster, policy: str, left: dict[str, bytes]) -> None:
    await world.secret("one", labels=LABELS, a="1")
    await world.secret("two", labels=LABELS, b="2")
    async with world.operator():
        await world.push({"selector": SELECTOR, "deletionPolicy": policy, "dataTo": EVERY_KEY})
        await lists(world, "a", "b")
        await world.client.delete(Secret, "one", "default")
        await lists(world, "b")
    assert world.vault().values == left


@pytest.mark.parametrize(("policy", "left"), [("None", {"a": b"1"}), ("Delete", {})])
@pytest.mark.parametrize("by", ["deletion", "label"])
async def test_the_last_selected_source_vanishes(world: Cluster, policy: str, left: dict[str, bytes], by: str) -> None:
    await world.secret("one", labels=LABELS, a="1")
    async with world.operator():
        await world.push({"selector": SELECTOR, "deletionPolicy": policy, "dataTo": EVERY_KEY})
        await lists(world, "a")
        if by == "deletion":
            await world.client.delete(Secret, "one", "default")
        else:
            await world.client.patch(Secret, "one", "default", MergePatch({"metadata": {"labels": {"push": None}}}))
        await lists(world)
    assert world.vault().values == left


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"status": {"refreshTime": "2020-01-01T00:00:00Z"}}, id="status"),
        pytest.param({"metadata": {"managedFields": [{}]}}, id="managed fields"),
    ],
)
async def test_changes_of_status_and_managed_fields_are_not_looked_at(world: Cluster, change: dict[str, Any]) -> None:
    async def store_is_ready() -> bool:
        found = find((await world.client.get(SecretStore, "store", "default")).status.conditions)
        return found is not None and found.status == "True"

    await world.secret(a="1")
    await world.secret("other", a="1")
    async with world.operator():
        await eventually(store_is_ready)
        await world.push({"data": [data("a", "r")]})
        before = await world.condition("True", DONE)
        await eventually(lambda: world.passes("pushsecret") >= 1)
        passes = world.passes("pushsecret")
        subresource = "status" if "status" in change else ""
        await world.client.patch(PushSecret, "push", "default", MergePatch(change), subresource=subresource)
        after = await world.client.get(PushSecret, "push", "default")
        assert after.metadata.resource_version != before.metadata.resource_version
        # Events come in order: when the second object is done, the change of the first one has been seen.
        await world.push({"selector": {"secret": {"name": "other"}}, "data": [data("a", "s")]}, "second")
        await world.condition("True", DONE, name="second")
        assert world.passes("pushsecret") <= passes + 1
        # What is looked at with so old a refresh would be due.
        last = await world.client.get(PushSecret, "push", "default")
        assert last.metadata.resource_version == after.metadata.resource_version


async def test_the_duration_of_the_last_pass_is_told_in_nanoseconds_and_goes_with_the_object(world: Cluster) -> None:
    def duration() -> float | None:
        return world.registry.get_sample_value(
            "pushsecret_reconcile_duration", {"name": "push", "namespace": "default"}
        )

    await world.secret(a="1")
    async with world.operator():
        await world.push({"data": [data("a", "r")]})
        await world.condition("True", DONE)
        await eventually(lambda: (duration() or 0.0) > 1000.0)
        await world.client.delete(PushSecret, "push", "default")
        await eventually(lambda: duration() is None)
