"""The provider `yandexlockbox`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.yandexcloud import YandexCloud
from eso.providers.yandexlockbox.api import Lockbox
from eso.providers.yandexlockbox.client import YandexLockboxClient
from eso.providers.yandexlockbox.spec import YandexLockboxSpec
from eso.providers.yandexstore import check_store, folder_of

__all__ = ["YandexLockboxProvider"]

# Source: the list of endpoints at https://api.cloud.yandex.net/endpoints.
_SERVICE: Final = "lockbox-payload"


class YandexLockboxProvider(Provider[YandexLockboxSpec]):
    """Secrets of Yandex Lockbox.

    Args:
        cloud: how Yandex Cloud is reached; None for the real one.
    """

    name: ClassVar[str] = "yandexlockbox"
    spec_type: ClassVar[type[BaseModel]] = YandexLockboxSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, cloud: YandexCloud | None = None) -> None:
        self._cloud = cloud or YandexCloud()

    async def new_client(self, spec: YandexLockboxSpec, context: StoreContext) -> SecretsClient:
        """A client that has signed in."""
        service = await self._cloud.connect(spec, context, _SERVICE, context.calls("Yandex/Lockbox"))
        return YandexLockboxClient(Lockbox(service, folder_of(spec)))

    def validate_store(self, spec: YandexLockboxSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """What keys are, and where references point."""
        check_store(spec, "Yandex Lockbox", store_kind=store_kind, store_namespace=store_namespace)
        return ()
