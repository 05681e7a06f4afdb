"""The configuration under `spec.provider.senhasegura` of a store."""

from __future__ import annotations

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["SenhaseguraAuth", "SenhaseguraSpec"]


class SenhaseguraAuth(Model):
    """Client id, and the client secret in a Secret."""

    client_id: str
    client_secret_secret_ref: SecretKeySelector


class SenhaseguraSpec(Model):
    """A senhasegura server, a module of it (`DSM`) and client credentials."""

    auth: SenhaseguraAuth
    module: str
    url: str
    ignore_ssl_certificate: bool = False
