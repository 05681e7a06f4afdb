"""The configuration under `spec.provider.doppler` of a store."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from eso.api.meta_v1 import Int64, SecretKeySelector, ServiceAccountSelector
from reconcile.api.model import Model
from reconcile.schema import AS_STORED, Constraint, cel

__all__ = ["DopplerAuth", "DopplerAuthSecretRef", "DopplerOIDCAuth", "DopplerSpec"]


class DopplerOIDCAuth(Model):
    """An identity that trusts tokens of a ServiceAccount; lifetime in seconds."""

    identity: str
    service_account_ref: ServiceAccountSelector
    expiration_seconds: Int64 = 600


class DopplerAuthSecretRef(Model):
    """A Doppler token, in a Secret."""

    doppler_token: SecretKeySelector


class DopplerAuth(Model):
    """A service token, or a ServiceAccount token exchanged by OIDC."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel(
            "(has(self.secretRef) && !has(self.oidcConfig)) || (!has(self.secretRef) && has(self.oidcConfig))",
            "Exactly one of 'secretRef' or 'oidcConfig' must be specified",
        ),
    )

    oidc_config: DopplerOIDCAuth | None = None
    secret_ref: DopplerAuthSecretRef | None = None


class DopplerSpec(Model):
    """A project and config, how names are changed, and how to sign in."""

    auth: DopplerAuth
    config: str | None = None
    format: Annotated[Literal["json", "dotnet-json", "env", "yaml", "docker"], AS_STORED] | None = None
    name_transformer: (
        Annotated[Literal["upper-camel", "camel", "lower-snake", "tf-var", "dotnet-env", "lower-kebab"], AS_STORED]
        | None
    ) = None
    project: str | None = None
