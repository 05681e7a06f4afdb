"""Bodies as kubectl encodes them, built here byte by byte."""

from __future__ import annotations

from typing import Any

import pytest

from reconcile.testing.apiserver.protobuf import decode_protobuf
from reconcile.testing.apiserver.status import StatusError


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def data(field: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def entry(field: int, key: str, value: bytes | str) -> bytes:
    return data(field, data(1, key) + data(2, value))


def body(api_version: str, kind: str, message: bytes) -> bytes:
    return b"k8s\0" + data(1, data(1, api_version) + data(2, kind)) + data(2, message) + data(3, "") + data(4, "")


METADATA = data(1, data(1, "a") + data(2, "") + entry(11, "l", "v") + number(7, 0))

CASES: list[tuple[str, str, bytes, dict[str, Any]]] = [
    (
        "v1", "Secret", METADATA + entry(2, "k", b"\xff\x00") + data(3, "Opaque") + number(5, 0),
        {"metadata": {"name": "a", "labels": {"l": "v"}}, "data": {"k": "/wA="}, "type": "Opaque", "immutable": False},
    ),
    (
        "apps/v1", "Deployment", METADATA + data(2, number(1, 0) + number(5, 0) + data(3, data(2, data(2, data(1, "c"))))),
        {"metadata": {"name": "a", "labels": {"l": "v"}}, "spec": {"replicas": 0, "template": {"spec": {"containers": [{"name": "c"}]}}}},
    ),
    (
        "v1", "Service", METADATA + data(2, data(1, number(3, 80) + data(4, number(1, 0) + number(2, -1)) + data(1, "p"))
                                          + data(1, number(3, 81) + data(4, number(1, 1) + data(3, "http")))),
        {"metadata": {"name": "a", "labels": {"l": "v"}},
         "spec": {"ports": [{"port": 80, "targetPort": -1, "name": "p"}, {"port": 81, "targetPort": "http"}]}},
    ),
    (
        "v1", "Pod", METADATA + data(2, data(1, data(1, "vol") + data(2, data(6, data(1, "sec"))))),
        {"metadata": {"name": "a", "labels": {"l": "v"}}, "spec": {"volumes": [{"name": "vol", "secret": {"secretName": "sec"}}]}},
    ),
    (
        "v1", "ResourceQuota", METADATA + data(2, entry(1, "pods", data(1, "5"))),
        {"metadata": {"name": "a", "labels": {"l": "v"}}, "spec": {"hard": {"pods": "5"}}},
    ),
    (
        "coordination.k8s.io/v1", "Lease", METADATA + data(2, data(1, "me") + data(3, number(1, 1_900_000_000) + number(2, 5000))),
        {"metadata": {"name": "a", "labels": {"l": "v"}}, "spec": {"holderIdentity": "me", "acquireTime": "2030-03-17T17:46:40.000005Z"}},
    ),
    (
        "authorization.k8s.io/v1", "SubjectAccessReview", data(2, data(3, "jane") + entry(5, "scope", data(1, "x") + data(1, "y"))),
        {"spec": {"user": "jane", "extra": {"scope": ["x", "y"]}}},
    ),
    ("v1", "DeleteOptions", number(1, 0) + data(4, "Foreground"), {"gracePeriodSeconds": 0, "propagationPolicy": "Foreground"}),
]  # fmt: skip


@pytest.mark.parametrize(("api_version", "kind", "message", "expected"), CASES, ids=[case[1] for case in CASES])
def test_bodies(api_version: str, kind: str, message: bytes, expected: dict[str, Any]) -> None:
    decoded = decode_protobuf(body(api_version, kind, message), kind)
    assert decoded == {"apiVersion": api_version, "kind": kind, **expected}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not protobuf",
        b"k8s\0",
        b"k8s\0\x0a\x7f",
        body("v1", "Nonsense", b""),
        body("v1", "Secret", data(1, "x")[:-1]),
        body("v1", "Secret", number(1, 5)),
        body("v1", "Secret", b"\x0b"),
    ],
)
def test_anything_else_is_a_bad_request(raw: bytes) -> None:
    with pytest.raises(StatusError) as caught:
        decode_protobuf(raw, "Secret")
    assert caught.value.code == 400
