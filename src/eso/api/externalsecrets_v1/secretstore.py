"""SecretStore: how to reach one secret provider from one namespace."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from eso.api.meta_v1 import CRD_LABELS, NamespaceName, RetrySettings, StatusCondition
from reconcile.api.meta_v1 import LabelSelector
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import REQUIRED, slot

__all__ = [
    "STORE_COLUMNS",
    "ClusterSecretStoreCondition",
    "SecretStore",
    "SecretStoreSpec",
    "SecretStoreStatus",
]

STORE_COLUMNS: Final[tuple[dict[str, Any], ...]] = (
    {"name": "AGE", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {"name": "Status", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].reason'},
    {"name": "Capabilities", "type": "string", "jsonPath": ".status.capabilities"},
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
)
"""Columns of `kubectl get` for both kinds of store."""


class ClusterSecretStoreCondition(Model):
    """Namespaces that may use a ClusterSecretStore: those that match any of the three fields."""

    namespace_selector: LabelSelector | None = None
    namespaces: list[NamespaceName] | None = None
    namespace_regexes: list[str] | None = None


class SecretStoreSpec(Model):
    """The same for both kinds of store.

    Attributes:
        provider: one key, the provider's name, with its configuration as it stands in the object. The provider's own model
            (`eso.providers.<name>.spec`) reads it; this layer does not know providers.
        refresh_interval: seconds as a number, or a Go duration; how often the store is validated.
    """

    controller: str | None = None
    provider: Annotated[dict[str, Any], slot("provider"), REQUIRED] = Field(default_factory=dict)
    retry_settings: RetrySettings | None = None
    refresh_interval: int | str | None = None
    conditions: list[ClusterSecretStoreCondition] | None = None


class SecretStoreStatus(Model):
    """Whether the store works, and what it can do."""

    conditions: list[StatusCondition] | None = None
    capabilities: str | None = None


class SecretStore(KubeObject):
    """A secret provider and the credentials for it, for the objects of one namespace."""

    resource: ClassVar[Resource] = Resource(
        group="external-secrets.io",
        version="v1",
        kind="SecretStore",
        plural="secretstores",
        short_names=("ss",),
        categories=("external-secrets",),
        labels=CRD_LABELS,
        printer_columns=STORE_COLUMNS,
    )

    spec: SecretStoreSpec = Field(default_factory=SecretStoreSpec)
    status: SecretStoreStatus = Field(default_factory=SecretStoreStatus)
