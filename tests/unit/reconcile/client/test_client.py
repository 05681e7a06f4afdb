from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from reconcile.api.apps_v1 import Deployment
from reconcile.api.core_v1 import ConfigMap, Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.model import Resource, dynamic_kind
from reconcile.api.request import Request
from reconcile.client import Client, JsonPatch, MergePatch, Response, StrategicMergePatch
from reconcile.errors import (
    AlreadyExistsError,
    ConflictError,
    DecodeError,
    GoneError,
    InvalidError,
    NotFoundError,
    TransportError,
)
from reconcile.testing.loop import run
from tests.support.transport import ScriptedStream, ScriptedTransport, status_body

MAP = {"metadata": {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "7"}, "data": {"k": "v"}}
OBJECT = ConfigMap.from_wire(MAP)


def client_of(*answers: Any) -> tuple[Client, ScriptedTransport]:
    transport = ScriptedTransport(*answers)
    return Client(transport, field_manager="tester"), transport


async def test_get_and_find() -> None:
    missing = Response(404, status_body(404, "NotFound", name="a", kind="configmaps"))
    client, transport = client_of(MAP, MAP, missing, missing)
    assert await client.get(ConfigMap, "a", "ns") == OBJECT
    assert await client.find(ConfigMap, Request("ns", "a")) == OBJECT
    assert await client.find(ConfigMap, "a", "ns") is None
    with pytest.raises(NotFoundError) as caught:
        await client.get(ConfigMap, "a", "ns")
    assert caught.value.details["name"] == "a"
    assert {call.path for call in transport.calls} == {"/api/v1/namespaces/ns/configmaps/a"}


@pytest.mark.parametrize("name", ["..", ".", "a/b"])
async def test_a_name_cannot_leave_its_collection(name: str) -> None:
    client, transport = client_of()
    with pytest.raises(ValueError, match="is not a name"):
        await client.get(ConfigMap, name, "ns")
    with pytest.raises(ValueError, match="is not a name"):
        await client.get(ConfigMap, "a", name)
    assert transport.calls == []


async def test_an_object_of_the_wrong_shape_is_named_without_its_values() -> None:
    client, _ = client_of({"metadata": {"name": "a"}, "data": {"password": 5}, "immutable": "hunter2"})
    with pytest.raises(DecodeError) as caught:
        await client.get(ConfigMap, "a", "ns")
    assert "immutable" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_list_follows_pages() -> None:
    client, transport = client_of(
        {"metadata": {"resourceVersion": "9", "continue": "t"}, "items": [MAP]},
        {"metadata": {"resourceVersion": "9"}, "items": None},
    )
    found = await client.list(ConfigMap, "ns", label_selector="a=b", field_selector="metadata.name=a", limit=1)
    assert (found.items, found.resource_version, len(found)) == ([OBJECT], "9", 1)
    first = {"labelSelector": "a=b", "fieldSelector": "metadata.name=a", "limit": "1"}
    assert [call.query for call in transport.calls] == [first, {**first, "continue": "t"}]


async def test_list_starts_again_once_when_its_snapshot_is_compacted() -> None:
    expired = Response(410, status_body(410, "Expired"))
    page = {"metadata": {"resourceVersion": "9", "continue": "t"}, "items": [MAP]}
    client, transport = client_of(page, expired, {"metadata": {"resourceVersion": "12"}, "items": [MAP]})
    found = await client.list(ConfigMap)
    assert (len(found), found.resource_version) == (1, "12")
    assert "limit" not in transport.calls[2].query
    client, _ = client_of(page, expired, page, expired)
    with pytest.raises(GoneError):
        await client.list(ConfigMap)


async def test_pages_arrive_one_by_one() -> None:
    client, _ = client_of(
        {"metadata": {"resourceVersion": "9", "continue": "t"}, "items": [MAP]},
        {"metadata": {"resourceVersion": "9"}, "items": [MAP]},
    )
    assert [page.continue_token async for page in client.pages(ConfigMap)] == ["t", ""]


def line(type_: str, obj: object) -> bytes:
    return json.dumps({"type": type_, "object": obj}).encode() + b"\n"


