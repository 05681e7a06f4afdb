"""Hashes must equal those ESO wrote into the cluster."""

from __future__ import annotations

import pytest

from eso.transform.hash import go_text, object_hash, synced_resource_version


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        (None, "c461202a18e99215f121936fb2452e03843828e448a00a53f285a6fc"),
        ("hello there", "f78681ec611ebaeea0689bff6c7812a83ff98a7faba986d9af76c999"),
        ({"foo": b"value1", "bar": b"value2"}, "1bed8bcbcb4547ffe19a19cd47d9078e84aa6598266d86b99f992d64"),
        ({"key": "val"}, "2e738a375f9934e48bf078b82d2214e9c058d2b6b45478dcf01785ed"),
        ("default/test-es", "a8e09351ea392b727f69f63683b28619fbed1174f572e728706a9ea8"),
    ],
)
def test_object_hash(value: object, digest: str) -> None:
    assert object_hash(value) == digest


@pytest.mark.parametrize(
    ("generation", "annotations", "labels", "version"),
    [
        (1, {}, {}, "1-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2"),
        (3, {"foo": "bar"}, {"a": "b", "c": "d"}, "3-97569f565a86f07abfa74d5100098635280de1ce97127debaaa353f1"),
    ],
)
def test_synced_resource_version(
    generation: int, annotations: dict[str, str], labels: dict[str, str], version: str
) -> None:
    assert synced_resource_version(generation, annotations, labels) == version


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<nil>"),
        (True, "true"),
        (7, "7"),
        (3.5, "3.5"),
        (1e6, "1e+06"),
        (1e21, "1e+21"),
        (0.1, "0.1"),
        (0.00001, "1e-05"),
        (123456789.0, "1.23456789e+08"),
        (100000.0, "100000"),
        (-0.0, "-0"),
        (float("inf"), "+Inf"),
        (b"", "[]"),
        (b"ab", "[97 98]"),
        ({}, "map[]"),
        ({"b": 1.0, "a": {"c": [None, "x"]}}, "map[a:map[c:[<nil> x]] b:1]"),
        ([], "[]"),
        ({"é": "x", "z": "y"}, "map[z:y é:x]"),
    ],
)
def test_go_text(value: object, text: str) -> None:
    assert go_text(value) == text


def test_a_type_no_object_holds_is_refused() -> None:
    with pytest.raises(TypeError):
        go_text(object())
