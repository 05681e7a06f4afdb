"""Contract: pushsecret, A8.4 and A9."""

from __future__ import annotations

from typing import Any

import pytest

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecretData, PushSecretDataTo
from eso.controllers.pushsecret.expand import expand, merge_entries
from eso.errors import InvalidSpecError
from eso.template.keys import key_template

DATA = {"db-user": b"u", "db-pass": b"p", "other": b"o"}


def entry(**fields: Any) -> PushSecretDataTo:
    return PushSecretDataTo.model_validate({"storeRef": {"name": "store"}, **fields})


def explicit(key: str, remote: str, prop: str | None = None, strategy: str = "None") -> PushSecretData:
    match = {"secretKey": key, "remoteRef": {"remoteKey": remote, "property": prop}}
    return PushSecretData.model_validate({"match": match, "conversionStrategy": strategy})


def pairs(entries: list[PushSecretDataTo], data: dict[str, bytes] | None = None) -> list[tuple[str | None, str]]:
    found = expand(entries, DATA if data is None else data, key_template)
    return [(one.entry.match.secret_key, one.entry.match.remote_ref.remote_key) for one in found]


def regexp(source: str, target: str) -> dict[str, Any]:
    return {"regexp": {"source": source, "target": target}}


def transform(template: str) -> dict[str, Any]:
    return {"transform": {"template": template}}


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        pytest.param([entry()], [("db-pass", "db-pass"), ("db-user", "db-user"), ("other", "other")], id="all keys"),
        pytest.param(
            [entry(match={"regexp": ""})],
            [("db-pass", "db-pass"), ("db-user", "db-user"), ("other", "other")],
            id="empty matches all",
        ),
        pytest.param([entry(match={"regexp": "user"})], [("db-user", "db-user")], id="unanchored search"),
        pytest.param([entry(match={"regexp": "nothing"})], [], id="no match is no error"),
        pytest.param(
            [entry(match={"regexp": "^db"}, rewrite=[regexp("^(db)-(.*)", "$1/$2")])],
            [("db-pass", "db/pass"), ("db-user", "db/user")],
            id="regexp with groups",
        ),
        pytest.param(
            [entry(match={"regexp": "^db"}, rewrite=[transform("app/{{ .value | upper }}")])],
            [("db-pass", "app/DB-PASS"), ("db-user", "app/DB-USER")],
            id="transform",
        ),
        pytest.param(
            [
                entry(
                    match={"regexp": "user"},
                    rewrite=[regexp("^db-", ""), transform("x-{{ .value }}"), regexp("x", "y")],
                )
            ],
            [("db-user", "y-user")],
            id="each step sees the result of the one before",
        ),
        pytest.param(
            [entry(match={"regexp": "user"}), entry(match={"regexp": "pass"})],
            [("db-user", "db-user"), ("db-pass", "db-pass")],
            id="entries in order",
        ),
        pytest.param([entry(remoteKey="bundle")], [(None, "bundle")], id="bundle"),
    ],
)
def test_expanded(entries: list[PushSecretDataTo], wanted: list[tuple[str | None, str]]) -> None:
    assert pairs(entries) == wanted


def test_converted_keys_are_matched_and_sorted_and_the_original_is_kept() -> None:
    data = {"b_U002f_x": b"1", "a_U002f_y": b"2"}
    entries = [entry(conversionStrategy="ReverseUnicode", match={"regexp": "/"})]
    assert pairs(entries, data) == [("a_U002f_y", "a/y"), ("b_U002f_x", "b/x")]
    assert all(one.entry.conversion_strategy == "None" for one in expand(entries, data, key_template))


