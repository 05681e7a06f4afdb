"""The configuration under `spec.provider.yandexlockbox` of a store."""

from __future__ import annotations

from eso.api.identity_v1 import YandexAuth, YandexCAProvider, YandexFetchingPolicy
from reconcile.api.model import Model

__all__ = ["YandexLockboxSpec"]


class YandexLockboxSpec(Model):
    """How to find secrets, and the service account that reads them."""

    auth: YandexAuth
    api_endpoint: str | None = None
    ca_provider: YandexCAProvider | None = None
    fetching: YandexFetchingPolicy | None = None
