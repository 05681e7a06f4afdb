from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from reconcile.api.meta_v1 import Condition, LabelSelector
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import (
    AS_STORED,
    ATOMIC,
    NULLABLE,
    REQUIRED,
    Constraint,
    cel,
    custom_resource_definition,
    described_as,
    item_count,
    keyword,
    merged_by,
    property_count,
    requires,
    schema_of,
    slot,
    text_length,
    text_pattern,
    value_range,
    version_of,
    wire_format,
    without,
)

STRING = {"type": "string"}
INT_OR_STRING = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
ANYTHING = {"x-kubernetes-preserve-unknown-fields": True}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, STRING),
        (bool, {"type": "boolean"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bytes, {"type": "string", "format": "byte"}),
        (datetime, {"type": "string", "format": "date-time"}),
        (Any, ANYTHING),
        (int | str, INT_OR_STRING),
        (str | int | None, INT_OR_STRING),
        (str | None, STRING),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal[1, 2], {"type": "integer", "enum": [1, 2]}),
        (list[str], {"type": "array", "items": STRING}),
        (tuple[str, ...], {"type": "array", "items": STRING}),
        (Sequence[int], {"type": "array", "items": {"type": "integer"}}),
        (dict[str, str], {"type": "object", "additionalProperties": STRING}),
        (Mapping[str, list[str]], {"type": "object", "additionalProperties": {"type": "array", "items": STRING}}),
        (dict[str, Any], {"type": "object", **ANYTHING}),
        (Annotated[str, text_length(1, 63), text_pattern("^a")], {**STRING, "minLength": 1, "maxLength": 63, "pattern": "^a"}),
        (Annotated[str, wire_format("duration")], {**STRING, "format": "duration"}),
        (Annotated[int, value_range(1, 9)], {"type": "integer", "minimum": 1, "maximum": 9}),
        (Annotated[int, value_range(maximum=9)], {"type": "integer", "maximum": 9}),
        (Annotated[list[str], item_count(1), ATOMIC], {"type": "array", "items": STRING, "minItems": 1, "x-kubernetes-list-type": "atomic"}),
        (list[Annotated[str, text_length(2)]], {"type": "array", "items": {**STRING, "minLength": 2}}),
        (
            Annotated[dict[str, str], property_count(1, 2), keyword("x-kubernetes-map-type", "atomic")],
            {"type": "object", "additionalProperties": STRING, "minProperties": 1, "maxProperties": 2, "x-kubernetes-map-type": "atomic"},
        ),
        (Annotated[str, described_as({"type": "string", "format": "uuid"})], {"type": "string", "format": "uuid"}),
        (Annotated[str, described_as(int)], {"type": "integer"}),
        (
            Annotated[str, cel("self != ''", "first"), cel("self != 'a'", "second")],
            {**STRING, "x-kubernetes-validations": [{"rule": "self != ''", "message": "first"}, {"rule": "self != 'a'", "message": "second"}]},
        ),
    ],
)  # fmt: skip
def test_types_have_schemas(annotation: Any, schema: dict[str, Any]) -> None:
    assert schema_of(annotation) == schema


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (Annotated[str, Field(min_length=1, max_length=3, pattern="^a")], {**STRING, "minLength": 1, "maxLength": 3, "pattern": "^a"}),
        (Annotated[str, StringConstraints(min_length=1, pattern="^a")], {**STRING, "minLength": 1, "pattern": "^a"}),
        (Annotated[list[str], Field(min_length=1)], {"type": "array", "items": STRING, "minItems": 1}),
        (Annotated[dict[str, str], Field(max_length=4)], {"type": "object", "additionalProperties": STRING, "maxProperties": 4}),
        (Annotated[int, Field(ge=1, le=5, multiple_of=2)], {"type": "integer", "minimum": 1, "maximum": 5, "multipleOf": 2}),
        (Annotated[float, Field(gt=0, lt=1)], {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1, "exclusiveMaximum": True}),
    ],
)  # fmt: skip
def test_constraints_of_pydantic_count_too(annotation: Any, schema: dict[str, Any]) -> None:
    assert schema_of(annotation) == schema


@pytest.mark.parametrize("annotation", [complex, str | bool, set[str], list])
def test_a_type_without_a_structural_schema_is_refused(annotation: Any) -> None:
    with pytest.raises(TypeError, match="no structural schema"):
        schema_of(annotation)


class Part(Model):
    constraints: ClassVar[tuple[Constraint, ...]] = (property_count(1, 1), cel("has(self.one)", "one is needed"))

    one: str | None = None
    external_id: str | None = Field(default=None, alias="externalID")


class Options(Model):
    size: int = 3


class ThingSpec(Model):
    members: list[str]
    tier: Annotated[Literal["gold", "silver"], AS_STORED] = "silver"
    policy: Annotated[str, REQUIRED] = "Keep"
    limit: Annotated[int | None, NULLABLE] = None
    options: Options = Options()
    tags: dict[str, str] = Field(default_factory=dict)
    part: Part | None = None
    narrowed: Annotated[Part, without("externalID"), requires("one")] | None = None
    ports: Annotated[list[Options], merged_by("size")] | None = None
    free: Annotated[dict[str, Any], slot("free")] | None = None
    code: Annotated[str, text_pattern("^[a-z]+$")] | None = None


class ThingStatus(BaseModel):
    conditions: list[Condition] | None = None


class Thing(KubeObject):
    resource: ClassVar[Resource] = Resource(
        group="example.com",
        version="v2",
        kind="Thing",
        plural="things",
        short_names=("th",),
        categories=("all",),
        labels=(("team", "a"),),
        printer_columns=({"name": "Tier", "type": "string", "jsonPath": ".spec.tier"},),
        selectable_fields=(".spec.tier",),
    )

    spec: ThingSpec | None = None
    status: ThingStatus | None = None


