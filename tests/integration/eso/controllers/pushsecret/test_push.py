"""Contract: pushsecret, part A and the list of part D, on the embedded control plane: sources, templates, refreshes."""

from __future__ import annotations

import pytest

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.conditions import find
from eso.controllers.pushsecret.ledger import FINALIZER
from reconcile.api.core_v1 import Secret
from reconcile.client.patch import MergePatch
from reconcile.errors import InvalidError
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster, OneWayProvider, cluster
from tests.support.pushes import DONE, data, placed


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


async def test_what_cannot_be_read_back_is_not_read_and_pushed_at_each_refresh() -> None:
    async with cluster(OneWayProvider()) as world:
        await world.store()
        await world.secret(a="1")
        async with world.operator():
            await world.push({"refreshInterval": "1h", "data": [data("a", "once")]}, name="once")
            await world.push({"refreshInterval": "20ms", "data": [data("a", "often")]})
            await eventually(lambda: world.vault().writes.count("often") >= 3)
            await world.condition("True", DONE, name="once")
            assert world.vault().writes.count("once") == 1
        assert world.vault().reads == 0


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
