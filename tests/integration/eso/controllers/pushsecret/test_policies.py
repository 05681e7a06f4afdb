"""Contract: pushsecret, A6, A11 and the update and deletion policies of part D, on the embedded control plane."""

from __future__ import annotations

import asyncio

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.conditions import find
from eso.controllers.pushsecret.ledger import FINALIZER, FOUND
from eso.errors import AccessDeniedError, ProviderError, UnavailableError
from reconcile.api.core_v1 import Secret
from reconcile.client.patch import MergePatch
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster
from tests.support.pushes import DONE, KEPT, data, gone, placed


async def test_if_not_exists_writes_what_is_missing_and_never_deletes_the_rest(world: Cluster) -> None:
    world.vault().values["there"] = b"theirs"
    await world.secret(a="1", b="2")
    async with world.operator():
        spec = {
            "updatePolicy": "IfNotExists",
            "deletionPolicy": "Delete",
            "data": [data("a", "there"), data("b", "missing")],
        }
        await world.push(spec)
        push = await world.condition("True", KEPT)
        assert world.vault().values == {"there": b"theirs", "missing": b"2"}
        assert placed(push) == {"SecretStore/store": ["missing", "there"]}
        assert push.metadata.annotations[FOUND] == '{"SecretStore/store":["there"]}'
        await world.client.delete(PushSecret, "push", "default")
        await gone(world)
    assert world.vault().values == {"there": b"theirs"}
    assert world.vault().deleted == ["missing"]


async def test_the_mark_of_a_found_entry_makes_no_edit_of_it(world: Cluster) -> None:
    world.vault().values["there"] = b"theirs"
    await world.secret(a="1")
    async with world.operator():
        await world.push({"updatePolicy": "IfNotExists", "data": [data("a", "there")]})
        first = await world.condition("True", KEPT)
        await world.client.patch(PushSecret, "push", "default", MergePatch({"metadata": {"labels": {"x": "y"}}}))

        async def again() -> PushSecret | None:
            push = await world.condition("True", KEPT)
            return push if push.status.synced_resource_version != first.status.synced_resource_version else None

        push = await eventually(again)
    assert push is not None
    assert FOUND in push.metadata.annotations


async def test_replace_takes_a_found_entry_over(world: Cluster) -> None:
    world.vault().values["there"] = b"theirs"
    await world.secret(a="1")
    async with world.operator():
        await world.push({"updatePolicy": "IfNotExists", "deletionPolicy": "Delete", "data": [data("a", "there")]})
        await world.condition("True", KEPT)
        await world.edit(PushSecret, "push", "default", updatePolicy="Replace")
        push = await world.condition("True", DONE)
        assert world.vault().values == {"there": b"1"}
        assert FOUND not in push.metadata.annotations
        await world.client.delete(PushSecret, "push", "default")
        await gone(world)
    assert world.vault().values == {}


async def test_a_failing_existence_check_is_told(world: Cluster) -> None:
    world.vault().refuse_exists = ProviderError("boom")
    await world.secret(a="1")
    async with world.operator():
        await world.push({"updatePolicy": "IfNotExists", "data": [data("a", "r")]})
        await world.condition("False", "set secret failed: could not verify if secret exists in store: boom")
    assert world.vault().values == {}


