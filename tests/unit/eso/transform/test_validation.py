from __future__ import annotations

from typing import Any

import pytest

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.transform.validation import (
    duration_violations,
    external_secret_violations,
    namespace_regex_violations,
    targets_a_secret,
)

DATA = [{"secretKey": "a", "remoteRef": {"key": "k"}}]
UNOWNED = (
    "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner"
)
NOTHING_TO_MERGE = "deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with"
NO_DATA = "either data or dataFrom should be specified"
TOKEN = "kubernetes.io/service-account-token"
BOOTSTRAP = "bootstrap.kubernetes.io/token"
TOKEN_ANNOTATION = f'template.type="{TOKEN}" with annotation "kubernetes.io/service-account.name" is not allowed'
TOKEN_TARGET = f'template.type="{TOKEN}" with templateFrom target="Annotations" is not allowed'
ANNOTATIONS = {"annotations": {"kubernetes.io/service-account.name": "default"}}
ONE_SOURCE = "extract, find, or generatorRef cannot be set at the same time"
NO_SOURCE = "either extract, find, or sourceRef must be set to dataFrom"
EMPTY_SOURCE = "generatorRef or storeRef must be set when using sourceRef in dataFrom"
GENERATOR = {"sourceRef": {"generatorRef": {"kind": "Fake", "name": "f"}}}
STORE = {"sourceRef": {"storeRef": {"name": "s"}}}
EXTRACT = {"extract": {"key": "k"}}


def wrong_target(name: str) -> str:
    return (
        f'templateFrom target="{name}" is not allowed when targeting a Secret, '
        'must be one of "Data", "Annotations" or "Labels"'
    )


def violations(spec: dict[str, Any]) -> list[str]:
    return external_secret_violations(ExternalSecret.from_wire({"spec": spec}))


POLICIES = [
    ("Owner", "Delete", []),
    ("Orphan", "Delete", []),
    ("Merge", "Delete", [UNOWNED]),
    ("None", "Delete", [UNOWNED]),
    ("CreateOrMerge", "Delete", [UNOWNED]),
    ("None", "Merge", [NOTHING_TO_MERGE]),
    ("Merge", "Merge", []),
    ("CreateOrMerge", "Merge", []),
    ("None", "Retain", []),
]


@pytest.mark.parametrize(("creation", "deletion", "expected"), POLICIES)
def test_policies_must_fit_together(creation: str, deletion: str, expected: list[str]) -> None:
    target = {"creationPolicy": creation, "deletionPolicy": deletion}
    assert violations({"target": target, "data": DATA}) == expected


@pytest.mark.parametrize("spec", [{}, {"data": []}, {"data": [], "dataFrom": []}])
def test_data_is_needed(spec: dict[str, Any]) -> None:
    assert violations(spec) == [NO_DATA]


TEMPLATES = [
    ({"type": TOKEN}, []),
    ({"type": "Opaque", "metadata": ANNOTATIONS}, []),
    ({"type": TOKEN, "metadata": ANNOTATIONS}, [TOKEN_ANNOTATION]),
    ({"type": TOKEN, "templateFrom": [{"target": "Annotations", "literal": "a: b"}]}, [TOKEN_TARGET]),
    ({"type": TOKEN, "templateFrom": [{"target": "annotations", "literal": "a: b"}]}, [TOKEN_TARGET]),
    ({"type": TOKEN, "templateFrom": [{"literal": "a: b"}]}, []),
    ({"type": BOOTSTRAP}, [f'template.type="{BOOTSTRAP}" is not allowed']),
    ({"templateFrom": [{"literal": "a: b"}, {"target": "", "literal": "x"}]}, []),
    ({"templateFrom": [{"target": name, "literal": "x"} for name in ("Data", "Annotations", "Labels", "labels")]}, []),
    ({"templateFrom": [{"target": "spec.a"}, {"target": "b"}]}, [wrong_target("spec.a"), wrong_target("b")]),
]


@pytest.mark.parametrize(("template", "expected"), TEMPLATES)
def test_templates_must_not_mint_credentials_or_miss_the_secret(template: dict[str, Any], expected: list[str]) -> None:
    assert violations({"target": {"template": template}, "data": DATA}) == expected


