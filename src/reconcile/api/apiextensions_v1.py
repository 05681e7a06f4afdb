"""`apiextensions.k8s.io/v1`: CustomResourceDefinitions; schemas stay JSON."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from reconcile.api.builtin import Base64, BuiltinKind, Items
from reconcile.api.meta_v1 import Condition
from reconcile.api.model import Model, Resource

__all__ = [
    "CustomResourceConversion",
    "CustomResourceDefinition",
    "CustomResourceDefinitionNames",
    "CustomResourceDefinitionSpec",
    "CustomResourceDefinitionStatus",
    "CustomResourceDefinitionVersion",
    "ServiceReference",
    "WebhookClientConfig",
    "WebhookConversion",
]


class CustomResourceDefinitionNames(Model):
    """How the kind is called where."""

    plural: str
    singular: str = ""
    kind: str
    list_kind: str = ""
    short_names: Items[str] = Field(default_factory=list)
    categories: Items[str] = Field(default_factory=list)


class CustomResourceDefinitionVersion(Model):
    """One version of a kind; `schema_` is `schema.openAPIV3Schema` with its parent, as JSON."""

    name: str
    served: bool
    storage: bool
    deprecated: bool | None = None
    deprecation_warning: str | None = None
    schema_: dict[str, Any] | None = Field(default=None, alias="schema", repr=False)
    subresources: dict[str, Any] | None = None
    additional_printer_columns: Items[dict[str, Any]] = Field(default_factory=list, repr=False)
    selectable_fields: Items[dict[str, Any]] = Field(default_factory=list)


class ServiceReference(Model):
    """The Service that a webhook is called through."""

    namespace: str
    name: str
    path: str | None = None
    port: int | None = None


class WebhookClientConfig(Model):
    """How the API server calls a webhook; `ca_bundle` is PEM."""

    url: str | None = None
    service: ServiceReference | None = None
    ca_bundle: Base64 | None = Field(default=None, repr=False)


class WebhookConversion(Model):
    """The webhook that converts between versions."""

    client_config: WebhookClientConfig | None = None
    conversion_review_versions: Items[str] = Field(default_factory=list)


class CustomResourceConversion(Model):
    """`None` or `Webhook`."""

    strategy: str = "None"
    webhook: WebhookConversion | None = None


class CustomResourceDefinitionSpec(Model):
    """What the kind is."""

    group: str
    names: CustomResourceDefinitionNames
    scope: str
    versions: Items[CustomResourceDefinitionVersion] = Field(default_factory=list)
    conversion: CustomResourceConversion | None = None
    preserve_unknown_fields: bool | None = None


class CustomResourceDefinitionStatus(Model):
    """Whether the kind is served; condition `Established` says so."""

    conditions: Items[Condition] = Field(default_factory=list)
    accepted_names: CustomResourceDefinitionNames | None = None
    stored_versions: Items[str] = Field(default_factory=list)


class CustomResourceDefinition(BuiltinKind):
    """A kind that is not built in."""

    resource = Resource(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        namespaced=False,
        short_names=("crd", "crds"),
    )

    spec: CustomResourceDefinitionSpec
    status: CustomResourceDefinitionStatus | None = None
