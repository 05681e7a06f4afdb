"""Contract: pushsecret, A5.2 and A10, and the stores and failures of part D, on the embedded control plane."""

from __future__ import annotations

from typing import Any

import pytest

from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.conditions import find
from eso.errors import ProviderError, UnavailableError
from reconcile.api.core_v1 import Event
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster
from tests.support.pushes import DONE, data, placed


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
