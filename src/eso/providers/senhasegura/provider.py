"""The provider `senhasegura`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict
from eso.providers.senhasegura.api import SenhaseguraAPI
from eso.providers.senhasegura.client import SenhaseguraClient
from eso.providers.senhasegura.spec import SenhaseguraSpec

__all__ = ["SenhaseguraProvider"]

_MODULE: Final = "DSM"


class SenhaseguraProvider(Provider[SenhaseguraSpec]):
    """Secrets of senhasegura DevOps Secret Management.

    Args:
        clock: seconds; measures the age of tokens.
    """

    name: ClassVar[str] = "senhasegura"
    spec_type: ClassVar[type[BaseModel]] = SenhaseguraSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    async def new_client(self, spec: SenhaseguraSpec, context: StoreContext) -> SecretsClient:
        """A client that signs in at its first request."""
        root = _root(spec.url)
        if spec.module != _MODULE:
            raise InvalidSpecError(f"unknown senhasegura Provider Service: {spec.module}; module must be {_MODULE}")
        secret = await context.resolve(spec.auth.client_secret_secret_ref)
        http = context.http(root, verify=not spec.ignore_ssl_certificate)
        calls = context.calls("senhasegura/DSM")
        return SenhaseguraClient(SenhaseguraAPI(http, spec.auth.client_id, secret, calls, self._clock))

    def validate_store(self, spec: SenhaseguraSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """URL, client id, and where the client secret is."""
        _root(spec.url)
        if not spec.auth.client_id:
            raise InvalidSpecError("missing senhasegura authentication Client ID: auth.clientId")
        try:
            check_strict(spec.auth.client_secret_secret_ref, store_kind=store_kind, store_namespace=store_namespace)
        except InvalidSpecError as err:
            raise InvalidSpecError(f"invalid auth.clientSecretSecretRef: {err}") from err
        return ()


def _root(url: str) -> str:
    """The URL of a server: scheme, host and port, whatever else is there.

    Raises:
        InvalidSpecError: it is not https, or has no host.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidSpecError("invalid senhasegura URL") from None
    if parts.scheme != "https":
        raise InvalidSpecError("invalid senhasegura URL, must be HTTPS for security reasons")
    if not host:
        raise InvalidSpecError("invalid senhasegura URL: it has no host")
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}/" if port is None else f"https://{shown}:{port}/"
