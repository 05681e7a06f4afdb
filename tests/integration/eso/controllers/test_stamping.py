"""Contract: clusterexternalsecret, section 8, and pushsecret, part B and D13: what both kinds have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from reconcile.api.core_v1 import Namespace
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.patch import MergePatch
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster, cluster
from tests.support.stamped import CLUSTER_EXTERNAL_SECRET, CLUSTER_PUSH_SECRET, FAILED, READY, Stamping


@pytest.fixture
async def world() -> AsyncIterator[Cluster]:
    async with cluster() as found:
        for name in ("one", "two"):
            await found.namespace(name, team="a")
        await found.namespace("three", team="b")
        yield found


@pytest.fixture(params=[CLUSTER_EXTERNAL_SECRET, CLUSTER_PUSH_SECRET], ids=lambda kind: kind.owner.__name__)
def kind(request: pytest.FixtureRequest) -> Stamping:
    found: Stamping = request.param
    return found


async def relabel(world: Cluster, namespace: str, **labels: str | None) -> None:
    await world.client.patch(Namespace, namespace, "", MergePatch({"metadata": {"labels": labels}}))


async def foreign(world: Cluster, kind: Stamping, namespace: str, name: str = "shared") -> None:
    body = {"metadata": {"name": name, "namespace": namespace}, "spec": kind.spec}
    await world.client.create(kind.child.from_wire(body))


async def test_the_name_is_that_of_the_owner_and_the_status_says_so_and_nothing_else(
    world: Cluster, kind: Stamping
) -> None:
    async with world.operator():
        await kind.create(world)
        await kind.settled(world, provisionedNamespaces=["one", "two"])
        assert await kind.status(world) == {
            kind.field("Name"): "shared",
            "provisionedNamespaces": ["one", "two"],
            "conditions": READY,
        }
        child = await kind.child_of(world, "one")
        assert child is not None
        assert "labels" not in child["metadata"]
        assert "annotations" not in child["metadata"]
        (owner,) = child["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["controller"], owner["blockOwnerDeletion"]) == (
            kind.owner.__name__,
            "shared",
            True,
            True,
        )
        assert await kind.child_of(world, "three") is None


async def test_name_labels_and_annotations_are_those_of_the_spec_and_follow_it(world: Cluster, kind: Stamping) -> None:
    async with world.operator():
        metadata = {"labels": {"a": "1", "b": "2"}, "annotations": {"note": "n"}}
        await kind.create(world, **{kind.field("Name"): "given", kind.field("Metadata"): metadata})
        await kind.settled(world, provisionedNamespaces=["one", "two"])
        child = await kind.child_of(world, "one", "given")
        assert child is not None
        assert (child["metadata"]["labels"], child["metadata"]["annotations"]) == ({"a": "1", "b": "2"}, {"note": "n"})
        changed = {"labels": {"a": "9", "b": None}, "annotations": {"note": None}}
        await world.edit(
            kind.owner, "shared", "", **{kind.field("Metadata"): changed, kind.field("Spec"): kind.changed}
        )

        async def followed() -> None:
            child = await kind.child_of(world, "one", "given")
            assert child is not None
            assert child["metadata"]["labels"] == {"a": "9"}
            assert "annotations" not in child["metadata"]
            for name, value in kind.changed.items():
                assert len(child["spec"][name]) == len(value)

        async def check() -> bool:
            await followed()
            return True

        await eventually(check)


async def test_labels_of_others_stay(world: Cluster, kind: Stamping) -> None:
    async with world.operator():
        await kind.create(world, **{kind.field("Metadata"): {"labels": {"ours": "1", "old": "1"}}})
        await kind.settled(world, provisionedNamespaces=["one", "two"])
        tracking = MergePatch({"metadata": {"labels": {"tracking": "tool"}, "annotations": {"seen": "by-policy"}}})
        await world.client.patch(kind.child, "shared", "one", tracking, field_manager="tool")
        await world.edit(kind.owner, "shared", "", **{kind.field("Metadata"): {"labels": {"ours": "2", "old": None}}})

        async def check() -> bool:
            child = await kind.child_of(world, "one")
            assert child is not None
            assert child["metadata"]["labels"] == {"ours": "2", "tracking": "tool"}, child["metadata"]
            return bool(child["metadata"]["annotations"] == {"seen": "by-policy"})

        await eventually(check)


async def test_a_child_that_somebody_edits_or_deletes_comes_back(world: Cluster, kind: Stamping) -> None:
    async with world.operator():
        await kind.create(world)
        await kind.settled(world, provisionedNamespaces=["one", "two"])
        await world.edit(kind.child, "shared", "one", refreshInterval="7m")

        async def back() -> bool:
            child = await kind.child_of(world, "one")
            return child is not None and child["spec"].get("refreshInterval") != "7m"

        await eventually(back)
        await world.client.delete(kind.child, "shared", "two")

        async def there() -> bool:
            return await kind.child_of(world, "two") is not None

        await eventually(there)


async def test_renaming_leaves_only_the_new_name(world: Cluster, kind: Stamping) -> None:
    async with world.operator():
        await kind.create(world)
        await kind.settled(world, provisionedNamespaces=["one", "two"])
        await world.edit(kind.owner, "shared", "", **{kind.field("Name"): "renamed"})
        await kind.settled(world, **{kind.field("Name"): "renamed", "provisionedNamespaces": ["one", "two"]})
        assert await kind.child_of(world, "one", "renamed") is not None

        async def old_gone() -> bool:
            return await kind.child_of(world, "one") is None

        await eventually(old_gone)


async def test_an_object_of_somebody_else_is_left_alone_and_taken_over_from_when_it_goes(
    world: Cluster, kind: Stamping
) -> None:
    await foreign(world, kind, "one")
    async with world.operator():
        await kind.create(world)
        status = await kind.settled(world, conditions=FAILED)
        assert status["failedNamespaces"] == [{"namespace": "one", "reason": kind.exists}]
        assert status["provisionedNamespaces"] == ["two"]
        child = await kind.child_of(world, "one")
        assert child is not None
        assert "ownerReferences" not in child["metadata"]
        await world.client.delete(kind.child, "shared", "one")
        await kind.settled(world, conditions=READY, failedNamespaces=None, provisionedNamespaces=["one", "two"])


async def test_ownership_goes_by_uid(world: Cluster, kind: Stamping) -> None:
    body = {
        "metadata": {
            "name": "shared",
            "namespace": "one",
            "ownerReferences": [
                {
                    "apiVersion": kind.owner.resource.api_version,
                    "kind": kind.owner.__name__,
                    "name": "shared",
                    "uid": (await world.client.get(Namespace, "one")).metadata.uid,
                    "controller": True,
                }
            ],
            "finalizers": ["example.com/held"],
        },
        "spec": kind.spec,
    }
    await world.client.create(kind.child.from_wire(body))
    async with world.operator():
        await kind.create(world)
        status = await kind.settled(world, conditions=FAILED)
        assert status["failedNamespaces"] == [{"namespace": "one", "reason": kind.exists}]


async def test_namespaces_are_events(world: Cluster, kind: Stamping) -> None:
    async with world.operator():
        await kind.create(world)
        await kind.settled(world, provisionedNamespaces=["one", "two"])
        await relabel(world, "three", team="a")
        await kind.settled(world, provisionedNamespaces=["one", "three", "two"])
        await world.namespace("four", team="a")
        await kind.settled(world, provisionedNamespaces=["four", "one", "three", "two"])
        await relabel(world, "one", team=None)
        await kind.settled(world, provisionedNamespaces=["four", "three", "two"])
        assert await kind.child_of(world, "one") is None
        await world.client.delete(Namespace, "two")
        await kind.settled(world, provisionedNamespaces=["four", "three"], conditions=READY)

        async def namespace_gone() -> bool:
            return await world.client.find(Namespace, "two") is None

        await eventually(namespace_gone)
        for name in ("one", "three"):
            assert (await world.client.get(Namespace, name)).metadata.finalizers == []


async def test_a_terminating_namespace_is_neither_provisioned_nor_failed(world: Cluster, kind: Stamping) -> None:
    await world.client.create(Namespace(metadata=ObjectMeta(name="held", labels={"team": "a"})))
    await foreign(world, kind, "held", "blocker")
    await world.client.patch(
        kind.child, "blocker", "held", MergePatch({"metadata": {"finalizers": ["example.com/held"]}})
    )
    await world.client.delete(Namespace, "held")
    async with world.operator():
        await kind.create(world)
        await kind.settled(world, provisionedNamespaces=["one", "two"], failedNamespaces=None, conditions=READY)


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        ({"namespaceSelectors": [{"matchLabels": {"team": "nobody"}}]}, None),
        ({"namespaceSelectors": []}, None),
        (
            {"namespaceSelectors": [{"matchLabels": {"team": "a"}}, {"matchLabels": {"team": "b"}}]},
            ["one", "three", "two"],
        ),
        (
            {"namespaceSelectors": [{"matchExpressions": [{"key": "team", "operator": "In", "values": ["b"]}]}]},
            ["three"],
        ),
    ],
)
async def test_selectors(world: Cluster, kind: Stamping, selection: dict[str, Any], wanted: list[str] | None) -> None:
    async with world.operator():
        await kind.create(world, **selection)
        await kind.settled(world, conditions=READY, provisionedNamespaces=wanted)


async def test_an_operator_for_one_namespace_fails_the_others(world: Cluster, kind: Stamping) -> None:
    async with world.operator(namespace="two"):
        await kind.create(world)
        status = await kind.settled(world, provisionedNamespaces=["two"], conditions=FAILED)
        (failed,) = status["failedNamespaces"]
        assert failed["namespace"] == "one"
        assert "--namespace" in failed["reason"]
        assert await kind.child_of(world, "one") is None


async def test_nothing_is_asked_of_the_api_server_when_nothing_changed(world: Cluster, kind: Stamping) -> None:
    async with world.operator():
        await kind.create(world)
        await kind.settled(world, provisionedNamespaces=["one", "two"])
        name = kind.owner.__name__.lower()
        before = world.passes(name)
        world.counted.seen.clear()
        await world.client.patch(kind.owner, "shared", "", MergePatch({"metadata": {"labels": {"look": "again"}}}))
        await eventually(lambda: world.passes(name) > before)
        part = (
            f"/{kind.child.resource.plural}/",
            f"/{kind.owner.resource.plural}/",
            "/namespaces/one",
            "/namespaces/two",
        )
        asked = [one for one in world.counted.seen if "/events" not in one and "/status" not in one]
        assert [one for one in asked if part[1] in one] == []
        assert [one for one in asked if one.startswith(("PATCH", "POST", "PUT", "DELETE"))] == []


async def test_metrics_say_true_and_false_and_go_with_the_object(world: Cluster, kind: Stamping) -> None:
    def sample(status: str) -> float | None:
        labels = {"name": "shared", "namespace": "", "condition": "Ready", "status": status}
        return world.registry.get_sample_value(f"{kind.owner.__name__.lower()}_status_condition", labels)

    await foreign(world, kind, "one")
    async with world.operator():
        await kind.create(world)
        await kind.settled(world, conditions=FAILED)
        await eventually(lambda: (sample("True"), sample("False")) == (0.0, 1.0))
        await world.client.delete(kind.child, "shared", "one")
        await eventually(lambda: (sample("True"), sample("False")) == (1.0, 0.0))
        await world.client.delete(kind.owner, "shared")
        await eventually(lambda: sample("True") is None and sample("False") is None)


async def test_deleting_the_owner_takes_its_objects_along(world: Cluster, kind: Stamping) -> None:
    async with world.operator():
        await kind.create(world)
        await kind.settled(world, provisionedNamespaces=["one", "two"])
        await world.client.delete(kind.owner, "shared")

        async def all_gone() -> bool:
            left = [await kind.child_of(world, name) for name in ("one", "two")]
            return left == [None, None] and await world.client.find(kind.owner, "shared") is None

        await eventually(all_gone)