async def test_watch_reassembles_lines_and_ends_with_the_server() -> None:
    body = line("ADDED", MAP) + line("BOOKMARK", {"metadata": {"resourceVersion": "8"}}) + line("DELETED", MAP)
    client, transport = client_of(ScriptedStream(*(body[i : i + 7] for i in range(0, len(body), 7))))
    events = [event async for event in client.watch(ConfigMap, "ns", resource_version="5", timeout=60)]
    assert [(event.type, event.resource_version) for event in events] == [
        ("ADDED", "7"),
        ("BOOKMARK", "8"),
        ("DELETED", "7"),
    ]
    assert transport.calls[0].query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "60",
        "resourceVersion": "5",
    }
    assert transport.open_streams == 0


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (ScriptedStream(line("ERROR", json.loads(status_body(410, "Expired")))), GoneError),
        (ScriptedStream(status_body(410, "Expired"), status=410), GoneError),
        (ScriptedStream(b"{}\n"), TransportError),
        (ScriptedStream(b"<html>\n"), TransportError),
        (ScriptedStream(TransportError("reset")), TransportError),
    ],
)
async def test_watch_failures_are_typed(stream: ScriptedStream, error: type[Exception]) -> None:
    client, transport = client_of(stream)
    with pytest.raises(error):
        async for _ in client.watch(ConfigMap):
            pass
    assert transport.open_streams == 0


def test_a_silent_watch_is_dead_after_its_idle_timeout() -> None:
    async def story() -> None:
        client, transport = client_of(ScriptedStream(line("ADDED", MAP), 1e6))
        with pytest.raises(TransportError, match="silent for 30 s"):
            async for _ in client.watch(ConfigMap, idle_timeout=30):
                pass
        assert transport.open_streams == 0

    run(story())


async def test_create() -> None:
    client, transport = client_of(MAP, Response(409, status_body(409, "AlreadyExists")))
    owner = Namespace(metadata=ObjectMeta(name="o", uid="owner-uid"))
    new = ConfigMap(metadata=ObjectMeta(generate_name="a-", namespace="ns"), data={"k": "v"})
    assert await client.create(new, owner=owner) == OBJECT
    call = transport.calls[0]
    assert (call.method, call.path, call.query) == (
        "POST",
        "/api/v1/namespaces/ns/configmaps",
        {"fieldManager": "tester"},
    )
    assert call.body["metadata"]["generateName"] == "a-"
    assert call.body["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "name": "o",
            "uid": "owner-uid",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    with pytest.raises(AlreadyExistsError):
        await client.create(new)
    with pytest.raises(ValueError, match=r"metadata\.namespace is empty"):
        await client.create(ConfigMap(metadata=ObjectMeta(name="a")))
    with pytest.raises(ValueError, match="another namespace"):
        await client.create(new, owner=ConfigMap(metadata=ObjectMeta(name="o", namespace="x", uid="u")))
    with pytest.raises(ValueError, match="uid"):
        await client.create(new, owner=Namespace(metadata=ObjectMeta(name="o")))


async def test_replace_sends_every_field_of_a_wire_object() -> None:
    body = {**MAP, "apiVersion": "v1", "kind": "ConfigMap", "future": {"x": 1}}
    client, transport = client_of(MAP, MAP, MAP)
    await client.replace(body, ConfigMap)
    await client.replace(OBJECT, field_manager="other")
    await client.replace(body, ConfigMap, subresource="status")
    assert transport.calls[0].body == body
    assert [call.path.rpartition("configmaps/")[2] for call in transport.calls] == ["a", "a", "a/status"]
    assert transport.calls[1].query == {"fieldManager": "other"}
    with pytest.raises(TypeError, match="kind"):
        await client.replace(body)
    with pytest.raises(TypeError, match="only a part"):
        await client.replace(Deployment(metadata=ObjectMeta(name="d", namespace="ns")))


@pytest.mark.parametrize(
    ("patch", "content_type", "body"),
    [
        (MergePatch({"a": None}), "application/merge-patch+json", {"a": None}),
        (StrategicMergePatch({"a": 1}), "application/strategic-merge-patch+json", {"a": 1}),
        (JsonPatch([{"op": "remove", "path": "/a"}]), "application/json-patch+json", [{"op": "remove", "path": "/a"}]),
    ],
)
async def test_patch(patch: Any, content_type: str, body: Any) -> None:
    client, transport = client_of(MAP)
    await client.patch(ConfigMap, "a", "ns", patch, subresource="status")
    call = transport.calls[0]
    assert (call.method, call.content_type, call.body) == ("PATCH", content_type, body)
    assert call.path.endswith("/a/status")


async def test_patch_status_sends_only_what_differs_and_nothing_when_nothing_does() -> None:
    kind = dynamic_kind(Resource("example.com", "v1", "Team", "teams"))
    stored = {"metadata": {"name": "t", "namespace": "ns"}, "status": {"a": 1, "old": 2, "same": {"x": [1]}}}
    obj = kind.from_wire(stored)
    client, transport = client_of(stored)
    assert await client.patch_status(obj, {"a": 1, "old": 2, "same": {"x": [1]}}) is obj
    assert transport.calls == []
    await client.patch_status(obj, {"a": 3, "same": {"x": [1]}})
    call = transport.calls[0]
    assert call.path == "/apis/example.com/v1/namespaces/ns/teams/t/status"
    assert call.body == {"status": {"a": 3, "old": None}}


async def test_apply_leaves_out_what_the_server_sets() -> None:
    client, transport = client_of(MAP, Response(409, status_body(409, "Conflict")))
    await client.apply(OBJECT, force=True)
    call = transport.calls[0]
    assert (call.content_type, call.query) == (
        "application/apply-patch+yaml",
        {"fieldManager": "tester", "force": "true"},
    )
    assert call.body == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "ns"},
        "data": {"k": "v"},
    }
    with pytest.raises(ConflictError):
        await client.apply(OBJECT)


