"""Owner references: who controls an object, and how to say so."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.api.meta_v1 import ObjectMeta, OwnerReference
from reconcile.api.model import KubeObject

__all__ = ["controller_of", "controller_reference", "is_controlled_by", "owner_reference", "with_owner_reference"]


def owner_reference(owner: KubeObject, *, controller: bool | None = None, block: bool | None = None) -> OwnerReference:
    """A reference to `owner`, which must have been read from the API server.

    Raises:
        ValueError: the owner has no uid, so the garbage collector would delete what points at it.
    """
    if not owner.metadata.uid:
        raise ValueError(f"{owner.resource.kind} {owner.name} has no metadata.uid: read it from the API server first")
    return OwnerReference(
        api_version=owner.resource.api_version,
        kind=owner.resource.kind,
        name=owner.name,
        uid=owner.metadata.uid,
        controller=controller,
        block_owner_deletion=block,
    )


def controller_reference(owner: KubeObject, *, block: bool = True) -> OwnerReference:
    """The one reference that makes `owner` the controller of an object.

    Raises:
        ValueError: the owner has no uid.
    """
    return owner_reference(owner, controller=True, block=block)


def controller_of(metadata: ObjectMeta, owner_kind: type[KubeObject]) -> OwnerReference | None:
    """The controller reference, if it points at an object of that kind, whatever its version."""
    reference = metadata.controller
    if reference is None or reference.kind != owner_kind.resource.kind:
        return None
    group = reference.api_version.rpartition("/")[0]
    return reference if group == owner_kind.resource.group else None


def is_controlled_by(metadata: ObjectMeta, owner: KubeObject) -> bool:
    """Whether `owner`, this very object and not one of the same name before it, is the controller."""
    reference = metadata.controller
    return reference is not None and bool(reference.uid) and reference.uid == owner.metadata.uid


def with_owner_reference(references: Sequence[OwnerReference], new: OwnerReference) -> list[OwnerReference]:
    """The references with `new` added, or in place of the one to the same object.

    Raises:
        ValueError: another object already is the controller; the message names it.
    """
    for other in references:
        if new.controller and other.controller and other.uid != new.uid:
            raise ValueError(
                f"metadata.ownerReferences: {other.kind} {other.name} already is the controller;"
                f" {new.kind} {new.name} cannot become a second one"
            )
    kept = [new if other.uid == new.uid else other for other in references]
    return kept if new in kept else [*kept, new]
