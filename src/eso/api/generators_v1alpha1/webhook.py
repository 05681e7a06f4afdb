"""Webhook: values from an HTTP API."""

from __future__ import annotations

from typing import Annotated, ClassVar

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.meta_v1 import SecretKeySelector
from eso.api.webhook_v1 import WebhookRequest, WebhookResult, WebhookSecret
from reconcile.api.model import KubeObject, Resource
from reconcile.schema import REQUIRED, described_as, without

__all__ = ["Webhook", "WebhookSpec"]


class _LocalWebhookSecret(WebhookSecret):
    secret_ref: Annotated[SecretKeySelector, without("namespace")]


class WebhookSpec(WebhookRequest):
    """The request; `result` is required here, and Secrets come from the namespace of the object."""

    result: Annotated[WebhookResult | None, REQUIRED] = None
    secrets: Annotated[list[WebhookSecret] | None, described_as(list[_LocalWebhookSecret])] = None


class Webhook(KubeObject):
    """Values from the answer of a templated HTTP request."""

    resource: ClassVar[Resource] = generator_resource("Webhook", "webhooks")

    spec: WebhookSpec | None = None
