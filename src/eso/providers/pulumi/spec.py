"""The configuration under `spec.provider.pulumi` of a store."""

from __future__ import annotations

from typing import Annotated, ClassVar

from eso.api.meta_v1 import Int64, SecretKeySelector, ServiceAccountSelector
from reconcile.api.model import Model
from reconcile.schema import Constraint, cel, value_range

__all__ = ["PulumiAuth", "PulumiOIDCAuth", "PulumiProviderSecretRef", "PulumiSpec"]


class PulumiProviderSecretRef(Model):
    """An access token, in a Secret."""

    secret_ref: SecretKeySelector | None = None


class PulumiOIDCAuth(Model):
    """An organisation that trusts tokens of a ServiceAccount; lifetime in seconds."""

    organization: str
    service_account_ref: ServiceAccountSelector
    expiration_seconds: Annotated[Int64, value_range(600)] = 600


class PulumiAuth(Model):
    """An access token, or a ServiceAccount token exchanged by OIDC."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel(
            "(has(self.accessToken) && !has(self.oidcConfig)) || (!has(self.accessToken) && has(self.oidcConfig))",
            "Exactly one of 'accessToken' or 'oidcConfig' must be specified",
        ),
    )

    access_token: PulumiProviderSecretRef | None = None
    oidc_config: PulumiOIDCAuth | None = None


class PulumiSpec(Model):
    """An environment of a project and how to sign in; `access_token` beside `auth` is deprecated."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel(
            "(has(self.auth) && !has(self.accessToken)) || (!has(self.auth) && has(self.accessToken))",
            "Exactly one of 'auth' or deprecated 'accessToken' must be specified",
        ),
    )

    environment: str
    organization: str
    project: str
    access_token: PulumiProviderSecretRef | None = None
    api_url: str = "https://api.pulumi.com/api/esc"
    auth: PulumiAuth | None = None
