"""The provider `yandexcertificatemanager`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.yandexcertificatemanager.api import Certificates
from eso.providers.yandexcertificatemanager.client import YandexCertificateManagerClient
from eso.providers.yandexcertificatemanager.spec import YandexCertificateManagerSpec
from eso.providers.yandexcloud import YandexCloud
from eso.providers.yandexstore import check_store, folder_of

__all__ = ["YandexCertificateManagerProvider"]

# Source: the list of endpoints at https://api.cloud.yandex.net/endpoints.
_SERVICE: Final = "certificate-manager-data"


class YandexCertificateManagerProvider(Provider[YandexCertificateManagerSpec]):
    """Certificates of Yandex Certificate Manager.

    Args:
        cloud: how Yandex Cloud is reached; None for the real one.
    """

    name: ClassVar[str] = "yandexcertificatemanager"
    spec_type: ClassVar[type[BaseModel]] = YandexCertificateManagerSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, cloud: YandexCloud | None = None) -> None:
        self._cloud = cloud or YandexCloud()

    async def new_client(self, spec: YandexCertificateManagerSpec, context: StoreContext) -> SecretsClient:
        """A client that has signed in."""
        service = await self._cloud.connect(spec, context, _SERVICE, context.calls("Yandex/CertificateManager"))
        return YandexCertificateManagerClient(Certificates(service, folder_of(spec)))

    def validate_store(
        self, spec: YandexCertificateManagerSpec, *, store_kind: str, store_namespace: str
    ) -> Sequence[str]:
        """What keys are, and where references point."""
        check_store(spec, "Yandex Certificate Manager", store_kind=store_kind, store_namespace=store_namespace)
        return ()
