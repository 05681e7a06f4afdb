"""Templates of the target Secret: sources, targets, precedence, decoding, refusals."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from reconcile.testing.eventually import eventually
from tests.support.operating import Space

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAILED = ("False", "SecretSyncedError", "could not update secret")
MANAGED = "reconcile.external-secrets.io/managed"


async def _sources(space: Space) -> None:
    data = {"file": "user={{ .user }}", "pairs": "a: {{ .user }}\nb: '{{ .pass }}'\n"}
    await space.request("POST", "v1/configmaps", body={"metadata": {"name": "config"}, "data": data})
    await space.create_secret("hidden", file="pass={{ .pass }}", b64="{{ .user | b64enc }}")


async def _templated(
    space: Space, template: dict[str, Any], *, target: dict[str, Any] | None = None, **spec: Any
) -> None:
    await _sources(space)
    await space.store(user="admin", **{"pass": "s3cret"})
    entries = [{"secretKey": key, "remoteRef": {"key": key}} for key in ("user", "pass")]
    await space.external_secret(target={"template": template, **(target or {})}, data=entries, **spec)


def _items(kind: str, name: str, key: str, **more: Any) -> dict[str, Any]:
    return {kind: {"name": name, "items": [{"key": key, **more.pop("item", {})}]}, **more}


DATA: dict[str, tuple[dict[str, Any], dict[str, bytes]]] = {
    "data": ({"data": {"url": "{{ .user }}:{{ .pass }}@db"}}, {"url": b"admin:s3cret@db"}),
    "data and mergePolicy Merge": (
        {"data": {"url": "{{ .user }}"}, "mergePolicy": "Merge"},
        {"url": b"admin", "user": b"admin", "pass": b"s3cret"},
    ),
    "data and mergePolicy Replace": ({"data": {"url": "{{ .user }}"}, "mergePolicy": "Replace"}, {"url": b"admin"}),
    "neither data nor sources": ({"metadata": {"labels": {"a": "b"}}}, {"user": b"admin", "pass": b"s3cret"}),
    "configMap": ({"templateFrom": [_items("configMap", "config", "file")]}, {"file": b"user=admin"}),
    "secret": ({"templateFrom": [_items("secret", "hidden", "file")]}, {"file": b"pass=s3cret"}),
    "configMap of keys and values": (
        {"templateFrom": [_items("configMap", "config", "pairs", item={"templateAs": "KeysAndValues"})]},
        {"a": b"admin", "b": b"s3cret"},
    ),
    "literal": (
        {"templateFrom": [{"literal": 'x: "{{ .user }}"\nz: "{{ .pass | upper }}"'}]},
        {"x": b"admin", "z": b"S3CRET"},
    ),
    "literal over all keys": (
        {"templateFrom": [{"literal": "{{ range $k, $v := . }}{{ $k }}_x: {{ $v | quote }}\n{{ end }}"}]},
        {"user_x": b"admin", "pass_x": b"s3cret"},
    ),
    "sources in order": (
        {"templateFrom": [{"literal": "x: first\nz: first"}, {"literal": "z: second"}]},
        {"x": b"first", "z": b"second"},
    ),
    "data over sources": (
        {"templateFrom": [{"literal": "x: source\nz: source"}], "data": {"x": "data"}},
        {"x": b"data", "z": b"source"},
    ),
    "sources over provider": (
        {"templateFrom": [{"literal": "user: source"}], "mergePolicy": "Merge"},
        {"user": b"source", "pass": b"s3cret"},
    ),
    "explicit target": ({"templateFrom": [{"literal": "x: a", "target": "Data"}]}, {"x": b"a"}),
    "Base64": (
        {"templateFrom": [_items("secret", "hidden", "b64", valuesDecodingStrategy="Base64")]},
        {"b64": b"admin"},
    ),
    "Auto": (
        {"templateFrom": [{"literal": "x: '{{ .user | b64enc }}'\nz: 'p!'", "valuesDecodingStrategy": "Auto"}]},
        {"x": b"admin", "z": b"p!"},
    ),
    "Base64URL": (
        {
            "templateFrom": [
                {
                    "literal": f"x: '{base64.urlsafe_b64encode(bytes([254, 255, 63])).decode()}'",
                    "valuesDecodingStrategy": "Base64URL",
                }
            ]
        },
        {"x": b"\xfe\xff?"},
    ),
    "functions": ({"data": {"x": '{{ .user | b64enc | replace "=" "" }}'}}, {"x": b"YWRtaW4"}),
    "no templates at all": ({"type": "Opaque"}, {"user": b"admin", "pass": b"s3cret"}),
}


@pytest.mark.parametrize("case", DATA)
async def test_data(space: Space, case: str) -> None:
    template, wanted = DATA[case]
    await _templated(space, template)
    await space.synced()
    assert await space.data() == wanted


async def test_type(space: Space) -> None:
    login = '{"auths":{}}'
    await _templated(space, {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": login}})
    await space.synced()
    assert (await space.secret())["type"] == "kubernetes.io/dockerconfigjson"


async def test_metadata(space: Space) -> None:
    metadata = {
        "labels": {"team": "{{ .user }}", "plain": "x"},
        "annotations": {"note": "by {{ .user }}"},
        "finalizers": ["example.com/hold"],
    }
    await _templated(space, {"metadata": metadata}, metadata={"labels": {"es": "1"}, "annotations": {"es": "1"}})
    await space.synced()
    found = (await space.secret())["metadata"]
    assert {key: found["labels"].get(key) for key in ("team", "plain", "es")} == {
        "team": "admin",
        "plain": "x",
        "es": None,
    }
    assert found["annotations"]["note"] == "by admin"
    assert "es" not in found["annotations"]
    assert found["finalizers"] == ["example.com/hold"]
    await space.merge("v1/secrets", "app", {"metadata": {"finalizers": None}})


async def test_metadata_of_the_external_secret_is_copied_without_a_template(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(metadata={"labels": {"es": "1"}, "annotations": {"es": "2"}})
    await space.synced()
    found = (await space.secret())["metadata"]
    assert found["labels"]["es"] == "1"
    assert found["annotations"]["es"] == "2"
    await space.merge(
        "external-secrets.io/v1/externalsecrets", "app", {"metadata": {"labels": {"es": None, "two": "2"}}}
    )

    async def followed() -> bool:
        labels = (await space.secret())["metadata"]["labels"]
        return "es" not in labels and labels.get("two") == "2"

    await eventually(followed)


@pytest.mark.parametrize(
    ("target", "field"), [("Labels", "labels"), ("labels", "labels"), ("Annotations", "annotations")]
)
@pytest.mark.parametrize("source", ["literal", "configMap"])
async def test_template_from_into_metadata(space: Space, target: str, field: str, source: str) -> None:
    if source == "literal":
        entry = {"literal": "a: '{{ .user }}'", "target": target}
        wanted = {"a": "admin"}
    else:
        entry = _items("configMap", "config", "pairs", item={"templateAs": "KeysAndValues"}, target=target)
        wanted = {"a": "admin", "b": "s3cret"}
    await _templated(space, {"templateFrom": [entry], "data": {"k": "v"}})
    await space.synced()
    found = (await space.secret())["metadata"][field]
    assert {key: found.get(key) for key in wanted} == wanted
    assert await space.data() == {"k": b"v"}


async def test_names_that_a_template_no_longer_makes_leave_the_secret(space: Space) -> None:
    space.shelve(map='{"a": "1", "b": "2"}')
    await space.store()
    literal = "{{ range $k, $v := . }}made-{{ $k }}: '{{ $v }}'\n{{ end }}"
    await space.external_secret(
        dataFrom=[{"extract": {"key": "map"}}],
        refreshInterval="100ms",
        target={"template": {"data": {"x": "y"}, "templateFrom": [{"literal": literal, "target": "Labels"}]}},
    )
    await space.synced()
    assert (await space.secret())["metadata"]["labels"].items() >= {"made-a": "1", "made-b": "2"}.items()
    space.shelve(map='{"a": "1"}')

    async def gone() -> bool:
        return "made-b" not in (await space.secret())["metadata"]["labels"]

    await eventually(gone)
    assert (await space.secret())["metadata"]["labels"]["made-a"] == "1"


async def test_keys_that_left_the_template_leave_the_secret(space: Space) -> None:
    await space.create_secret(other="x")
    await _templated(
        space,
        {"data": {"a": "1", "b": "2"}, "metadata": {"labels": {"gone": "1"}, "annotations": {"gone": "1"}}},
        target={"creationPolicy": "Merge"},
    )
    await space.becomes({"a": b"1", "b": b"2", "other": b"x"})
    await space.edit(target={"template": {"data": {"b": None}, "metadata": {"labels": None, "annotations": None}}})
    await space.becomes({"a": b"1", "other": b"x"})
    found = (await space.secret())["metadata"]
    assert "gone" not in found["labels"]
    assert "gone" not in found["annotations"]


FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    "syntax": ({"data": {"x": "{{ .user "}}, "could not apply template: could not execute template: "),
    "missing key": ({"data": {"x": "{{ .nobody }}"}}, "could not apply template: could not execute template: "),
    "unknown function": ({"data": {"x": "{{ nope }}"}}, "could not execute template: "),
    "no mapping": (
        {"templateFrom": [{"literal": "just text"}]},
        "could not apply template: error fetching templateFrom data: ",
    ),
    "missing ConfigMap": (
        {"templateFrom": [_items("configMap", "none", "file")]},
        "error fetching templateFrom data: ",
    ),
    "missing Secret": ({"templateFrom": [_items("secret", "none", "file")]}, "error fetching templateFrom data: "),
    "missing key of a ConfigMap": (
        {"templateFrom": [_items("configMap", "config", "none")]},
        "error in configmap config: missing key none",
    ),
    "missing key of a Secret": (
        {"templateFrom": [_items("secret", "hidden", "none")]},
        "error in secret hidden: missing key none",
    ),
    "bad label": ({"metadata": {"labels": {"a": '{{ fail "no" }}'}}}, "could not execute template: "),
    "bad Base64": (
        {"templateFrom": [{"literal": "x: '!'", "valuesDecodingStrategy": "Base64"}]},
        "could not apply template: ",
    ),
    "bootstrap token": (
        {"type": "bootstrap.kubernetes.io/token", "data": {"x": "y"}},
        'template.type="bootstrap.kubernetes.io/token" is not allowed',
    ),
    "service account token": (
        {
            "type": "kubernetes.io/service-account-token",
            "metadata": {"annotations": {"kubernetes.io/service-account.name": "default"}},
        },
        'with annotation "kubernetes.io/service-account.name" is not allowed',
    ),
    "service account token by templateFrom": (
        {
            "type": "kubernetes.io/service-account-token",
            "templateFrom": [{"literal": "kubernetes.io/service-account.name: default", "target": "annotations"}],
        },
        'with templateFrom target="',
    ),
    "target of another kind": (
        {"templateFrom": [{"literal": "a: b", "target": "spec"}]},
        'templateFrom target="spec" is not allowed when targeting a Secret',
    ),
}


@pytest.mark.parametrize(
    ("target", "present", "reason"),
    [
        ({"creationPolicy": "None"}, True, "SecretSynced"),
        ({"creationPolicy": "None"}, False, "SecretSynced"),
        ({"creationPolicy": "Merge"}, False, "SecretMissing"),
        ({"immutable": True}, True, "SecretSynced"),
    ],
)
async def test_template_of_a_target_that_is_not_filled_is_not_read(
    space: Space, target: dict[str, Any], present: bool, reason: str
) -> None:
    if present:
        await space.create_secret(old="x")
    await _templated(space, {"templateFrom": [_items("configMap", "none", "file")]}, target=target)
    await space.reaches("True", reason)
    assert await space.has() is present
    if present:
        assert await space.data() == {"old": b"x"}


@pytest.mark.parametrize("case", FAILURES)
async def test_failure_says_which_template(space: Space, case: str) -> None:
    template, text = FAILURES[case]
    await _templated(space, template)
    message = await space.reaches(*FAILED)
    assert text in message
    assert "s3cret" not in message
    await space.told("Warning", "UpdateFailed", text)
    assert not await space.has()


async def test_secret_that_the_server_refuses_is_reported(space: Space) -> None:
    await _templated(space, {"type": "kubernetes.io/tls", "data": {"only": "x"}})
    message = await space.reaches(*FAILED)
    assert "tls.crt" in message


async def test_template_sees_the_provider_only(space: Space) -> None:
    await space.create_secret(present="x")
    await _templated(
        space,
        {"data": {"all": "{{ range $key, $value := . }}{{ $key }},{{ end }}"}},
        target={"creationPolicy": "Merge"},
    )
    await space.becomes({"present": b"x", "all": b"pass,user,"})


async def test_delimiters_of_the_flags(idle_bench: Any) -> None:
    space = await idle_bench.space()
    await space.store(k="one")
    async with idle_bench.operator(template_left_delimiter="<<", template_right_delimiter=">>"):
        await space.external_secret(target={"template": {"data": {"x": "<< .k >> {{ .k }}"}}})
        await space.becomes({"x": b"one {{ .k }}"})


async def test_what_the_api_server_quotes_in_a_refusal_is_not_told(space: Space) -> None:
    space.shelve(k="canary not a label")
    await space.store()
    metadata = {"labels": {"tier": "{{ .k }}", "part": "{{ .k | upper | trunc 8 }} !"}}
    await space.external_secret(target={"template": {"metadata": metadata, "data": {"k": "{{ .k }}"}}})
    message = await space.reaches("False", "SecretSyncedError", "could not update secret")
    assert "label" in message
    assert "canary" not in message.lower()
