"""The configuration under `spec.provider.onepasswordSDK` of a store."""

from __future__ import annotations

from typing import Annotated, ClassVar

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import Constraint, cel, value_range

__all__ = ["OnePasswordSDKAuth", "OnePasswordSDKCache", "OnePasswordSDKIntegrationInfo", "OnePasswordSDKSpec"]


class OnePasswordSDKAuth(Model):
    """The token of a service account, in a Secret."""

    service_account_secret_ref: SecretKeySelector


class OnePasswordSDKCache(Model):
    """How long (a Go duration) and how many values are kept."""

    max_size: Annotated[int, value_range(1)] = 100
    ttl: str = "5m"


class OnePasswordSDKIntegrationInfo(Model):
    """How this client names itself in audit logs."""

    name: str = "1Password SDK"
    version: str = "v1.0.0"


class OnePasswordSDKSpec(Model):
    """A vault or an environment, and the service account that reads it."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel(
            "[has(self.vault),has(self.environment)].filter(x,x==true).size() <= 1",
            "at most one of the fields in [vault environment] may be set",
        ),
    )

    auth: OnePasswordSDKAuth
    cache: OnePasswordSDKCache | None = None
    environment: str | None = None
    integration_info: OnePasswordSDKIntegrationInfo | None = None
    vault: str | None = None
