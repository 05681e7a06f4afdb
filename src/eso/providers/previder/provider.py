"""The provider `previder`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict, is_url
from eso.providers.previder.api import PreviderAPI
from eso.providers.previder.client import PreviderClient
from eso.providers.previder.spec import PreviderSpec

__all__ = ["PreviderProvider"]

_URL: Final = "https://vault.previder.io"
_NO_REF: Final = "missing Previder Auth SecretRef"


class PreviderProvider(Provider[PreviderSpec]):
    """Secrets of Previder Vault.

    Args:
        url: of the vault, where a store names none.
    """

    name: ClassVar[str] = "previder"
    spec_type: ClassVar[type[BaseModel]] = PreviderSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, url: str = _URL) -> None:
        self._url = url

    async def new_client(self, spec: PreviderSpec, context: StoreContext) -> SecretsClient:
        """A client whose token the vault accepts."""
        if spec.auth.secret_ref is None:
            raise InvalidSpecError(_NO_REF)
        token = await context.resolve(spec.auth.secret_ref.access_token)
        if not token or not all(33 <= byte <= 126 for byte in token.reveal()):
            raise InvalidSpecError(
                "auth.secretRef.accessToken is empty, or holds characters that no token has, such as a line break at its end"
            )
        api = PreviderAPI(context.http(), spec.base_uri or self._url, token, context.calls("Previder/Vault"))
        await api.probe()
        return PreviderClient(api)

    def validate_store(self, spec: PreviderSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """The reference to the token, and the URL."""
        if spec.auth.secret_ref is None:
            raise InvalidSpecError(_NO_REF)
        token = spec.auth.secret_ref.access_token
        if not token.name:
            raise InvalidSpecError("missing Previder accessToken name")
        if not token.key:
            raise InvalidSpecError("missing Previder accessToken key")
        if spec.base_uri and not is_url(spec.base_uri):
            raise InvalidSpecError("baseUri must be a URL with http or https and a host")
        check_strict(token, store_kind=store_kind, store_namespace=store_namespace)
        return ()