def test_a_bundle_holds_only_what_matches_under_its_converted_keys() -> None:
    data = {"k_U002f_1": b"1", "other": b"2"}
    (one,) = expand(
        [entry(remoteKey="all", conversionStrategy="ReverseUnicode", match={"regexp": "^k"}, metadata={"a": 1})],
        data,
        key_template,
    )
    assert one.bundle == {"k/1": b"1"}
    assert one.entry.metadata == {"a": 1}
    assert one.source_key == "(bundle)"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            [entry(remoteKey="r", rewrite=[regexp("a", "b")])],
            "dataTo[0]: remoteKey and rewrite are mutually exclusive: rewrite is only supported in per-key mode (without remoteKey)",
        ),
        ([entry(), entry(match={"regexp": "("})], 'dataTo[1]: match failed: failed to compile regexp pattern "(": '),
        ([entry(rewrite=[regexp("(", "")])], 'dataTo[0]: rewrite failed: rewrite[0]: invalid regexp "(": '),
        ([entry(rewrite=[transform("{{ .value")])], "dataTo[0]: rewrite failed: rewrite[0]: invalid template: "),
        (
            [entry(match={"regexp": "other"}, rewrite=[transform('{{ fail "no" }}')])],
            'dataTo[0]: rewrite failed: rewrite[0] on key "other": template exec: ',
        ),
        (
            [entry(match={"regexp": "other"}, rewrite=[regexp(".*", "")])],
            'dataTo[0]: empty remote key produced for source key "other"',
        ),
        (
            [entry(match={"regexp": "other"}), entry(match={"regexp": "user"}, rewrite=[regexp(".+", "other")])],
            'dataTo[1]: duplicate remote key "other" from source key "db-user" (conflicts with dataTo[0]:other)',
        ),
        (
            [entry(match={"regexp": "^db"}, rewrite=[regexp(".+", "same")])],
            'dataTo[0]: duplicate remote key "same" from source key "db-user" (conflicts with dataTo[0]:db-pass)',
        ),
    ],
)
def test_what_is_wrong_is_said_in_these_words(entries: list[PushSecretDataTo], message: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        expand(entries, DATA, key_template)
    assert str(caught.value).startswith(message)


def test_two_keys_that_become_one_are_a_conflict() -> None:
    with pytest.raises(InvalidSpecError, match="conversion failed: secret name collision during conversion: a/b"):
        expand([entry(conversionStrategy="ReverseUnicode")], {"a_U002f_b": b"", "a/b": b""}, key_template)


def test_an_explicit_entry_takes_the_place_of_an_expanded_one_and_comes_last() -> None:
    expanded = expand([entry()], DATA, key_template)
    found = merge_entries([explicit("db-user", "mine")], expanded, DATA)
    assert [(one.entry.match.secret_key, one.entry.match.remote_ref.remote_key) for one in found] == [
        ("db-pass", "db-pass"),
        ("other", "other"),
        ("db-user", "mine"),
    ]


def test_explicit_keys_in_converted_form_mean_the_original() -> None:
    data = {"a_U002f_b": b"1", "c": b"2"}
    expanded = expand([entry()], data, key_template)
    found = merge_entries([explicit("a/b", "mine", strategy="ReverseUnicode")], expanded, data)
    assert [one.entry.match.remote_ref.remote_key for one in found] == ["c", "mine"]


def test_a_whole_secret_entry_leaves_bundles_alone() -> None:
    expanded = expand([entry(remoteKey="bundle")], DATA, key_template)
    whole = PushSecretData.model_validate({"match": {"remoteRef": {"remoteKey": "whole"}}})
    found = merge_entries([whole], expanded, DATA)
    assert [one.entry.match.remote_ref.remote_key for one in found] == ["bundle", "whole"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            [explicit("a", "r"), explicit("b", "r")],
            'duplicate remote key "r": source keys "a" and "b" both map to the same destination',
        ),
        (
            [explicit("a", "r", "p"), explicit("b", "r", "p")],
            'duplicate remote key "r" with property "p": source keys "a" and "b" both map to the same destination',
        ),
    ],
)
def test_destinations_are_unique(entries: list[PushSecretData], message: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        merge_entries(entries, [], DATA)
    assert str(caught.value) == message


def test_properties_of_one_remote_key_are_different_destinations() -> None:
    assert len(merge_entries([explicit("a", "r", "p"), explicit("b", "r", "q"), explicit("a", "r")], [], DATA)) == 3