async def test_a_removed_entry_is_deleted_after_the_new_one_is_written(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        await world.push({"deletionPolicy": "Delete", "data": [data("a", "old", "p")]})
        push = await world.condition("True", DONE)
        assert FINALIZER in push.metadata.finalizers
        assert placed(push) == {"SecretStore/store": ["old/p"]}
        await world.edit(PushSecret, "push", "default", data=[data("a", "new")])

        async def moved() -> bool:
            return placed(await world.client.get(PushSecret, "push", "default")) == {"SecretStore/store": ["new"]}

        await eventually(moved)
    assert world.provider.order == [("write", "store:old/p"), ("write", "store:new"), ("delete", "store:old/p")]


async def test_with_policy_none_nothing_is_ever_deleted(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        await world.push({"data": [data("a", "old")]})
        await world.condition("True", DONE)
        await world.edit(PushSecret, "push", "default", data=[data("a", "new")])

        async def moved() -> bool:
            return placed(await world.client.get(PushSecret, "push", "default")) == {"SecretStore/store": ["new"]}

        await eventually(moved)
        await world.client.delete(PushSecret, "push", "default")
        await gone(world)
    assert world.vault().values == {"old": b"1", "new": b"1"}


async def test_delete_to_none_lets_go(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        await world.push({"deletionPolicy": "Delete", "data": [data("a", "r")]})
        await world.condition("True", DONE)
        await world.edit(PushSecret, "push", "default", deletionPolicy="None")

        async def released() -> bool:
            return not (await world.client.get(PushSecret, "push", "default")).metadata.finalizers

        await eventually(released)
        await world.client.delete(PushSecret, "push", "default")
        await gone(world)
    assert world.vault().values == {"r": b"1"}


async def test_a_failing_deletion_is_told_and_still_owed(world: Cluster) -> None:
    await world.secret(a="1")
    world.vault().refuse_delete["old"] = AccessDeniedError("boom")
    async with world.operator():
        await world.push({"deletionPolicy": "Delete", "data": [data("a", "old")]})
        await world.condition("True", DONE)
        await world.edit(PushSecret, "push", "default", data=[data("a", "new")])
        push = await world.condition("False", "Failed to Delete Secrets from Provider: boom")
        assert placed(push) == {"SecretStore/store": ["new", "old"]}
        await world.client.delete(PushSecret, "push", "default")

        async def owed() -> bool:
            found = await world.client.get(PushSecret, "push", "default")
            return placed(found) == {"SecretStore/store": ["old"]} and found.metadata.deleting

        await eventually(owed)
        world.vault().refuse_delete.clear()
        await world.client.patch(PushSecret, "push", "default", MergePatch({"metadata": {"labels": {"try": "again"}}}))
        await gone(world)
    assert world.vault().values == {}


async def test_a_change_of_store_deletes_at_the_old_one_once_the_new_one_holds_the_value(world: Cluster) -> None:
    await world.secret(a="1")
    await world.store("next")
    world.vault("next").refuse["*"] = AccessDeniedError("boom")
    async with world.operator():
        await world.push({"deletionPolicy": "Delete", "data": [data("a", "r")]})
        await world.condition("True", DONE)
        await world.edit(PushSecret, "push", "default", secretStoreRefs=[{"name": "next", "kind": "SecretStore"}])
        text = "set secret failed: could not write remote ref a to target secretstore next: boom"

        async def still_at_the_old_one() -> bool:
            push = await world.condition("False", text)
            return placed(push) == {"SecretStore/next": [], "SecretStore/store": ["r"]}

        await eventually(still_at_the_old_one)
        assert world.vault().values == {"r": b"1"}
        world.vault("next").refuse.clear()
        await world.client.patch(PushSecret, "push", "default", MergePatch({"metadata": {"labels": {"try": "again"}}}))
        push = await world.condition("True", DONE)
    assert placed(push) == {"SecretStore/next": ["r"]}
    assert world.provider.order[-2:] == [("write", "next:r"), ("delete", "store:r")]


async def test_a_failing_deletion_at_an_old_store_keeps_both(world: Cluster) -> None:
    await world.secret(a="1")
    await world.store("next")
    world.vault().refuse_delete["r"] = AccessDeniedError("boom")
    async with world.operator():
        await world.push({"deletionPolicy": "Delete", "data": [data("a", "r")]})
        await world.condition("True", DONE)
        await world.edit(PushSecret, "push", "default", secretStoreRefs=[{"name": "next", "kind": "SecretStore"}])
        push = await world.condition("False", "Failed to Delete Secrets from Provider: boom")
    assert placed(push) == {"SecretStore/next": ["r"], "SecretStore/store": ["r"]}


async def test_a_deleted_source_takes_its_values_along_and_a_new_one_brings_them_back(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        await world.push({"deletionPolicy": "Delete", "data": [data("a", "r")]})
        await world.condition("True", DONE)
        await world.client.delete(Secret, "source", "default")
        push = await world.condition("False", "source secret deleted; provider secrets cleaned up")
        condition = find(push.status.conditions)
        assert condition is not None
        assert condition.reason == "SourceDeleted"
        assert push.status.synced_push_secrets is None
        assert world.vault().values == {}
        await world.secret(a="2")
        await world.condition("True", DONE)
    assert world.vault().values == {"r": b"2"}


async def test_a_source_deleted_under_policy_none_leaves_the_provider_alone(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        await world.push({"data": [data("a", "r")]})
        await world.condition("True", DONE)
        await world.client.delete(Secret, "source", "default")
        push = await world.condition("False", "could not get source secret")
    assert placed(push) == {"SecretStore/store": ["r"]}
    assert world.vault().values == {"r": b"1"}


async def test_what_another_push_secret_keeps_at_the_same_place_is_not_deleted(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        for name in ("one", "two"):
            await world.push({"deletionPolicy": "Delete", "data": [data("a", "r")]}, name)
            await world.condition("True", DONE, name=name)
        await world.client.delete(PushSecret, "one", "default")
        await gone(world, "one")
        assert world.vault().values == {"r": b"1"}
        await world.client.delete(PushSecret, "two", "default")
        await gone(world, "two")
    assert world.vault().values == {}


async def test_what_may_have_been_written_is_owed(world: Cluster) -> None:
    await world.secret(a="1", b="2")
    world.vault().refuse |= {"unsure": UnavailableError("no answer"), "refused": AccessDeniedError("boom")}
    async with world.operator():
        await world.push({"deletionPolicy": "Delete", "data": [data("a", "unsure"), data("b", "refused")]})
        text = "set secret failed: could not write remote ref a to target secretstore store: no answer"

        async def owed() -> bool:
            # While it is tried again, the other one is announced for a moment.
            push = await world.condition("False", text)
            return placed(push) == {"SecretStore/store": ["unsure"]}

        await eventually(owed)


async def test_what_will_be_written_is_listed_before_it_is(world: Cluster) -> None:
    """Killed between the write and its status, the operator still deletes what it wrote."""
    await world.secret(a="1")
    world.vault().gate = asyncio.Event()
    async with world.operator():
        await world.push({"deletionPolicy": "Delete", "data": [data("a", "r")]})

        async def listed() -> bool:
            return placed(await world.client.get(PushSecret, "push", "default")) == {"SecretStore/store": ["r"]}

        await eventually(listed)
        assert world.vault().writes == []
        world.vault().gate.set()
        await world.condition("True", DONE)
    assert world.vault().writes == ["r"]
