"""What a ClusterExternalSecret asks for, and what its status says afterwards. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from eso.api.externalsecrets_v1.clusterexternalsecret import (
    ClusterExternalSecret,
    ClusterExternalSecretNamespaceFailure,
    ClusterExternalSecretStatus,
    ClusterExternalSecretStatusCondition,
)
from eso.controllers.conditions import cause_of
from eso.controllers.namespaces import Selection
from eso.controllers.stamping import Blueprint, ForeignObjectError, Stamped
from reconcile.api.meta_v1 import Condition

__all__ = ["FORCE_SYNC", "blueprint_of", "child_name", "conditions_of", "failures_of", "selection_of", "status_after"]

FORCE_SYNC: Final = "external-secrets.io/force-sync"
"""Annotation that asks an ExternalSecret to sync now; handed down to every ExternalSecret."""

_EXISTS: Final = "external secret already exists in namespace"
_FAILED: Final = "one or more namespaces failed"


def child_name(ces: ClusterExternalSecret) -> str:
    """Name of its ExternalSecrets."""
    return ces.spec.external_secret_name or ces.name


def selection_of(ces: ClusterExternalSecret) -> Selection:
    """The namespaces it means.

    Raises:
        InvalidSpecError: a selector is malformed.
    """
    spec = ces.spec
    single = [spec.namespace_selector] if spec.namespace_selector is not None else []
    return Selection([*single, *(spec.namespace_selectors or ())], spec.namespaces or ())


def blueprint_of(ces: ClusterExternalSecret) -> Blueprint:
    """What its ExternalSecrets look like."""
    metadata = ces.spec.external_secret_metadata
    labels = (metadata.labels if metadata is not None else None) or {}
    annotations = dict((metadata.annotations if metadata is not None else None) or {})
    if FORCE_SYNC in ces.metadata.annotations:
        annotations[FORCE_SYNC] = ces.metadata.annotations[FORCE_SYNC]
    return Blueprint.of(child_name(ces), labels, annotations, ces.spec.external_secret_spec)


def failures_of(stamped: Stamped) -> dict[str, str]:
    """Namespace -> reason, sorted."""
    reasons = {
        name: f"external secret in non matching namespace could not be deleted: {cause_of(err)}"
        for name, err in stamped.not_removed.items()
    }
    for name, err in stamped.not_written.items():
        foreign = isinstance(err, ForeignObjectError)
        reasons[name] = _EXISTS if foreign else f"could not create or update ExternalSecret: {cause_of(err)}"
    return dict(sorted(reasons.items()))


def status_after(
    ces: ClusterExternalSecret, failures: Mapping[str, str], *, provisioned: list[str] | None, name: str | None
) -> ClusterExternalSecretStatus:
    """The status of a pass.

    Args:
        ces: the object.
        failures: namespace -> reason.
        provisioned: namespaces that hold an ExternalSecret; None leaves the list as it is.
        name: of the ExternalSecrets.
    """
    condition = ClusterExternalSecretStatusCondition(
        type="Ready", status="False" if failures else "True", message=_FAILED if failures else None
    )
    others = [one for one in ces.status.conditions or () if one.type != "Ready"]
    failed = [ClusterExternalSecretNamespaceFailure(namespace=name, reason=reason) for name, reason in failures.items()]
    return ClusterExternalSecretStatus(
        external_secret_name=name,
        failed_namespaces=failed or None,
        provisioned_namespaces=(ces.status.provisioned_namespaces if provisioned is None else provisioned) or None,
        conditions=[*others, condition],
    )


def conditions_of(ces: ClusterExternalSecret) -> list[Condition]:
    """The conditions in the shape that metrics take."""
    return [
        Condition(type=one.type, status=one.status, message=one.message or "") for one in ces.status.conditions or ()
    ]
