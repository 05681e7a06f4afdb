"""ClusterPushSecret: one PushSecret in every namespace that matches."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecretSpec
from eso.api.meta_v1 import CRD_LABELS, ObjectName, StatusCondition
from reconcile.api.meta_v1 import LabelSelector
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import REQUIRED

__all__ = [
    "ClusterPushSecret",
    "ClusterPushSecretNamespaceFailure",
    "ClusterPushSecretSpec",
    "ClusterPushSecretStatus",
    "PushSecretMetadata",
]


class PushSecretMetadata(Model):
    """Labels and annotations of the PushSecrets that are created."""

    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None


class ClusterPushSecretSpec(Model):
    """What is created, and in which namespaces: those that any selector matches.

    Attributes:
        push_secret_name: name of the PushSecrets; that of this object when absent.
        refresh_time: Go duration between checks of the namespaces.
    """

    push_secret_spec: Annotated[PushSecretSpec, REQUIRED] = Field(default_factory=PushSecretSpec)
    push_secret_name: ObjectName | None = None
    push_secret_metadata: PushSecretMetadata | None = None
    namespace_selectors: list[LabelSelector] | None = None
    refresh_time: str | None = None


class ClusterPushSecretNamespaceFailure(Model):
    """A namespace where the PushSecret could not be created or updated, and why."""

    namespace: str
    reason: str | None = None


class ClusterPushSecretStatus(Model):
    """Where PushSecrets were created, under which name."""

    push_secret_name: str | None = None
    failed_namespaces: list[ClusterPushSecretNamespaceFailure] | None = None
    provisioned_namespaces: list[str] | None = None
    conditions: list[StatusCondition] | None = None


class ClusterPushSecret(KubeObject):
    """A PushSecret for many namespaces."""

    resource: ClassVar[Resource] = Resource(
        group="external-secrets.io",
        version="v1alpha1",
        kind="ClusterPushSecret",
        plural="clusterpushsecrets",
        namespaced=False,
        categories=("external-secrets",),
        labels=CRD_LABELS,
        printer_columns=(
            {"name": "AGE", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
            {"name": "Status", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].reason'},
        ),
    )

    spec: ClusterPushSecretSpec = Field(default_factory=ClusterPushSecretSpec)
    status: ClusterPushSecretStatus = Field(default_factory=ClusterPushSecretStatus)
