"""`admissionregistration.k8s.io/v1`: which writes go through which webhooks."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from reconcile.api.apiextensions_v1 import WebhookClientConfig
from reconcile.api.builtin import BuiltinKind, Items
from reconcile.api.meta_v1 import LabelSelector
from reconcile.api.model import Model, Resource

__all__ = [
    "MutatingWebhook",
    "MutatingWebhookConfiguration",
    "RuleWithOperations",
    "ValidatingWebhook",
    "ValidatingWebhookConfiguration",
]

_GROUP = "admissionregistration.k8s.io"


class RuleWithOperations(Model):
    """Which writes a webhook is asked about."""

    operations: Items[str] = Field(default_factory=list)
    api_groups: Items[str] = Field(default_factory=list)
    api_versions: Items[str] = Field(default_factory=list)
    resources: Items[str] = Field(default_factory=list)
    scope: str | None = None


class ValidatingWebhook(Model):
    """One webhook."""

    name: str
    client_config: WebhookClientConfig = Field(default_factory=WebhookClientConfig)
    rules: Items[RuleWithOperations] = Field(default_factory=list)
    failure_policy: str | None = None
    match_policy: str | None = None
    namespace_selector: LabelSelector | None = None
    object_selector: LabelSelector | None = None
    side_effects: str | None = None
    timeout_seconds: int | None = None
    admission_review_versions: Items[str] = Field(default_factory=list)
    match_conditions: Items[dict[str, Any]] = Field(default_factory=list)


class MutatingWebhook(ValidatingWebhook):
    """One webhook that may change the object."""

    reinvocation_policy: str | None = None


class ValidatingWebhookConfiguration(BuiltinKind):
    """Webhooks that refuse writes."""

    resource = Resource(
        _GROUP,
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        namespaced=False,
        status_subresource=False,
    )

    webhooks: Items[ValidatingWebhook] = Field(default_factory=list)


class MutatingWebhookConfiguration(BuiltinKind):
    """Webhooks that change writes."""

    resource = Resource(
        _GROUP,
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        namespaced=False,
        status_subresource=False,
    )

    webhooks: Items[MutatingWebhook] = Field(default_factory=list)
