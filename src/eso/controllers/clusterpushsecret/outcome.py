"""What a ClusterPushSecret asks for, and what its status says afterwards. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from eso.api.externalsecrets_v1alpha1.clusterpushsecret import (
    ClusterPushSecret,
    ClusterPushSecretNamespaceFailure,
    ClusterPushSecretStatus,
)
from eso.controllers.conditions import cause_of, with_condition
from eso.controllers.namespaces import Selection
from eso.controllers.stamping import Blueprint, ForeignObjectError, Stamped
from reconcile.api.meta_v1 import Condition

__all__ = [
    "ERRORED",
    "NOT_DELETED",
    "NO_NAMESPACES",
    "blueprint_of",
    "child_name",
    "failures_of",
    "selection_of",
    "status_after",
]

ERRORED: Final = "Errored"
NOT_DELETED: Final = "failed to delete push secret"
NO_NAMESPACES: Final = "failed to get target Namespaces"

_EXISTS: Final = "push secret already exists in namespace"
_FAILED: Final = "one or more namespaces failed"


def child_name(cps: ClusterPushSecret) -> str:
    """Name of its PushSecrets."""
    return cps.spec.push_secret_name or cps.name


def selection_of(cps: ClusterPushSecret) -> Selection:
    """The namespaces it means.

    Raises:
        InvalidSpecError: a selector is malformed.
    """
    return Selection(cps.spec.namespace_selectors or ())


def blueprint_of(cps: ClusterPushSecret) -> Blueprint:
    """What its PushSecrets look like."""
    metadata = cps.spec.push_secret_metadata
    labels = metadata.labels if metadata is not None else None
    annotations = metadata.annotations if metadata is not None else None
    return Blueprint.of(child_name(cps), labels, annotations, cps.spec.push_secret_spec)


def failures_of(stamped: Stamped) -> dict[str, str]:
    """Namespace -> reason, sorted."""
    reasons = {name: f"{NOT_DELETED}: {cause_of(err)}" for name, err in stamped.not_removed.items()}
    for name, err in stamped.not_written.items():
        foreign = isinstance(err, ForeignObjectError)
        reasons[name] = _EXISTS if foreign else f"could not create or update push secret: {cause_of(err)}"
    return dict(sorted(reasons.items()))


def condition_of(failures: Mapping[str, str], *, renamed: bool = True) -> Condition:
    """The Ready condition: without a reason, unless a renamed object could not be deleted."""
    if not renamed:
        return Condition(type="Ready", status="False", reason=ERRORED, message=NOT_DELETED)
    if failures:
        return Condition(type="Ready", status="False", message=_FAILED)
    return Condition(type="Ready", status="True")


def status_after(
    cps: ClusterPushSecret,
    condition: Condition,
    failures: Mapping[str, str],
    *,
    provisioned: list[str] | None,
    name: str | None,
    now: datetime,
) -> ClusterPushSecretStatus:
    """The status of a pass.

    Args:
        cps: the object.
        condition: its Ready condition.
        failures: namespace -> reason.
        provisioned: namespaces that hold a PushSecret; None leaves the list as it is.
        name: of the PushSecrets.
        now: aware, UTC.
    """
    failed = [ClusterPushSecretNamespaceFailure(namespace=where, reason=reason) for where, reason in failures.items()]
    return ClusterPushSecretStatus(
        push_secret_name=name,
        failed_namespaces=failed or None,
        provisioned_namespaces=(cps.status.provisioned_namespaces if provisioned is None else provisioned) or None,
        conditions=with_condition(cps.status.conditions, condition, now.replace(microsecond=0)),
    )
