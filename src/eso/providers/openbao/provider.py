"""The provider `openBao`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.identity.vault import VaultConnection, VaultSession, VaultTransport
from eso.identity.vault.login import app_role_login, password_login
from eso.identity.vault.session import Login
from eso.identity.vault.transport import server_url
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_referent
from eso.providers.openbao.api import OpenBaoAPI
from eso.providers.openbao.client import OpenBaoClient
from eso.providers.openbao.spec import OpenBaoAuth, OpenBaoSpec

__all__ = ["OpenBaoProvider"]

_DEFAULT_MOUNT: Final = "kv"


class OpenBaoProvider(Provider[OpenBaoSpec]):
    """Key/value secrets of OpenBao.

    Args:
        pause: seconds between requests that are repeated; None waits as OpenBao's own client does.
    """

    name: ClassVar[str] = "openBao"
    spec_type: ClassVar[type[BaseModel]] = OpenBaoSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, pause: float | None = None) -> None:
        self._pause = pause

    async def new_client(self, spec: OpenBaoSpec, context: StoreContext) -> SecretsClient:
        """A client that is signed in."""
        calls = context.calls("OpenBao/KV")
        server = server_url(spec.server)
        ca = await context.resolve_ca(spec.ca_bundle, spec.ca_provider)
        transport = VaultTransport(context.http(ca=ca), server, spec.namespace or "", pause=self._pause)
        token, login = None, None
        if spec.auth is not None and spec.auth.token_secret_ref is not None:
            token = await context.resolve(spec.auth.token_secret_ref)
        elif spec.auth is not None:
            login = await _login(spec.auth, context)
        session = VaultSession(transport, login, token, calls)
        await session.token()
        mount = (spec.path or "").strip("/") or _DEFAULT_MOUNT
        connection = VaultConnection(transport, session)
        return OpenBaoClient(OpenBaoAPI(connection, calls, mount, 2 if spec.version == "v2" else 1))

    def validate_store(self, spec: OpenBaoSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Selectors point where they may."""
        for field, selector in _selectors(spec.auth):
            try:
                check_referent(selector, store_kind=store_kind, store_namespace=store_namespace)
            except InvalidSpecError as err:
                raise InvalidSpecError(f"{field}: {err}") from err
        return ()

    def is_referent(self, spec: OpenBaoSpec) -> bool:
        """Whether credentials or CA come from the consumer's namespace."""
        ca = spec.ca_provider is not None and spec.ca_provider.namespace is None
        return ca or any(selector is not None and selector.namespace is None for _, selector in _selectors(spec.auth))


async def _login(auth: OpenBaoAuth, context: StoreContext) -> Login:
    if auth.user_pass is not None:
        login = await password_login("userPass", auth.user_pass, context, trim=False)
    elif auth.app_role is not None:
        login = await app_role_login(auth.app_role, context)
    else:
        raise InvalidSpecError("auth names no method: set tokenSecretRef, userPass or appRole")
    return replace(login, namespace=auth.namespace)


def _selectors(auth: OpenBaoAuth | None) -> Iterator[tuple[str, SecretKeySelector | None]]:
    """Fields that point to Secrets."""
    if auth is None:
        return
    yield "auth.tokenSecretRef", auth.token_secret_ref
    if auth.user_pass is not None:
        yield "auth.userPass.secretRef", auth.user_pass.secret_ref
    if auth.app_role is not None:
        yield "auth.appRole.roleRef", auth.app_role.role_ref
        yield "auth.appRole.secretRef", auth.app_role.secret_ref
