"""The configuration under `spec.provider.webhook` of a store."""

from __future__ import annotations

from eso.api.webhook_v1 import WebhookRequest

__all__ = ["WebhookSpec"]


class WebhookSpec(WebhookRequest):
    """The request that reads (or writes) a value."""
