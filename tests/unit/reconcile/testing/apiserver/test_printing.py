"""Ages, JSON paths and table cells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from reconcile.testing.apiserver.columns import BUILTIN_TABLES
from reconcile.testing.apiserver.durations import age, human_duration
from reconcile.testing.apiserver.jsonpaths import assign, evaluate
from reconcile.testing.apiserver.registry import Registry, crd_infos
from reconcile.testing.apiserver.requests import ApiRequest
from reconcile.testing.apiserver.tables import table_object

NOW = datetime(2030, 1, 1, 0, 0, tzinfo=UTC)
OBJECT = {
    "metadata": {"name": "a", "labels": {"a.b/c": "x"}},
    "spec": {"list": [{"n": 1, "t": "A"}, {"n": 2, "t": "B"}], "map": {"k": "v"}},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (150, "2m30s"), (599, "9m59s"), (600, "10m"),
        (3 * 3600 - 1, "179m"), (3 * 3600, "3h"), (3 * 3600 + 60, "3h1m"), (8 * 3600, "8h"), (47 * 3600, "47h"),
        (48 * 3600, "2d"), (49 * 3600, "2d1h"), (8 * 86400, "8d"), (400 * 86400, "400d"), (800 * 86400, "2y70d"),
        (3000 * 86400, "8y"),
    ],
)  # fmt: skip
def test_human_duration(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def test_age_of_nothing() -> None:
    assert age(None, NOW) == "<unknown>"
    assert age("not a time", NOW) == "<unknown>"
    assert age("2029-12-31T23:59:00Z", NOW) == "60s"


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (".metadata.name", ["a"]),
        ("{.metadata.name}", ["a"]),
        ("metadata.name", ["a"]),
        (".spec.list[0].n", [1]),
        (".spec.list[-1].n", [2]),
        (".spec.list[9].n", []),
        (".spec.list[*].n", [1, 2]),
        (".spec.map.*", ["v"]),
        (".spec['map'].k", ["v"]),
        (r".metadata.labels.a\.b/c", ["x"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        ("{.status.conditions[?(@.type == 'Other')].status}", ["False"]),
        ('.status.conditions[?(@.type!="Ready")].type', ["Other"]),
        (".nope.nope", []),
    ],
)
def test_json_paths(path: str, values: list[Any]) -> None:
    assert evaluate(OBJECT, path) == values


def test_assign_makes_parents() -> None:
    obj: dict[str, Any] = {}
    assign(obj, ".spec.size", 3)
    assert obj == {"spec": {"size": 3}}


def cells(columns: list[dict[str, Any]], obj: dict[str, Any]) -> list[Any]:
    definition = {
        "spec": {
            "group": "example.com",
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "additionalPrinterColumns": columns}],
        }
    }
    info = crd_infos(definition)[0]
    table = table_object(info, [{"metadata": {"name": "w"}, **obj}], ApiRequest("GET", "/"), NOW, {})
    values: list[Any] = table["rows"][0]["cells"]
    return values[1:]


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        ("string", "text", "text"),
        ("string", True, "true"),
        ("string", 5, "5"),
        ("string", 5.0, "5"),
        ("string", ["a", "b"], "[a b]"),
        ("string", {"k": "v"}, "map[k:v]"),
        ("string", None, ""),
        ("integer", 7, 7),
        ("integer", "x", None),
        ("integer", None, None),
        ("number", 1.5, 1.5),
        ("boolean", True, True),
        ("boolean", "x", None),
        ("date", "2029-12-31T23:59:00Z", "60s"),
        ("date", None, None),
    ],
)
def test_printer_columns(kind: str, value: Any, cell: Any) -> None:
    content = {} if value is None else {"spec": {"x": value}}
    assert cells([{"name": "X", "type": kind, "jsonPath": ".spec.x"}], content) == [cell]


def test_without_columns_there_is_an_age() -> None:
    assert cells([], {"metadata": {"name": "w", "creationTimestamp": "2029-12-31T23:59:00Z"}}) == ["60s"]


@pytest.mark.parametrize("plural", sorted(BUILTIN_TABLES))
def test_every_builtin_table_prints_an_empty_object(plural: str) -> None:
    info = Registry().builtin(plural)
    table = table_object(info, [{"metadata": {"name": "x"}}], ApiRequest("GET", "/"), NOW, {"resourceVersion": "1"})
    assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"])
    assert "x" in table["rows"][0]["cells"]


@pytest.mark.parametrize(("include", "kind"), [("", "PartialObjectMetadata"), ("Object", "Secret"), ("None", None)])
def test_rows_carry_what_was_asked_for(include: str, kind: str | None) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {}}
    request = ApiRequest("GET", "/", {"includeObject": include})
    row = table_object(Registry().builtin("secrets"), [secret], request, NOW, {})["rows"][0]
    assert row.get("object", {}).get("kind") == kind
