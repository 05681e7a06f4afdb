from __future__ import annotations

from typing import Any

import pytest

from reconcile.testing.apiserver.builtin_defaults import apply_builtin_defaults
from reconcile.testing.apiserver.builtin_schema import coerce, fill_defaults, schema_of
from reconcile.testing.apiserver.resources import BUILTINS
from reconcile.testing.apiserver.status import StatusError


def decoded(obj: dict[str, Any], kind: str = "Secret", group: str = "", version: str = "v1") -> tuple[Any, list[str]]:
    schema = schema_of(group, version, kind)
    assert schema is not None
    unknown: list[str] = []
    return coerce(obj, schema, "", kind, unknown), unknown


@pytest.mark.parametrize("info", BUILTINS, ids=lambda info: f"{info.plural}.{info.group}")
def test_every_builtin_kind_has_a_schema(info: Any) -> None:
    assert schema_of(info.group, info.version, info.kind) is not None


def test_unknown_fields_are_dropped_and_named() -> None:
    pod = {"spec": {"containers": [{"name": "c", "typo": 1}], "x": {}}, "y": 1}
    result, unknown = decoded(pod, "Pod")
    assert result == {"spec": {"containers": [{"name": "c"}]}}
    assert unknown == ["spec.containers[0].typo", "spec.x", "y"]


def test_nulls_are_zero_values() -> None:
    result, unknown = decoded({"data": None, "stringData": {"a": None}, "metadata": {"labels": None}})
    assert (result, unknown) == ({"stringData": {"a": ""}, "metadata": {}}, [])


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"data": 7}, "cannot unmarshal number into Go struct field Secret.data"),
        ({"type": True}, "cannot unmarshal bool into Go struct field Secret.type of type string"),
        ({"immutable": "yes"}, "cannot unmarshal string into Go struct field Secret.immutable of type bool"),
        (
            {"metadata": {"generation": 1.5}},
            "cannot unmarshal number into Go struct field Secret.metadata.generation of type int64",
        ),
        ({"metadata": {"finalizers": "x"}}, "cannot unmarshal string into Go struct field Secret.metadata.finalizers"),
        ({"data": {"a": "a-b"}}, "illegal base64 data at input byte 1"),
    ],
)
def test_wrong_types(obj: dict[str, Any], message: str) -> None:
    with pytest.raises(StatusError) as caught:
        decoded(obj)
    assert caught.value.code == 400
    assert message in caught.value.message


def test_whole_floats_are_integers() -> None:
    assert decoded({"metadata": {"generation": 2.0}})[0] == {"metadata": {"generation": 2}}


def test_defaults_of_schema_and_kind() -> None:
    deployment: dict[str, Any] = {
        "kind": "Deployment",
        "metadata": {},
        "spec": {
            "template": {
                "spec": {"containers": [{"name": "c", "image": "r:5000/i:v1", "ports": [{"containerPort": 1}]}]}
            }
        },
    }
    schema = schema_of("apps", "v1", "Deployment")
    assert schema is not None
    fill_defaults(deployment, schema)
    apply_builtin_defaults(deployment)
    spec = deployment["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "RollingUpdate")
    container = spec["template"]["spec"]["containers"][0]
    assert (container["imagePullPolicy"], container["ports"]) == (
        "IfNotPresent",
        [{"containerPort": 1, "protocol": "TCP"}],
    )


@pytest.mark.parametrize(("image", "policy"), [("i", "Always"), ("i:latest", "Always"), ("i:1", "IfNotPresent"), ("r:5000/i", "Always"), ("i@sha256:0", "IfNotPresent")])  # fmt: skip
def test_pull_policy(image: str, policy: str) -> None:
    pod: dict[str, Any] = {"kind": "Pod", "metadata": {}, "spec": {"containers": [{"image": image}]}}
    apply_builtin_defaults(pod)
    assert pod["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_cluster_ip_is_stable_and_headless_stays() -> None:
    def made(**spec: Any) -> dict[str, Any]:
        service = {
            "kind": "Service",
            "metadata": {"name": "s", "namespace": "n"},
            "spec": {"ports": [{"port": 80}], **spec},
        }
        apply_builtin_defaults(service)
        result: dict[str, Any] = service["spec"]
        return result

    assert made()["clusterIP"] == made()["clusterIP"]
    assert made()["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert made(clusterIP="None")["clusterIPs"] == ["None"]
    assert "clusterIP" not in made(type="ExternalName")
