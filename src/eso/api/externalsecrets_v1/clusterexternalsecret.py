"""ClusterExternalSecret: one ExternalSecret in every namespace that matches."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from eso.api.externalsecrets_v1.externalsecret import ExternalSecretSpec
from eso.api.meta_v1 import CRD_LABELS, NamespaceName, ObjectName
from reconcile.api.meta_v1 import LabelSelector
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import REQUIRED

__all__ = [
    "ClusterExternalSecret",
    "ClusterExternalSecretNamespaceFailure",
    "ClusterExternalSecretSpec",
    "ClusterExternalSecretStatus",
    "ClusterExternalSecretStatusCondition",
    "ExternalSecretMetadata",
]


class ExternalSecretMetadata(Model):
    """Labels and annotations of the ExternalSecrets that are created."""

    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None


class ClusterExternalSecretSpec(Model):
    """What is created, and in which namespaces: those named, and those any selector matches.

    Attributes:
        external_secret_name: name of the ExternalSecrets; that of this object when absent.
        namespace_selector: deprecated in favour of `namespace_selectors`.
        refresh_time: Go duration between checks of the namespaces.
    """

    external_secret_spec: Annotated[ExternalSecretSpec, REQUIRED] = Field(default_factory=ExternalSecretSpec)
    external_secret_name: ObjectName | None = None
    external_secret_metadata: ExternalSecretMetadata | None = None
    namespace_selector: LabelSelector | None = None
    namespace_selectors: list[LabelSelector] | None = None
    namespaces: list[NamespaceName] | None = None
    refresh_time: str | None = None


class ClusterExternalSecretStatusCondition(Model):
    """A condition; this kind keeps neither reason nor time."""

    type: str
    status: str
    message: str | None = None


class ClusterExternalSecretNamespaceFailure(Model):
    """A namespace where the ExternalSecret could not be created or updated, and why."""

    namespace: str
    reason: str | None = None


class ClusterExternalSecretStatus(Model):
    """Where ExternalSecrets were created, under which name."""

    external_secret_name: str | None = None
    failed_namespaces: list[ClusterExternalSecretNamespaceFailure] | None = None
    provisioned_namespaces: list[str] | None = None
    conditions: list[ClusterExternalSecretStatusCondition] | None = None


class ClusterExternalSecret(KubeObject):
    """An ExternalSecret for many namespaces."""

    resource: ClassVar[Resource] = Resource(
        group="external-secrets.io",
        version="v1",
        kind="ClusterExternalSecret",
        plural="clusterexternalsecrets",
        namespaced=False,
        short_names=("ces",),
        categories=("external-secrets",),
        labels=CRD_LABELS,
        printer_columns=(
            {"name": "Store", "type": "string", "jsonPath": ".spec.externalSecretSpec.secretStoreRef.name"},
            {"name": "Refresh Interval", "type": "string", "jsonPath": ".spec.refreshTime"},
            {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        ),
    )

    spec: ClusterExternalSecretSpec = Field(default_factory=ClusterExternalSecretSpec)
    status: ClusterExternalSecretStatus = Field(default_factory=ClusterExternalSecretStatus)
