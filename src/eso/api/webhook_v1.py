"""The templated HTTP request that the webhook provider and the Webhook generator share."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from eso.api.meta_v1 import Base64, CAProvider, SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import Constraint, property_count

__all__ = ["AuthorizationProtocol", "NTLMProtocol", "WebhookRequest", "WebhookResult", "WebhookSecret"]


class NTLMProtocol(Model):
    """User name and password for NTLM, in Secrets."""

    username_secret: SecretKeySelector
    password_secret: SecretKeySelector


class AuthorizationProtocol(Model):
    """Exactly one protocol that signs requests in."""

    constraints: ClassVar[tuple[Constraint, ...]] = (property_count(1, 1),)

    ntlm: NTLMProtocol | None = None


class WebhookResult(Model):
    """Where in the answer the value is; a template of a JSONPath."""

    json_path: str | None = None


class WebhookSecret(Model):
    """A Secret whose keys templates see as `.<name>.<key>`."""

    name: str
    secret_ref: SecretKeySelector


class WebhookRequest(Model):
    """One HTTP request; URL, header values, body and JSONPath are templates, `timeout` is a Go duration."""

    url: str
    method: str | None = None
    headers: dict[str, str] | None = Field(default=None, repr=False)
    body: str | None = Field(default=None, repr=False)
    timeout: str | None = None
    result: WebhookResult | None = None
    secrets: list[WebhookSecret] | None = None
    auth: AuthorizationProtocol | None = None
    ca_bundle: Base64 | None = None
    ca_provider: CAProvider | None = None
