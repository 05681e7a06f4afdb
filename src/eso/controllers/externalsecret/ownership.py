"""Who owns a target Secret: owner references, the created-by label, and what managedFields say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.errors import EsoError
from eso.transform.hash import object_hash

__all__ = [
    "ANNOTATION_DATA_HASH",
    "LABEL_MANAGED",
    "LABEL_OWNER",
    "OwnedByAnotherError",
    "OwnershipError",
    "controller_of",
    "field_owner",
    "owner_label",
    "set_owner",
]

GROUP: Final = "external-secrets.io"
LABEL_MANAGED: Final = "reconcile.external-secrets.io/managed"
LABEL_OWNER: Final = "reconcile.external-secrets.io/created-by"
ANNOTATION_DATA_HASH: Final = "reconcile.external-secrets.io/data-hash"

_FIELD_OWNER: Final = "externalsecrets.external-secrets.io/"
# The field manager of an ExternalSecret may be 128 characters at the API server; ESO cuts at 63.
_LONGEST_FIELD_OWNER: Final = 63


class OwnershipError(EsoError):
    """The target belongs to a controller of another kind."""


class OwnedByAnotherError(OwnershipError):
    """The target belongs to another ExternalSecret."""


def field_owner(name: str) -> str:
    """The field manager under which the ExternalSecret `name` writes."""
    owner = _FIELD_OWNER + name
    return owner if len(owner) <= _LONGEST_FIELD_OWNER else f"{_FIELD_OWNER}sha3/{object_hash(name)}"


def owner_label(namespace: str, name: str) -> str:
    """Value of the created-by label of a Secret that this ExternalSecret created."""
    return object_hash(f"{namespace}/{name}")


def controller_of(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner reference with `controller: true`."""
    return next((owner for owner in metadata.get("ownerReferences") or () if owner.get("controller")), None)


def _is_external_secret(owner: Mapping[str, Any]) -> bool:
    group, _, version = str(owner.get("apiVersion", "")).rpartition("/")
    return bool(version) and group == GROUP and owner.get("kind") == "ExternalSecret"


def set_owner(metadata: dict[str, Any], es: ExternalSecret) -> None:
    """Set or take away this ExternalSecret's ownership, in place, by its creation policy.

    Raises:
        OwnedByAnotherError: another ExternalSecret controls the target.
        OwnershipError: creationPolicy Owner, and a controller of another kind has it.
    """
    current = controller_of(metadata)
    if current is not None and _is_external_secret(current) and current.get("name") != es.name:
        raise OwnedByAnotherError(f"secret is owned by another ExternalSecret: {current.get('name')}")
    owners = [dict(owner) for owner in metadata.get("ownerReferences") or ()]
    labels = metadata.setdefault("labels", {})
    if es.spec.target.creation_policy == "Owner":
        if current is not None and not _is_external_secret(current):
            raise OwnershipError(
                f"could not set controller reference on secret: it is controlled by {current.get('kind')} {current.get('name')}"
            )
        _put_reference(owners, es)
        labels[LABEL_OWNER] = owner_label(es.namespace, es.name)
    else:
        owners = [owner for owner in owners if not (owner.get("controller") and _is_external_secret(owner))]
        labels.pop(LABEL_OWNER, None)
    if owners:
        metadata["ownerReferences"] = owners
    else:
        metadata.pop("ownerReferences", None)


def _put_reference(owners: list[dict[str, Any]], es: ExternalSecret) -> None:
    reference = {
        "apiVersion": es.resource.api_version,
        "kind": es.resource.kind,
        "name": es.name,
        "uid": es.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    for position, owner in enumerate(owners):
        if _is_external_secret(owner) and owner.get("name") == es.name:
            owners[position] = reference
            return
    owners.append(reference)
