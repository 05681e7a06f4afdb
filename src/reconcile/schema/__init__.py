"""CustomResourceDefinitions from kinds.

The structural schema of a kind follows from its fields::

    class TeamSpec(Model):
        members: Annotated[list[str], item_count(1, 50)]            # required: it has no default
        tier: Annotated[Literal["gold", "silver"], AS_STORED] = "silver"    # optional, with a default in the CRD
        owner: Annotated[str, text_length(1, 63)] | None = None     # optional, stays absent

    class Team(KubeObject):
        resource = Resource("example.com", "v1", "Team", "teams")
        spec: TeamSpec = Field(default_factory=TeamSpec)            # a factory is no default of the CRD

Constraints of this module are facts for the API server. They are not checked when an object is read: an object that was
stored before a rule existed must not stop an informer. Constraints of pydantic itself (`Field(min_length=1)`) go into the
CRD too, and are checked on read as well. `Field(description=...)` is what `kubectl explain` shows.
"""

from __future__ import annotations

from reconcile.schema.constraints import (
    AS_STORED,
    ATOMIC,
    NULLABLE,
    REQUIRED,
    Constraint,
    cel,
    described_as,
    item_count,
    keyword,
    merged_by,
    property_count,
    requires,
    slot,
    text_length,
    text_pattern,
    value_range,
    wire_format,
    without,
)
from reconcile.schema.definition import custom_resource_definition, version_of
from reconcile.schema.structural import Schema, schema_of

__all__ = [
    "AS_STORED",
    "ATOMIC",
    "NULLABLE",
    "REQUIRED",
    "Constraint",
    "Schema",
    "cel",
    "custom_resource_definition",
    "described_as",
    "item_count",
    "keyword",
    "merged_by",
    "property_count",
    "requires",
    "schema_of",
    "slot",
    "text_length",
    "text_pattern",
    "value_range",
    "version_of",
    "wire_format",
    "without",
]