async def test_delete() -> None:
    missing = Response(404, status_body(404, "NotFound"))
    client, transport = client_of({}, {}, missing, missing)
    await client.delete(ConfigMap, "a", "ns", propagation="Foreground", resource_version="7")
    await client.delete(OBJECT)
    await client.delete(ConfigMap, "a", "ns", missing_ok=True)
    with pytest.raises(NotFoundError):
        await client.delete(ConfigMap, "a", "ns")
    assert transport.calls[0].body["preconditions"] == {"resourceVersion": "7"}
    assert transport.calls[0].body["propagationPolicy"] == "Foreground"
    # An object is deleted only if it is still that one.
    assert transport.calls[1].body["preconditions"] == {"uid": "u"}
    assert "preconditions" not in transport.calls[2].body


async def test_request_token() -> None:
    status = {"token": "t0ken", "expirationTimestamp": "2026-01-01T00:00:00Z"}
    client, transport = client_of({"status": status})
    token = await client.request_token("ns", "sa", ["vault"], 900)
    assert token == ("t0ken", datetime(2026, 1, 1, tzinfo=UTC))
    assert "t0ken" not in repr(token)
    call = transport.calls[0]
    assert call.path == "/api/v1/namespaces/ns/serviceaccounts/sa/token"
    assert call.body["spec"] == {"audiences": ["vault"], "expirationSeconds": 900}


async def test_errors_carry_what_the_status_says() -> None:
    causes = [{"field": "spec.x", "reason": "FieldValueInvalid", "message": "no"}]
    client, _ = client_of(Response(422, status_body(422, "Invalid", "bad", causes=causes)))
    with pytest.raises(InvalidError, match="bad") as caught:
        await client.raw("POST", "/x", body={})
    assert caught.value.causes == causes


async def test_a_failure_without_a_status_does_not_quote_the_body() -> None:
    client, _ = client_of(Response(404, b"<html>secret page</html>"))
    with pytest.raises(NotFoundError) as caught:
        await client.raw("GET", "/x")
    assert "secret" not in str(caught.value)


async def test_what_is_no_json_object_is_a_transport_error_that_does_not_quote_it() -> None:
    client, _ = client_of(Response(200, b"<html>hunter2"), Response(200, b"[1]"), {"status": {"token": "hunter2"}})
    for call in (
        client.raw("GET", "/x"),
        client.get_wire(ConfigMap, "a", "ns"),
        client.request_token("ns", "sa"),
    ):
        with pytest.raises(TransportError) as caught:
            await call
        assert "hunter2" not in str(caught.value)
    assert await client_of(Response(200, b""))[0].raw("GET", "/x") == {}


async def test_closing_the_client_closes_the_transport() -> None:
    client, transport = client_of()
    async with client:
        pass
    assert transport.closed


async def test_secrets_of_requests_stay_out_of_reprs() -> None:
    secret = Secret(metadata=ObjectMeta(name="s", namespace="ns"), data={"k": b"hunter2"}, string_data={"x": "hunter2"})
    for shown in (secret, MergePatch(secret.to_wire()), Response(200, b"hunter2")):
        assert "hunter2" not in repr(shown)
        assert "aHVudGVyMg" not in repr(shown)
