"""Rules that providers share; pushsecret, C1 and C2, among them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from eso.api.meta_v1 import CAProvider, RetrySettings, SecretKeySelector
from eso.errors import InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import PushEntry, PushRemoteRef, SourceSecret
from eso.providers.common import (
    check_ca_provider,
    check_referent,
    check_strict,
    find_in_metadata,
    parse_push_metadata,
    pushed_value,
    retry_policy,
    select_property,
    split_map,
    whole_secret_json,
)
from eso.values import SecretValue, reveal_all, wrap_all
from reconcile.api.model import Model


class Inner(Model):
    tag_name: str = ""


class Options(Model):
    merge_policy: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    inner: Inner | None = None
    many: list[Inner] = Field(default_factory=list)
    named: dict[str, Inner] = Field(default_factory=dict)


def envelope(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec}


def test_push_metadata() -> None:
    found = parse_push_metadata(
        envelope(
            mergepolicy="x",
            tags={"AnyKey": "v"},
            Inner={"TAGNAME": "t"},
            many=[{"tagName": "u"}],
            named={"K": {"tagname": "w"}},
        ),
        Options,
    )
    assert found == Options(
        merge_policy="x",
        tags={"AnyKey": "v"},
        inner=Inner(tag_name="t"),
        many=[Inner(tag_name="u")],
        named={"K": Inner(tag_name="w")},
    )
    assert parse_push_metadata(None, Options) is None
    assert parse_push_metadata(envelope(), Options) == Options()


def test_push_metadata_takes_numbers_truth_values_and_null_where_a_text_belongs() -> None:
    spec = envelope(
        mergePolicy=None,
        tags={"n": 1, "t": True, "f": 1.5, "whole": 2.0, "none": None},
        inner=None,
        named={"K": {"tagName": False}},
    )
    assert parse_push_metadata(spec, Options) == Options(
        tags={"n": "1", "t": "true", "f": "1.5", "whole": "2", "none": ""}, named={"K": Inner(tag_name="false")}
    )


PARSE = "failed to parse kubernetes.external-secrets.io/v1alpha1 PushSecretMetadata: "


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ("text", f"{PARSE}it is not an object"),
        ({**envelope(), "extra": 1}, f'{PARSE}unknown field "extra"'),
        (envelope(typo=1), f'{PARSE}unknown field "spec.typo"'),
        (envelope(inner={"typo": 1}), f'{PARSE}unknown field "spec.inner.typo"'),
        (envelope(many=[{}, {"typo": 1}]), f'{PARSE}unknown field "spec.many[1].typo"'),
        (envelope(named={"k": {"typo": 1}}), f'{PARSE}unknown field "spec.named.k.typo"'),
        (
            {"apiVersion": "v1", "kind": "x"},
            'unexpected apiVersion "v1", expected "kubernetes.external-secrets.io/v1alpha1"',
        ),
        (
            {"kind": "PushSecretMetadata"},
            'unexpected apiVersion "", expected "kubernetes.external-secrets.io/v1alpha1"',
        ),
        ({**envelope(), "kind": "Other"}, 'unexpected kind "Other", expected "PushSecretMetadata"'),
    ],
)
def test_push_metadata_is_strict(metadata: Any, text: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        parse_push_metadata(metadata, Options)
    assert str(caught.value) == text


def test_push_metadata_of_a_wrong_type_does_not_show_the_value() -> None:
    with pytest.raises(InvalidSpecError, match=r"spec\.tags") as caught:
        parse_push_metadata(envelope(tags="hunter2"), Options)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        (None, "default"),
        ({}, "default"),
        ({"format": "string"}, "string"),
        ({"spec": {"format": "string"}}, "string"),
        ({"a": {"x": 1}, "spec": {"deep": {"format": "string"}}}, "string"),
        ({"other": "x", "spec": {}}, "default"),
    ],
)
def test_free_form_metadata(metadata: Any, found: str) -> None:
    assert find_in_metadata(metadata, "format", "default", str) == found


def test_free_form_metadata_that_is_no_object() -> None:
    with pytest.raises(InvalidSpecError, match="failed to parse JSON raw data: it is not an object"):
        find_in_metadata("text", "format", "default", str)


@pytest.mark.parametrize("metadata", [{"format": 7919}, {"spec": {"format": [7919]}}, {"format": None}])
def test_free_form_metadata_of_another_type_counts_as_empty_and_is_logged(
    metadata: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert find_in_metadata(metadata, "format", "default", str) == ""
    assert "format in the metadata of an entry is no str" in caplog.text
    assert "7919" not in caplog.text


@pytest.mark.parametrize(
    ("kind", "namespace", "strict", "referent"),
    [
        ("ClusterSecretStore", None, "cluster scope requires namespace", None),
        ("ClusterSecretStore", "other", None, None),
        ("SecretStore", None, None, None),
        ("SecretStore", "own", None, None),
        ("SecretStore", "other", "namespace should either be empty", "namespace should either be empty"),
    ],
)
def test_selectors(kind: str, namespace: str | None, strict: str | None, referent: str | None) -> None:
    selector = SecretKeySelector(name="s", key="k", namespace=namespace)
    for check, text in ((check_strict, strict), (check_referent, referent)):
        if text is None:
            check(selector, store_kind=kind, store_namespace="own")
            check(None, store_kind=kind, store_namespace="own")
        else:
            with pytest.raises(InvalidSpecError, match=f"^{text}"):
                check(selector, store_kind=kind, store_namespace="own")


@pytest.mark.parametrize(
    ("kind", "namespace", "text"),
    [
        ("ClusterSecretStore", None, "missing namespace on caProvider secret"),
        ("ClusterSecretStore", "x", None),
        ("SecretStore", None, None),
        ("SecretStore", "own", None),
        (
            "SecretStore",
            "other",
            "namespace should either be empty or match the namespace of the SecretStore for a namespaced SecretStore",
        ),
    ],
)
def test_ca_provider(kind: str, namespace: str | None, text: str | None) -> None:
    ca = CAProvider(type="Secret", name="ca", key="k", namespace=namespace)
    if text is None:
        check_ca_provider(ca, store_kind=kind, store_namespace="own")
        return
    with pytest.raises(InvalidSpecError) as caught:
        check_ca_provider(ca, store_kind=kind, store_namespace="own")
    assert str(caught.value) == text


def test_properties_and_maps() -> None:
    value = SecretValue(b'{"a":{"b":1},"a.b":"dot"}')
    assert select_property(value, "") is value
    assert select_property(value, "a.b").reveal() == b"1"
    assert select_property(value, "a.b", order="escaped-first").reveal() == b"dot"
    assert select_property(value, "a.b", order="path-first").reveal() == b"1"
    with pytest.raises(NoSecretError, match="property x does not exist in secret k"):
        select_property(value, "x", key="k")
    assert reveal_all(split_map(value)) == {"a": b'{"b":1}', "a.b": b"dot"}
    with pytest.raises(ProviderError, match=r"^unable to unmarshal secret k: the value is not valid JSON$"):
        split_map(SecretValue("hunter2"), key="k")


def test_pushed_values() -> None:
    source = SourceSecret(wrap_all({"b": "<2>", "a": b"1\xff"}))
    assert whole_secret_json(source).reveal() == b'{"a":"1\\ufffd","b":"<2>"}'
    entry = PushEntry("b", PushRemoteRef("r"))
    assert pushed_value(source, entry).reveal() == b"<2>"
    assert pushed_value(source, PushEntry("", PushRemoteRef("r"))) == whole_secret_json(source)
    with pytest.raises(ProviderError, match="secret key z does not exist"):
        pushed_value(source, PushEntry("z", PushRemoteRef("r")))


@pytest.mark.parametrize(
    ("settings", "policy"),
    [
        (None, (3, 1.0)),
        (RetrySettings(), (3, 1.0)),
        (RetrySettings(max_retries=5), (5, 1.0)),
        (RetrySettings(max_retries=0, retry_interval="10s"), (0, 10.0)),
    ],
)
def test_retry_policy(settings: RetrySettings | None, policy: tuple[int, float]) -> None:
    assert retry_policy(settings, retries=3, interval=1.0) == policy


def test_a_bad_retry_interval() -> None:
    with pytest.raises(InvalidSpecError, match=r"spec\.retrySettings\.retryInterval"):
        retry_policy(RetrySettings(retry_interval="often"), retries=1, interval=1.0)