@pytest.mark.parametrize(
    ("manifest", "secret"),
    [
        (None, True),
        ({"apiVersion": "v1", "kind": "Secret"}, True),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, False),
        ({"apiVersion": "example.com/v1", "kind": "Secret"}, False),
    ],
)
def test_other_targets_may_have_other_places(manifest: dict[str, str] | None, secret: bool) -> None:
    target = {"template": {"templateFrom": [{"target": "spec.a", "literal": "x"}]}, "manifest": manifest}
    spec = {"target": target, "data": DATA}
    assert violations(spec) == ([wrong_target("spec.a")] if secret else [])
    assert targets_a_secret(ExternalSecret.from_wire({"spec": spec}).spec.target) is secret


SOURCES = [
    (EXTRACT, []),
    ({"find": {}}, []),
    (GENERATOR, []),
    (STORE, []),
    ({**EXTRACT, **STORE}, []),
    ({**EXTRACT, "find": {}}, [ONE_SOURCE]),
    ({**EXTRACT, **GENERATOR}, [ONE_SOURCE]),
    ({"find": {}, **GENERATOR}, [ONE_SOURCE]),
    ({}, [NO_SOURCE]),
    ({"rewrite": []}, [NO_SOURCE]),
    ({"sourceRef": {}}, [EMPTY_SOURCE]),
    ({**EXTRACT, "sourceRef": {}}, [EMPTY_SOURCE]),
]


@pytest.mark.parametrize(("entry", "expected"), SOURCES)
def test_an_entry_of_data_from_has_one_source(entry: dict[str, Any], expected: list[str]) -> None:
    assert violations({"dataFrom": [entry]}) == expected


DUPLICATE = "duplicate secretKey found: a"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"deletionPolicy": "Retain"}, [DUPLICATE, DUPLICATE]),
        ({"deletionPolicy": "Delete"}, []),
        ({"deletionPolicy": "Merge"}, []),
        ({}, []),
        (None, []),
    ],
)
def test_keys_are_unique_when_they_are_retained(target: dict[str, str] | None, expected: list[str]) -> None:
    spec: dict[str, Any] = {"data": DATA * 3}
    if target is not None:
        spec["target"] = target
    assert violations(spec) == expected


def test_all_violations_come_in_order() -> None:
    spec = {
        "target": {
            "creationPolicy": "None",
            "deletionPolicy": "Delete",
            "template": {"type": BOOTSTRAP, "templateFrom": [{"target": "x"}]},
        },
        "dataFrom": [{}, {"sourceRef": {}}],
    }
    assert violations(spec) == [
        UNOWNED,
        f'template.type="{BOOTSTRAP}" is not allowed',
        wrong_target("x"),
        NO_SOURCE,
        EMPTY_SOURCE,
    ]


def test_there_must_be_an_object() -> None:
    assert external_secret_violations(None) == ["external secret cannot be nil during validation"]


def test_durations_must_be_readable() -> None:
    windows = [{"schedule": "@daily", "duration": "1h"}, {"schedule": "@daily", "duration": "a day"}]
    spec = {"refreshInterval": "1d", "syncWindows": {"kind": "allow", "windows": windows}}
    found = duration_violations(ExternalSecret.from_wire({"spec": spec}))
    assert found == [
        'spec.refreshInterval: time: unknown unit "d" in duration "1d"',
        'spec.syncWindows.windows[1].duration: time: invalid duration "a day"',
    ]
    assert duration_violations(ExternalSecret.from_wire({})) == []


def test_regular_expressions_of_conditions_must_compile() -> None:
    conditions = [{"namespaceRegexes": ["^a$"]}, {"namespaceRegexes": ["b", "[", "(?<x>)("]}, {}]
    found = namespace_regex_violations(SecretStore.from_wire({"spec": {"conditions": conditions}}).spec.conditions)
    assert [text.partition(":")[0] for text in found] == [
        "failed to compile 1th namespace regex in 1th condition",
        "failed to compile 2th namespace regex in 1th condition",
    ]
    assert namespace_regex_violations(None) == []
