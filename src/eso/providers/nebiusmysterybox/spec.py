"""The configuration under `spec.provider.nebiusmysterybox` of a store."""

from __future__ import annotations

from typing import ClassVar

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import Constraint, cel

__all__ = ["NebiusAuth", "NebiusCAProvider", "NebiusMysteryboxSpec"]


class NebiusAuth(Model):
    """A ready token, or credentials of a service account, in a Secret."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel(
            "has(self.serviceAccountCredsSecretRef) || has(self.tokenSecretRef)",
            "either serviceAccountCredsSecretRef or tokenSecretRef must be set",
        ),
    )

    service_account_creds_secret_ref: SecretKeySelector | None = None
    token_secret_ref: SecretKeySelector | None = None


class NebiusCAProvider(Model):
    """PEM certificates to trust, in a Secret."""

    cert_secret_ref: SecretKeySelector | None = None


class NebiusMysteryboxSpec(Model):
    """An API domain and an IAM identity."""

    api_domain: str
    auth: NebiusAuth
    ca_provider: NebiusCAProvider | None = None