FREE = {"type": "object", "properties": {"x": STRING}}


@pytest.fixture
def spec() -> dict[str, Any]:
    return schema_of(ThingSpec, {"free": FREE})


def test_fields_without_a_default_and_those_marked_are_required(spec: dict[str, Any]) -> None:
    assert spec["required"] == ["members", "policy"]


def test_defaults_go_into_the_schema_but_factories_do_not(spec: dict[str, Any]) -> None:
    defaults = {name: field["default"] for name, field in spec["properties"].items() if "default" in field}
    assert defaults == {"tier": "silver", "policy": "Keep", "options": {"size": 3}}


def test_descriptions_of_fields_are_what_kubectl_explains() -> None:
    class Described(Model):
        size: int = Field(default=1, description="How many.")

    assert schema_of(Described)["properties"]["size"] == {"type": "integer", "default": 1, "description": "How many."}


def test_wire_names_are_used(spec: dict[str, Any]) -> None:
    assert list(spec["properties"]["part"]["properties"]) == ["one", "externalID"]


def test_constraints_of_a_class_are_those_of_its_schema(spec: dict[str, Any]) -> None:
    part = spec["properties"]["part"]
    assert (part["minProperties"], part["maxProperties"]) == (1, 1)
    assert part["x-kubernetes-validations"] == [{"rule": "has(self.one)", "message": "one is needed"}]


def test_a_model_can_be_narrowed_where_it_is_used(spec: dict[str, Any]) -> None:
    narrowed = spec["properties"]["narrowed"]
    assert list(narrowed["properties"]) == ["one"]
    assert narrowed["required"] == ["one"]
    assert "required" not in spec["properties"]["part"]


def test_list_types_and_nullable(spec: dict[str, Any]) -> None:
    ports = spec["properties"]["ports"]
    assert (ports["x-kubernetes-list-type"], ports["x-kubernetes-list-map-keys"]) == ("map", ["size"])
    assert spec["properties"]["limit"] == {"type": "integer", "nullable": True}


def test_a_slot_is_filled_by_whoever_assembles(spec: dict[str, Any]) -> None:
    assert spec["properties"]["free"] == FREE
    with pytest.raises(TypeError, match="free"):
        schema_of(ThingSpec)


def test_label_selectors_are_atomic() -> None:
    schema = schema_of(LabelSelector)
    assert schema["x-kubernetes-map-type"] == "atomic"
    assert schema["properties"]["matchExpressions"]["x-kubernetes-list-type"] == "atomic"
    assert schema["properties"]["matchExpressions"]["items"]["required"] == ["key", "operator"]


def test_schemas_are_not_shared_between_calls() -> None:
    schema_of(LabelSelector)["properties"] = {}
    schema_of(Annotated[LabelSelector, without("matchLabels")])
    assert set(schema_of(LabelSelector)["properties"]) == {"matchLabels", "matchExpressions"}


def test_the_definition_of_a_kind() -> None:
    crd = custom_resource_definition(Thing, slots={"free": FREE})
    assert crd["metadata"] == {"name": "things.example.com", "annotations": {}, "labels": {"team": "a"}}
    assert crd["spec"]["names"] == {
        "kind": "Thing",
        "listKind": "ThingList",
        "plural": "things",
        "singular": "thing",
        "shortNames": ["th"],
        "categories": ["all"],
    }
    assert crd["spec"]["scope"] == "Namespaced"
    (version,) = crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    assert list(schema["properties"]) == ["apiVersion", "kind", "metadata", "spec", "status"]
    assert schema["properties"]["metadata"] == {"type": "object"}
    assert "required" not in schema
    assert version["additionalPrinterColumns"] == [{"name": "Tier", "type": "string", "jsonPath": ".spec.tier"}]
    assert version["selectableFields"] == [{"jsonPath": ".spec.tier"}]
    assert version["subresources"] == {"status": {}}


def test_older_versions_follow_the_stored_one() -> None:
    old = version_of(Thing, storage=False, served=False, deprecated=True, schema={"type": "object"})
    crd = custom_resource_definition(Thing, other_versions=[{**old, "name": "v1"}], slots={"free": FREE})
    facts = [(v["name"], v["storage"], v["served"], v.get("deprecated", False)) for v in crd["spec"]["versions"]]
    assert facts == [("v2", True, True, False), ("v1", False, False, True)]


def test_a_cluster_scoped_kind_without_status() -> None:
    class Plain(KubeObject):
        resource: ClassVar[Resource] = Resource(
            "example.com", "v1", "Plain", "plains", namespaced=False, status_subresource=False
        )

    crd = custom_resource_definition(Plain)
    assert crd["spec"]["scope"] == "Cluster"
    assert crd["spec"]["versions"][0]["subresources"] == {}
    assert "shortNames" not in crd["spec"]["names"]


def test_constraints_do_not_stop_the_reading_of_stored_objects() -> None:
    thing = Thing.from_wire({"spec": {"members": [], "tier": "bronze", "code": "NOT ALLOWED", "unknown": 1}})
    assert thing.spec is not None
    assert (thing.spec.tier, thing.spec.code) == ("bronze", "NOT ALLOWED")
    assert thing.to_wire()["spec"]["tier"] == "bronze"


def test_a_string_field_is_still_a_string() -> None:
    with pytest.raises(ValidationError):
        ThingSpec.model_validate({"members": [], "tier": 3})
