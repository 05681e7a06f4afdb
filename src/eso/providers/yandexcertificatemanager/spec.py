"""The configuration under `spec.provider.yandexcertificatemanager` of a store."""

from __future__ import annotations

from eso.api.identity_v1 import YandexAuth, YandexCAProvider, YandexFetchingPolicy
from reconcile.api.model import Model

__all__ = ["YandexCertificateManagerSpec"]


class YandexCertificateManagerSpec(Model):
    """How certificates are found, and the service account that reads them."""

    auth: YandexAuth
    api_endpoint: str | None = None
    ca_provider: YandexCAProvider | None = None
    fetching: YandexFetchingPolicy | None = None
