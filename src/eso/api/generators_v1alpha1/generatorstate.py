"""GeneratorState: what a generator left behind and must undo one day."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field

from eso.api.generators_v1alpha1.resource import GENERATOR_CATEGORIES, GENERATOR_GROUP
from eso.api.meta_v1 import CRD_LABELS, StatusCondition
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import REQUIRED

__all__ = ["GeneratorState", "GeneratorStateSpec", "GeneratorStateStatus"]


class GeneratorStateSpec(Model):
    """A snapshot of the generator and of what it made.

    Attributes:
        garbage_collection_deadline: when the leftover is undone; absent while it is in use.
        resource: manifest of the generator, with `apiVersion`, `kind` and `spec`.
        state: JSON that the generator needs to undo it.
    """

    garbage_collection_deadline: datetime | None = None
    resource: Annotated[Any, REQUIRED] = Field(default=None, repr=False)
    state: Annotated[Any, REQUIRED] = Field(default=None, repr=False)


class GeneratorStateStatus(Model):
    """Kept for compatibility; the kind has no status subresource."""

    conditions: list[StatusCondition] | None = None


class GeneratorState(KubeObject):
    """A leftover of a generator; deleting the object undoes it."""

    resource: ClassVar[Resource] = Resource(
        group=GENERATOR_GROUP,
        version="v1alpha1",
        kind="GeneratorState",
        plural="generatorstates",
        short_names=("gs",),
        categories=GENERATOR_CATEGORIES,
        labels=CRD_LABELS,
        status_subresource=False,
        printer_columns=(
            {"name": "GC Deadline", "type": "string", "jsonPath": ".spec.garbageCollectionDeadline"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ),
    )

    spec: GeneratorStateSpec = Field(default_factory=GeneratorStateSpec)
    status: GeneratorStateStatus | None = None
