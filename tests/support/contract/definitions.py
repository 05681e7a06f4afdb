"""CustomResourceDefinitions: what is refused, and what the server makes of accepted ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.support.contract.api import Api, Case, eventually
from tests.support.contract.widget import CRDS

_ROOT = "spec.validation.openAPIV3Schema"
_A = f"{_ROOT}.properties[a]"
_RULE = "x-kubernetes-validations"


def _crd(api: Api) -> dict[str, Any]:
    group = f"{api.ns}.example.com"
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"x": {"type": "string"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"foos.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "foos", "kind": "Foo"},
            "versions": [version],
        },
    }


def _root(crd: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _property(node: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda crd: _root(crd)["properties"].update(a=copy.deepcopy(node))


def _version(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda crd: crd["spec"]["versions"][0].update(copy.deepcopy(fields))


def _spec(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda crd: crd["spec"].update(copy.deepcopy(fields))


_STRINGS = {"type": "string"}
_NAMED = {"type": "object", "properties": {"n": _STRINGS}}

_REFUSED: list[tuple[str, Callable[[dict[str, Any]], Any], str, str]] = [
    (
        "name",
        lambda crd: crd["metadata"].update(name="x.example.com"),
        "metadata.name",
        'must be spec.names.plural+"."+spec.group',
    ),
    (
        "no-storage-version",
        _version(storage=False),
        "spec.versions",
        "must have exactly one version marked as storage version",
    ),
    (
        "no-schema",
        lambda crd: crd["spec"]["versions"][0].pop("schema"),
        "spec.versions[0].schema.openAPIV3Schema",
        "Required value",
    ),
    ("scope", _spec(scope="X"), "spec.scope", 'Unsupported value: "X": supported values: "Cluster", "Namespaced"'),
    (
        "kind-syntax",
        _spec(names={"plural": "foos", "kind": "bad_kind"}),
        "spec.names.kind",
        "may have mixed case, but should otherwise match",
    ),
    (
        "property-without-type",
        _property({}),
        f"{_A}.type",
        "Required value: must not be empty for specified object fields",
    ),
    ("list-without-items", _property({"type": "array"}), f"{_A}.items", "Required value: must be specified"),
    (
        "pattern",
        _property({"type": "string", "pattern": "("}),
        f"{_A}.pattern",
        "must be a valid regular expression, but isn't: error parsing regexp: missing closing ): `(`",
    ),
    ("default-type", _property({"type": "string", "default": 1}), f"{_A}.default", 'must be of type string: "integer"'),
    (
        "default-unknown-field",
        _property({"type": "object", "default": {"z": 1}}),
        f"{_A}.default",
        'Invalid value: {"z":1}: must not have unknown fields',
    ),
    (
        "type",
        _property({"type": "foo"}),
        f"{_A}.type",
        'Unsupported value: "foo": supported values: "array", "boolean", "integer", "number", "object", "string"',
    ),
    (
        "map-key-optional",
        _property(
            {"type": "array", "items": _NAMED, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}
        ),
        f"{_A}.items.properties[n].default",
        "Required value: this property is in x-kubernetes-list-map-keys",
    ),
    (
        "map-without-keys",
        _property({"type": "array", "items": _NAMED, "x-kubernetes-list-type": "map"}),
        f"{_A}.x-kubernetes-list-map-keys",
        "Required value: must not be empty if x-kubernetes-list-type is map",
    ),
    (
        "map-of-strings",
        _property({"type": "array", "items": _STRINGS, "x-kubernetes-list-type": "map"}),
        f"{_A}.items.type",
        "must be object if parent array's x-kubernetes-list-type is map",
    ),
    (
        "list-type",
        _property({"type": "array", "items": _STRINGS, "x-kubernetes-list-type": "q"}),
        f"{_A}.x-kubernetes-list-type",
        'Unsupported value: "q": supported values: "atomic", "set", "map"',
    ),
    (
        "properties-and-additional",
        _property({**_NAMED, "additionalProperties": _STRINGS}),
        f"{_A}.additionalProperties",
        "Forbidden: additionalProperties and properties are mutual exclusive",
    ),
    (
        "type-inside-any-of",
        _property({**_NAMED, "anyOf": [{"properties": {"n": {"type": "string"}}}]}),
        f"{_A}.anyOf[0].properties[n].type",
        "Forbidden: must be empty to be structural",
    ),
    (
        "unique-items",
        _property({"type": "array", "items": _STRINGS, "uniqueItems": True}),
        f"{_A}.uniqueItems",
        "Forbidden: uniqueItems cannot be set to true",
    ),
    ("root-type", lambda crd: _root(crd).update(type="string"), f"{_ROOT}.type", "must be object at the root"),
    (
        "root-without-type",
        lambda crd: _root(crd).pop("type"),
        f"{_ROOT}.type",
        "Required value: must not be empty at the root",
    ),
    (
        "column-type",
        _version(additionalPrinterColumns=[{"name": "a", "type": "foo", "jsonPath": ".x"}]),
        "spec.additionalPrinterColumns[0].type",
        "must be one of boolean,date,integer,number,string",
    ),
    (
        "column-path",
        _version(additionalPrinterColumns=[{"name": "a", "type": "string", "jsonPath": "x"}]),
        "spec.additionalPrinterColumns[0].JSONPath",
        "must be a simple json path starting with .",
    ),
    (
        "selectable-field",
        _version(selectableFields=[{"jsonPath": ".spec.zz"}]),
        "spec.selectableFields[0].jsonPath",
        "is an invalid path: does not refer to a valid field",
    ),
    (
        "conversion",
        _spec(conversion={"strategy": "Webhook"}),
        "spec.conversion.conversionReviewVersions",
        "Required value",
    ),
    (
        "rule-empty",
        lambda crd: _root(crd).update({_RULE: [{"rule": ""}]}),
        f"{_ROOT}.{_RULE}[0].rule",
        "Required value: rule is not specified",
    ),
    (
        "rule-syntax",
        lambda crd: _root(crd).update({_RULE: [{"rule": "self."}]}),
        f"{_ROOT}.{_RULE}[0].rule",
        "compilation failed: ERROR: <input>:1:",
    ),
    (
        "rule-unknown-field",
        lambda crd: _root(crd).update({_RULE: [{"rule": "self.foo == 1"}]}),
        f"{_ROOT}.{_RULE}[0].rule",
        "compilation failed: ERROR: <input>:1:5: undefined field 'foo'",
    ),
]


def _refusal(change: Callable[[dict[str, Any]], Any], field: str, text: str) -> Callable[[Api], None]:
    def check(api: Api) -> None:
        crd = _crd(api)
        change(crd)
        answer = api.refused(422, "Invalid", "POST", CRDS, crd)
        assert any(found == field and text in message for found, message in answer.causes), answer.causes

    return check


TABLE = [Case(f"refuses-{name}", _refusal(change, field, text)) for name, change, field, text in _REFUSED]


def _served(api: Api, crd: dict[str, Any], path: str) -> Any:
    return eventually(lambda: (found := api("GET", path)).status == 200 and found.body)


def check_established(api: Api) -> None:
    crd = _crd(api)
    created = api.ok("POST", CRDS, crd)
    assert created["spec"]["names"]["singular"] == "foo"
    assert created["spec"]["names"]["listKind"] == "FooList"
    assert created["spec"]["conversion"] == {"strategy": "None"}
    path = f"{CRDS}/{crd['metadata']['name']}"

    def conditions() -> Any:
        status = api.ok("GET", path).get("status") or {}
        found = {c["type"]: (c["status"], c["reason"]) for c in status.get("conditions") or []}
        return found.get("Established") == ("True", "InitialNamesAccepted") and (found, status)

    found, status = eventually(conditions)
    assert found["NamesAccepted"] == ("True", "NoConflicts")
    assert status["storedVersions"] == ["v1"]
    assert status["acceptedNames"]["kind"] == "Foo"
    listed = _served(api, crd, f"/apis/{crd['spec']['group']}/v1/foos")
    assert (listed["kind"], listed["items"]) == ("FooList", [])
    api.ok("DELETE", path)


def check_deletion_removes_objects(api: Api) -> None:
    crd = _crd(api)
    api.ok("POST", CRDS, crd)
    path = f"/apis/{crd['spec']['group']}/v1/namespaces/{{ns}}/foos"
    body = {"apiVersion": f"{crd['spec']['group']}/v1", "kind": "Foo", "metadata": {"name": "f"}}
    eventually(lambda: api("POST", path, body).status in (201, 409))
    api.ok("DELETE", f"{CRDS}/{crd['metadata']['name']}")
    eventually(lambda: api("GET", path).status == 404)
    eventually(lambda: api("GET", f"{CRDS}/{crd['metadata']['name']}").status == 404)


def check_served_version_only(api: Api) -> None:
    crd = _crd(api)
    crd["spec"]["versions"].append(
        {**copy.deepcopy(crd["spec"]["versions"][0]), "name": "v2", "storage": False, "served": False}
    )
    api.ok("POST", CRDS, crd)
    _served(api, crd, f"/apis/{crd['spec']['group']}/v1/foos")
    assert api("GET", f"/apis/{crd['spec']['group']}/v2/foos").status == 404
    api.ok("DELETE", f"{CRDS}/{crd['metadata']['name']}")


def check_version_is_that_of_the_request(api: Api) -> None:
    crd = _crd(api)
    crd["spec"]["versions"].append({**copy.deepcopy(crd["spec"]["versions"][0]), "name": "v2", "storage": False})
    api.ok("POST", CRDS, crd)
    group = crd["spec"]["group"]
    path = f"/apis/{group}/v{{}}/namespaces/{api.ns}/foos"
    body = {"apiVersion": f"{group}/v2", "kind": "Foo", "metadata": {"name": "f"}, "spec": {"x": "1"}}
    eventually(lambda: api("POST", path.format(2), body).status in (201, 409))
    eventually(lambda: api("GET", path.format(1)).status == 200)
    assert api.ok("GET", f"{path.format(1)}/f")["apiVersion"] == f"{group}/v1"
    assert api.ok("GET", f"{path.format(2)}/f")["apiVersion"] == f"{group}/v2"
    api.ok("DELETE", f"{CRDS}/{crd['metadata']['name']}")
