from __future__ import annotations

import pytest

from reconcile.testing.apiserver.requests import ApiRequest, Target, parse_target
from reconcile.testing.apiserver.shapes import Shape, wanted_shape
from reconcile.testing.apiserver.status import StatusError


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("GET", "/api/v1/secrets", Target("list", "", "v1", "secrets")),
        ("GET", "/api/v1/secrets?watch=1", Target("watch", "", "v1", "secrets")),
        ("GET", "/api/v1/namespaces/n/secrets/a", Target("get", "", "v1", "secrets", "n", "a")),
        ("HEAD", "/api/v1/namespaces/n/secrets/a", Target("get", "", "v1", "secrets", "n", "a")),
        ("POST", "/api/v1/namespaces/n/secrets", Target("create", "", "v1", "secrets", "n")),
        ("DELETE", "/api/v1/namespaces/n/secrets", Target("deletecollection", "", "v1", "secrets", "n")),
        ("PUT", "/api/v1/namespaces/n", Target("update", "", "v1", "namespaces", "n", "n")),
        ("PUT", "/api/v1/namespaces/n/status", Target("update", "", "v1", "namespaces", "n", "n", "status")),
        ("PUT", "/api/v1/namespaces/n/finalize", Target("update", "", "v1", "namespaces", "n", "n", "finalize")),
        ("PATCH", "/apis/g.io/v1/namespaces/n/ws/a/status", Target("patch", "g.io", "v1", "ws", "n", "a", "status")),
        ("DELETE", "/apis/g.io/v1/ws/a%3Ab", Target("delete", "g.io", "v1", "ws", "", "a:b")),
        (
            "POST",
            "/api/v1/namespaces/n/serviceaccounts/d/token",
            Target("create", "", "v1", "serviceaccounts", "n", "d", "token"),
        ),
        ("GET", "/api", None),
        ("GET", "/api/v1", None),
        ("GET", "/apis/g.io/v1", None),
        ("GET", "/openapi/v3/api/v1", None),
        ("GET", "/version", None),
    ],
)
def test_targets(method: str, path: str, target: Target | None) -> None:
    path, _, query = path.partition("?")
    assert parse_target(ApiRequest(method, path, {"watch": "1"} if query else {})) == target


def test_a_verb_that_nothing_has() -> None:
    with pytest.raises(StatusError) as caught:
        parse_target(ApiRequest("OPTIONS", "/api/v1/secrets"))
    assert caught.value.code == 405


@pytest.mark.parametrize(
    ("accept", "shape"),
    [
        ("", Shape.OBJECT),
        ("application/json", Shape.OBJECT),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Shape.TABLE),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Shape.OBJECT),
        ("application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1,application/json", Shape.OBJECT),
        ("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", Shape.METADATA),
        ("application/json, application/json;as=Table;v=v1", Shape.OBJECT),
    ],
)
def test_shapes(accept: str, shape: Shape) -> None:
    assert wanted_shape(accept) is shape


@pytest.mark.parametrize(
    ("query", "agent", "manager"),
    [({"fieldManager": "me"}, "x/1", "me"), ({}, "kubectl/v1 (linux)", "kubectl"), ({}, "", "unknown")],
)
def test_field_manager(query: dict[str, str], agent: str, manager: str) -> None:
    assert ApiRequest("PUT", "/", query, {"user-agent": agent}).manager == manager


def test_dry_run_is_all_or_nothing() -> None:
    assert ApiRequest("PUT", "/", {"dryRun": "All"}).dry_run
    assert not ApiRequest("PUT", "/").dry_run
    with pytest.raises(StatusError, match='Unsupported value: "Some"'):
        _ = ApiRequest("PUT", "/", {"dryRun": "Some"}).dry_run
