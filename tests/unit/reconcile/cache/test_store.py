from __future__ import annotations

import json
from typing import Any

import pytest

from reconcile.api.core_v1 import ConfigMap
from reconcile.cache.store import Parser, Store, is_older, labels_of
from reconcile.client.wire import MalformedError


def wire(name: str, namespace: str = "ns", version: str = "1", **fields: Any) -> bytes:
    metadata = {"name": name, "namespace": namespace, "uid": f"u-{name}", "resourceVersion": version}
    metadata |= fields.pop("metadata", {})
    return json.dumps({"metadata": metadata, **fields}).encode()


def by_color(obj: ConfigMap) -> list[str]:
    return [obj.data["color"]] if "color" in obj.data else []


def test_managed_fields_are_cut_out_and_unknown_fields_kept() -> None:
    entry = Parser().parse(wire("a", metadata={"managedFields": [{"manager": "x"}]}, future={"x": 1}))
    body = json.loads(entry.raw)
    assert "managedFields" not in body["metadata"]
    assert body["future"] == {"x": 1}


def test_metadata_only_drops_the_rest_also_when_the_server_sent_it() -> None:
    parser = Parser(metadata_only=True)
    entry = parser.parse(wire("a", data={"secret": "value"}, metadata={"labels": {"x": "y"}}))
    assert b"secret" not in entry.raw
    assert labels_of(entry) == {"x": "y"}
    store = Store(ConfigMap, metadata_only=True)
    store.put(entry)
    assert store.decode(entry).metadata.labels == {"x": "y"}
    assert store.decode(entry).data == {}


def test_transform_leaves_out_and_a_broken_one_leaves_in() -> None:
    def trim(body: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": body["metadata"], "data": dict.fromkeys(body["data"], "")}

    assert json.loads(Parser(transform=trim).parse(wire("a", data={"k": "v"})).raw)["data"] == {"k": ""}
    assert json.loads(Parser(transform=trim).parse(wire("a")).raw)["metadata"]["name"] == "a"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"metadata": 1}', b'{"metadata": {"name": 1}}', b"<html>"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        Parser().parse(body)


@pytest.mark.parametrize(
    ("left", "right", "older"),
    [
        ("9", "10", True),
        ("10", "9", False),
        ("10", "10", False),
        ("a9", "a10", False),
        ("", "1", False),
        ("1", "x", False),
    ],
)
def test_versions_are_compared_as_numbers_only(left: str, right: str, older: bool) -> None:
    assert is_older(left, right) is older


def test_indexes_follow_changes() -> None:
    parser, store = Parser(), Store(ConfigMap, indexes={"color": by_color})

    def names(value: str) -> list[str]:
        return [entry.name for entry in store.indexed("color", value)]

    store.put(parser.parse(wire("a", data={"color": "red"})))
    store.put(parser.parse(wire("b", data={"color": "red"})))
    assert names("red") == ["a", "b"]
    store.put(parser.parse(wire("a", data={"color": "blue"})))
    assert (names("red"), names("blue")) == (["b"], ["a"])
    store.remove(("ns", "b"))
    assert names("red") == []
    with pytest.raises(KeyError):
        store.indexed("size", "1")


def test_an_index_can_be_added_later_but_not_redefined() -> None:
    parser, store = Parser(), Store(ConfigMap)
    store.put(parser.parse(wire("a", data={"color": "red"})))
    store.add_index("color", by_color)
    store.add_index("color", by_color)
    assert [entry.name for entry in store.indexed("color", "red")] == ["a"]
    with pytest.raises(ValueError, match="another index named 'color'"):
        store.add_index("color", lambda obj: [])


def test_an_index_function_that_raises_costs_one_object() -> None:
    parser, store = Parser(), Store(ConfigMap, indexes={"color": lambda obj: [obj.data["color"]]})
    store.put(parser.parse(wire("a")))
    store.put(parser.parse(wire("b", data={"color": "red"})))
    assert [entry.name for entry in store.indexed("color", "red")] == ["b"]
    assert store.size == 2


def test_what_user_code_says_of_its_failure_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def broken(obj: Any) -> Any:
        raise ValueError(f"cannot use {obj}")

    parser, store = Parser(transform=broken), Store(ConfigMap, indexes={"color": broken})
    store.put(parser.parse(wire("a", data={"password": "hunter2"})))
    assert [record.message.split("\n")[0] for record in caplog.records] == [
        "a transform failed on ns/a",
        "an index function of ConfigMap failed on ns/a",
    ]
    assert caplog.text.count("<locals>.broken") == 2
    assert caplog.text.count("ValueError") == 2
    assert "hunter2" not in caplog.text


def test_bytes_and_size_follow_changes() -> None:
    parser, store = Parser(), Store(ConfigMap)
    first = parser.parse(wire("a"))
    store.put(first)
    second = parser.parse(wire("a", version="2", data={"k": "longer"}))
    store.put(second)
    store.put(parser.parse(wire("b", namespace="other")))
    assert store.size == 2
    assert [entry.name for entry in store.entries("ns")] == ["a"]
    store.remove(("other", "b"))
    store.remove(("other", "b"))
    assert (store.size, store.bytes_cached) == (1, len(second.raw))
