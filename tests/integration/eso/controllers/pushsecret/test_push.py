"""Contract: pushsecret, part A and the list of part D, on the embedded control plane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.conditions import find
from eso.controllers.pushsecret.ledger import FINALIZER, FOUND
from eso.errors import AccessDeniedError, ProviderError, UnavailableError
from reconcile.api.core_v1 import Event, Secret
from reconcile.client.patch import MergePatch
from reconcile.errors import InvalidError
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster, cluster

DONE = "PushSecret synced successfully"
KEPT = f"{DONE}. Existing secrets in providers unchanged."


@pytest.fixture
async def world() -> AsyncIterator[Cluster]:
    async with cluster() as found:
        await found.store()
        yield found


def data(key: str, remote: str, prop: str = "", **more: Any) -> dict[str, Any]:
    ref = {"remoteKey": remote, **({"property": prop} if prop else {})}
    return {"match": {"secretKey": key, "remoteRef": ref}, **more}


def placed(push: PushSecret) -> dict[str, list[str]]:
    return {store: sorted(entries) for store, entries in (push.status.synced_push_secrets or {}).items()}


async def gone(world: Cluster, name: str = "push") -> None:
    async def check() -> bool:
        return await world.client.find(PushSecret, name, "default") is None

    await eventually(check)


async def test_a_plain_sync_writes_the_value_and_records_it(world: Cluster) -> None:
    await world.secret(a="1", b="2")
    async with world.operator():
        await world.push({"data": [data("a", "remote"), data("b", "other", "prop")]})
        push = await world.condition("True", DONE)
    assert world.vault().values == {"remote": b"1", "other/prop": b"2"}
    assert placed(push) == {"SecretStore/store": ["other/prop", "remote"]}
    assert FINALIZER not in push.metadata.finalizers
    assert push.status.synced_resource_version is not None
    assert push.status.synced_resource_version.startswith("1-")
    condition = find(push.status.conditions)
    assert condition is not None
    assert condition.reason == "Synced"


async def test_a_whole_secret_goes_as_sorted_json(world: Cluster) -> None:
    await world.secret(b="<2>", a="1")
    async with world.operator():
        await world.push({"data": [{"match": {"remoteRef": {"remoteKey": "all"}}}]})
        await world.condition("True", DONE)
    assert world.vault().values == {"all": b'{"a":"1","b":"<2>"}'}


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


async def test_the_template_makes_values_labels_and_keys_for_data_to(world: Cluster) -> None:
    await world.secret(labels={"from": "source"}, a="1")
    async with world.operator():
        template = {
            "type": "custom",
            "metadata": {"labels": {"made": "{{ .a }}x"}, "annotations": {"note": "n"}},
            "data": {"made": "<{{ .a }}>", "a": "over"},
        }
        data_to = [{"storeRef": {"name": "store"}, "match": {"regexp": "^made$"}}]
        await world.push({"template": template, "data": [data("a", "r"), data("a", "again")], "dataTo": data_to})
        await world.condition("True", DONE)
    assert world.vault().values == {"r": b"over", "again": b"over", "made": b"<1>"}
    source = world.vault().sources["r"]
    assert (source.type, dict(source.labels), source.annotations["note"]) == (
        "custom",
        {"from": "source", "made": "1x"},
        "n",
    )


async def test_a_template_that_fails_gives_a_condition(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        await world.push({"template": {"data": {"x": "{{ .missing.deep }}"}}, "data": [data("x", "r")]})

        async def check() -> bool:
            push = await world.client.get(PushSecret, "push", "default")
            condition = find(push.status.conditions)
            assert condition is not None
            assert condition.message.startswith(
                "could not apply template: could not execute template: spec.template.data"
            )
            return condition.reason == "Errored"

        await eventually(check)


async def test_reverse_unicode_finds_converted_keys(world: Cluster) -> None:
    await world.secret(some_U002f_path="v")
    async with world.operator():
        await world.push({"data": [data("some/path", "r", conversionStrategy="ReverseUnicode")]})
        await world.condition("True", DONE)
    assert world.vault().values == {"r": b"v"}


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


async def test_a_changed_source_is_pushed_at_once(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        await world.push({"data": [data("a", "r")]})
        await world.condition("True", DONE)
        await world.set_secret(a="2")
        await eventually(lambda: world.vault().values == {"r": b"2"})


async def test_interval_zero_pushes_once_for_each_edit(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        await world.push({"refreshInterval": "0", "data": [data("a", "r")]})
        await world.push({"data": [data("a", "witness")]}, name="witness")
        await world.condition("True", DONE)
        await world.condition("True", DONE, name="witness")
        await world.set_secret(a="2")
        await eventually(lambda: world.vault().values["witness"] == b"2")
        assert world.vault().values["r"] == b"1"
        await world.client.patch(PushSecret, "push", "default", MergePatch({"metadata": {"labels": {"x": "y"}}}))
        await eventually(lambda: world.vault().values["r"] == b"2")


async def test_refreshes_of_an_unchanged_secret_make_one_version(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        await world.push({"refreshInterval": "20ms", "data": [data("a", "r")]})
        await world.condition("True", DONE)
        begun = world.passes("pushsecret")
        await eventually(lambda: world.passes("pushsecret") >= begun + 100)
        assert world.vault().writes == ["r"]
        world.vault().values.clear()
        await eventually(lambda: world.vault().values == {"r": b"1"})
        world.vault().values["r"] = b"drifted"
        await eventually(lambda: world.vault().values == {"r": b"1"})


async def test_two_label_selected_sources_with_different_keys_both_stay(world: Cluster) -> None:
    await world.secret("one", labels={"push": "me"}, k1="1")
    await world.secret("two", labels={"push": "me"}, k2="2")
    async with world.operator():
        await world.push(
            {
                "deletionPolicy": "Delete",
                "selector": {"secret": {"selector": {"matchLabels": {"push": "me"}}}},
                "dataTo": [{"storeRef": {"name": "store"}}],
            }
        )
        push = await world.condition("True", DONE)
        assert placed(push) == {"SecretStore/store": ["k1", "k2"]}
        await world.secret("three", labels={"push": "me"}, k3="3")
        await eventually(lambda: "k3" in world.vault().values)
        await world.client.delete(Secret, "one", "default")
        await eventually(lambda: world.vault().values == {"k2": b"2", "k3": b"3"})
        for name in ("two", "three"):
            await world.client.delete(Secret, name, "default")
        await eventually(lambda: world.vault().values == {})
        push = await world.condition("True", DONE)
    assert "k2" not in world.vault().deleted[:1]


async def test_of_sources_that_write_the_same_place_the_last_wins_without_writing_twice(world: Cluster) -> None:
    await world.secret("one", labels={"push": "me"}, k="1")
    await world.secret("two", labels={"push": "me"}, k="2")
    async with world.operator():
        selector = {"secret": {"selector": {"matchLabels": {"push": "me"}}}}
        await world.push({"selector": selector, "data": [data("k", "r")]})
        await world.condition("True", DONE)
    assert world.vault().writes == ["r"]
    assert world.vault().values == {"r": b"2"}


async def test_stores_of_both_kinds_by_name_and_label(world: Cluster) -> None:
    await world.secret(a="1")
    await world.store("cluster-one", "")
    await world.store("cluster-two", "", labels={"push": "yes"})
    await world.store("labelled", labels={"push": "yes"})
    await world.store("not-labelled", labels={"push": "no"})
    selector = {"matchLabels": {"push": "yes"}}
    async with world.operator():
        await world.push(
            {
                "secretStoreRefs": [
                    {"name": "store"},
                    {"name": "cluster-one", "kind": "ClusterSecretStore"},
                    {"labelSelector": selector, "kind": "ClusterSecretStore"},
                    {"labelSelector": selector, "kind": "SecretStore"},
                ],
                "data": [data("a", "r")],
            }
        )
        push = await world.condition("True", DONE)
    assert list(placed(push)) == [
        "ClusterSecretStore/cluster-one",
        "ClusterSecretStore/cluster-two",
        "SecretStore/labelled",
        "SecretStore/store",
    ]
    assert world.vault("not-labelled").writes == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"selector": {"secret": {"name": "absent"}}, "data": []}, "could not get source secret"),
        ({"data": [data("nope", "r")]}, "set secret failed: secret key nope does not exist"),
        (
            {"secretStoreRefs": [{"name": "gone"}], "data": [data("a", "r")]},
            'could not get SecretStore "gone", SecretStore.external-secrets.io "gone" not found',
        ),
        (
            {"secretStoreRefs": [{"name": "gone", "kind": "ClusterSecretStore"}], "data": [data("a", "r")]},
            'could not get ClusterSecretStore "gone", ClusterSecretStore.external-secrets.io "gone" not found',
        ),
        (
            {"secretStoreRefs": [{"name": "refusing"}], "data": [data("a", "r")]},
            "set secret failed: could not write remote ref a to target secretstore refusing: boom",
        ),
        (
            {"secretStoreRefs": [{"name": "down"}], "data": [data("a", "r")]},
            "set secret failed: could not get secrets client for store down: boom",
        ),
        ({"dataTo": [{"storeRef": {"name": "other"}}]}, 'dataTo[0]: storeRef "other" not found in secretStoreRefs'),
        (
            {"dataTo": [{"storeRef": {"labelSelector": {"matchLabels": {"a": "b"}}}}]},
            "dataTo[0]: labelSelector does not match any store in secretStoreRefs",
        ),
        (
            {
                "secretStoreRefs": [{"labelSelector": {"matchLabels": {"x": "y"}}}],
                "dataTo": [{"storeRef": {"name": "store"}}],
            },
            'dataTo[0]: storeRef "store" not found in secretStoreRefs',
        ),
        (
            {"data": [data("a", "r"), data("b", "r")]},
            'set secret failed: failed to merge data entries: duplicate remote key "r": source keys "a" and "b" '
            "both map to the same destination",
        ),
    ],
)
async def test_failures_are_told_in_these_words(world: Cluster, spec: dict[str, Any], message: str) -> None:
    await world.secret(a="1", b="2")
    await world.store("refusing")
    await world.store("down")
    world.vault("refusing").refuse["*"] = ProviderError("boom")
    world.vault("down").down = ProviderError("boom")
    async with world.operator():
        await world.push(spec)
        push = await world.condition("False", message)
        condition = find(push.status.conditions)
        assert condition is not None
        assert condition.reason == "Errored"

        async def warned() -> bool:
            events = await world.client.list(Event, "default")
            return any((event.type, event.reason, event.message) == ("Warning", "Errored", message) for event in events)

        await eventually(warned)
    assert world.vault().writes == []


async def test_one_failing_store_does_not_starve_another(world: Cluster) -> None:
    await world.secret(a="1")
    await world.store("a-first")
    world.vault("a-first").refuse["*"] = UnavailableError("boom")
    async with world.operator():
        await world.push({"secretStoreRefs": [{"name": "a-first"}, {"name": "store"}], "data": [data("a", "r")]})
        push = await world.condition(
            "False", "set secret failed: could not write remote ref a to target secretstore a-first: boom"
        )
    assert world.vault().values == {"r": b"1"}
    assert placed(push)["SecretStore/store"] == ["r"]


async def test_a_store_of_another_class_is_left_alone_and_sets_no_condition(world: Cluster) -> None:
    await world.secret(a="1")
    await world.store("foreign", controller="somebody-else")
    async with world.operator():
        await world.push({"secretStoreRefs": [{"name": "foreign"}], "data": [data("a", "r")]})
        await world.push(
            {"secretStoreRefs": [{"name": "foreign"}, {"name": "store"}], "data": [data("a", "r")]}, "mixed"
        )
        mixed = await world.condition("True", DONE, name="mixed")
        push = await world.client.get(PushSecret, "push", "default")
        assert push.status.conditions is None
        assert placed(mixed) == {"SecretStore/store": ["r"]}
        await world.edit(SecretStore, "foreign", "default", controller=None)
        await world.condition("True", DONE)
    assert world.vault("foreign").values == {"r": b"1"}


async def test_a_store_or_source_of_another_namespace_is_not_reached(world: Cluster) -> None:
    await world.namespace("other")
    await world.secret(namespace="other", a="1")
    await world.store("elsewhere", "other")
    async with world.operator():
        await world.push({"data": [data("a", "r")]})
        await world.condition("False", "could not get source secret")
        await world.secret(a="1")
        await world.edit(PushSecret, "push", "default", secretStoreRefs=[{"name": "elsewhere"}])
        await world.condition(
            "False", 'could not get SecretStore "elsewhere", SecretStore.external-secrets.io "elsewhere" not found'
        )
    assert world.vault("elsewhere").writes == []


async def test_a_store_that_appears_later_is_written_to(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        await world.push(
            {"secretStoreRefs": [{"labelSelector": {"matchLabels": {"push": "yes"}}}], "data": [data("a", "r")]}
        )
        await world.push({"data": [data("a", "r")]}, "witness")
        await world.condition("True", DONE, name="witness")
        await world.store("late", labels={"push": "yes"})
        await world.condition("True", DONE)
    assert world.vault("late").values == {"r": b"1"}


async def test_the_api_server_rejects_remote_key_with_rewrite(world: Cluster) -> None:
    entry = {
        "storeRef": {"name": "store"},
        "remoteKey": "all",
        "rewrite": [{"regexp": {"source": "a", "target": "b"}}],
    }
    with pytest.raises(InvalidError, match="remoteKey and rewrite are mutually exclusive"):
        await world.push({"dataTo": [entry]})


async def test_a_generator_is_a_source(world: Cluster) -> None:
    body = {
        "apiVersion": "generators.external-secrets.io/v1alpha1",
        "kind": "Fake",
        "metadata": {"name": "made", "namespace": "default"},
        "spec": {"data": {"token": "t"}},
    }
    path = "/apis/generators.external-secrets.io/v1alpha1/namespaces/default/fakes"
    await world.client.raw("POST", path, body=body)
    async with world.operator():
        await world.push({"selector": {"generatorRef": {"kind": "Fake", "name": "made"}}, "data": [data("token", "r")]})
        await world.condition("True", DONE)
    assert world.vault().values == {"r": b"t"}


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


async def test_metrics_follow_the_condition_and_go_with_the_object(world: Cluster) -> None:
    def sample(status: str) -> float | None:
        labels = {"name": "push", "namespace": "default", "condition": "Ready", "status": status}
        return world.registry.get_sample_value("pushsecret_status_condition", labels)

    await world.secret(a="1")
    async with world.operator():
        await world.push({"data": [data("a", "r")]})
        await world.condition("True", DONE)
        assert (sample("True"), sample("False")) == (1.0, 0.0)
        await world.client.delete(Secret, "source", "default")
        await world.condition("False", "could not get source secret")
        assert (sample("True"), sample("False")) == (0.0, 1.0)
        await world.client.delete(PushSecret, "push", "default")
        await eventually(lambda: sample("True") is None and sample("False") is None)


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
