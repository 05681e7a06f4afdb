"""Lists in pages, selectors, and every way a watch begins, goes on and ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reconcile.testing.apiserver import ApiServer
from tests.integration.apiserver.conftest import SECRETS, Api, Events, Widgets

METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


def names(answer: Any) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


async def test_pages_come_from_one_moment(api: Api) -> None:
    for name in "abcde":
        await api.secret(name)
    first = await api.ok("GET", SECRETS, limit="2")
    assert names(first) == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 3
    await api.secret("bb")
    await api.ok("DELETE", SECRETS + "/d")
    second = await api.ok("GET", SECRETS, limit="2", **{"continue": first["metadata"]["continue"]})
    third = await api.ok("GET", SECRETS, limit="2", **{"continue": second["metadata"]["continue"]})
    assert names(second) + names(third) == ["c", "d", "e"]
    assert "continue" not in third["metadata"]
    assert third["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("color=red", ["a"]),
        ("color==red", ["a"]),
        ("color!=red", ["b", "c"]),
        ("color", ["a", "b"]),
        ("!color", ["c"]),
        ("color in (red,green)", ["a", "b"]),
        ("color notin (red)", ["b", "c"]),
        ("size>3", ["b"]),
        ("color,size<3", ["a"]),
    ],
)
async def test_label_selectors(api: Api, selector: str, expected: list[str]) -> None:
    await api.secret("a", metadata={"labels": {"color": "red", "size": "1"}})
    await api.secret("b", metadata={"labels": {"color": "green", "size": "5"}})
    await api.secret("c")
    assert names(await api.ok("GET", SECRETS, labelSelector=selector)) == expected


async def test_field_selectors(api: Api, widgets: Widgets) -> None:
    await api.secret("a")
    await api.secret("b", type="example.com/x")
    assert names(await api.ok("GET", SECRETS, fieldSelector="metadata.name=a")) == ["a"]
    assert names(await api.ok("GET", SECRETS, fieldSelector="type!=Opaque")) == ["b"]
    await widgets.create("red")
    await widgets.create("green", spec={"color": "green"})
    assert names(await api.ok("GET", widgets.path, fieldSelector="spec.color=green")) == ["green"]


async def test_metadata_only_and_tables(api: Api, widgets: Widgets) -> None:
    await api.secret("a", data={"k": "dg=="})
    listed = await api.ok("GET", SECRETS, accept=METADATA_LIST)
    assert listed["kind"] == "PartialObjectMetadataList"
    assert "data" not in listed["items"][0]
    one = await api.ok("GET", SECRETS + "/a", accept=METADATA)
    assert (one["kind"], one["metadata"]["name"]) == ("PartialObjectMetadata", "a")
    table = await api.ok("GET", SECRETS, accept=TABLE)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Type", "Data", "Age"]
    assert table["rows"][0]["cells"][:2] == ["a", "Opaque"]
    await widgets.create("w")
    custom = await api.ok("GET", widgets.path, accept=TABLE)
    assert [column["name"] for column in custom["columnDefinitions"]] == ["Name", "Color", "Ready"]
    assert custom["rows"][0]["cells"][:2] == ["w", "red"]


async def test_watch_without_version_starts_with_what_is_there(api: Api) -> None:
    await api.secret("a")
    async with api.watch(SECRETS) as events:
        assert await events.names(1) == [("ADDED", "a")]
        await api.secret("b")
        assert await events.names(1) == [("ADDED", "b")]


async def test_watch_resumes_after_a_version(api: Api) -> None:
    made = await api.secret("a")
    await api.ok("PUT", SECRETS + "/a", {**made, "data": {"k": "dg=="}})
    await api.ok("DELETE", SECRETS + "/a")
    async with api.watch(SECRETS, resourceVersion=made["metadata"]["resourceVersion"]) as events:
        kind, obj = await events.next()
        assert (kind, obj["data"]) == ("MODIFIED", {"k": "dg=="})
        kind, gone = await events.next()
        assert (kind, gone["data"]) == ("DELETED", {"k": "dg=="})
        assert int(gone["metadata"]["resourceVersion"]) > int(obj["metadata"]["resourceVersion"])


async def test_selector_turns_changes_into_additions_and_deletions(api: Api) -> None:
    listed = await api.ok("GET", SECRETS)
    query = {"resourceVersion": listed["metadata"]["resourceVersion"], "labelSelector": "on=yes"}

    async def label(**labels: str) -> None:
        metadata: dict[str, Any] = {"labels": {"on": labels.get("on")}}
        await api.ok("PATCH", SECRETS + "/a", {"metadata": metadata}, content_type="application/merge-patch+json")

    async with api.watch(SECRETS, **query) as events:
        await api.secret("a")
        await label(on="yes")
        kind, obj = await events.next()
        assert (kind, obj["metadata"]["labels"]) == ("ADDED", {"on": "yes"})
        await label()
        kind, obj = await events.next()
        # The last state that was selected, at the version of the change.
        assert (kind, obj["metadata"]["labels"]) == ("DELETED", {"on": "yes"})
        current = await api.ok("GET", SECRETS + "/a")
        assert obj["metadata"]["resourceVersion"] == current["metadata"]["resourceVersion"]


async def test_send_initial_events(api: Api) -> None:
    await api.secret("a")
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with api.watch(SECRETS, **query) as events:
        assert await events.names(1) == [("ADDED", "a")]
        kind, bookmark = await events.next()
        assert kind == "BOOKMARK"
        assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert int(bookmark["metadata"]["resourceVersion"]) > 0
        await api.secret("b")
        assert await events.names(1) == [("ADDED", "b")]


async def test_send_initial_events_needs_the_match(api: Api) -> None:
    status, answer = await api("GET", SECRETS, watch="true", sendInitialEvents="true", timeoutSeconds="1")
    assert status == 422
    assert answer["message"].endswith("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")


async def test_watch_in_other_shapes(api: Api) -> None:
    await api.secret("a", data={"k": "dg=="})
    async with api.watch(SECRETS, accept=METADATA) as events:
        kind, obj = await events.next()
        assert (kind, obj["kind"]) == ("ADDED", "PartialObjectMetadata")
        assert "data" not in obj
    async with api.watch(SECRETS, accept=TABLE) as events:
        _, table = await events.next()
        assert table["kind"] == "Table"
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Type", "Data", "Age"]
        await api.secret("b")
        _, table = await events.next()
        assert table["rows"][0]["cells"][0] == "b"
        assert not table["columnDefinitions"]


async def test_watch_ends_after_its_timeout(api: Api) -> None:
    async with api.watch(SECRETS, timeoutSeconds="1") as events:
        with pytest.raises(StopAsyncIteration):
            await events.next()


async def test_version_from_the_future(api: Api) -> None:
    status, answer = await api("GET", SECRETS, resourceVersion="999999999")
    assert (status, answer["reason"]) == (504, "Timeout")
    assert answer["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


async def test_all_versions_of_a_kind_are_one_collection(widgets: Widgets) -> None:
    await widgets.create("w")
    other = widgets.path.replace("/v1/", "/v1beta1/")
    got = await widgets.api.ok("GET", other + "/w")
    assert got["apiVersion"] == f"{widgets.group}/v1beta1"
    async with widgets.api.watch(other) as events:
        _, obj = await events.next()
        assert obj["apiVersion"] == f"{widgets.group}/v1beta1"


async def test_old_watches_and_tokens_are_gone() -> None:
    async with ApiServer(listen=False) as server:
        api = Api(server.transport, "default", real=False)
        made = await api.secret("a")
        await api.secret("b")
        page = await api.ok("GET", SECRETS, limit="1")
        server.compact()
        async with api.watch(SECRETS, resourceVersion=made["metadata"]["resourceVersion"]) as events:
            kind, status = await events.next()
            assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")
            assert status["message"].startswith("too old resource version: ")
        code, answer = await api("GET", SECRETS, limit="1", **{"continue": page["metadata"]["continue"]})
        assert (code, answer["reason"]) == (410, "Expired")
        rest = await api.ok("GET", SECRETS, **{"continue": answer["metadata"]["continue"]})
        assert names(rest) == ["b"]


async def test_history_is_bounded() -> None:
    async with ApiServer(listen=False, history=5) as server:
        api = Api(server.transport, "default", real=False)
        made = await api.secret("first")
        for number in range(6):
            await api.secret(f"s{number}")
        async with api.watch(SECRETS, resourceVersion=made["metadata"]["resourceVersion"]) as events:
            assert (await events.next())[0] == "ERROR"


async def test_many_watchers_see_every_change_in_order() -> None:
    async with ApiServer(listen=False) as server:
        api = Api(server.transport, "default", real=False)
        expected = [("ADDED", f"s{number:02}") for number in range(30)]
        started = asyncio.Barrier(21)

        async def follow() -> list[tuple[str, str]]:
            async with api.watch(SECRETS) as events:
                await started.wait()
                return await _collect(events, 30)

        async with asyncio.TaskGroup() as group:
            followers = [group.create_task(follow()) for _ in range(20)]
            await started.wait()
            for _, name in expected:
                await api.secret(name)
        assert all(follower.result() == expected for follower in followers)


async def _collect(events: Events, count: int) -> list[tuple[str, str]]:
    return await events.names(count)
