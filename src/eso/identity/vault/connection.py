"""From the settings of a Vault to a session at it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from eso.api.meta_v1 import RetrySettings, SecretKeySelector
from eso.api.vault_v1 import VaultAuth, VaultSpec
from eso.errors import InvalidSpecError
from eso.identity.context import SignInContext
from eso.identity.vault.login import login_of, required, with_key
from eso.identity.vault.retries import retries_of
from eso.identity.vault.session import MeteredCalls, UnmeteredCalls, VaultSession
from eso.identity.vault.transport import TIMEOUT, VaultTransport, server_url
from eso.values import SecretValue

__all__ = ["VaultConnection", "connect"]

_PEM_KEY: Final = {"certSecretRef": "tls.crt", "keySecretRef": "tls.key"}


@dataclass(frozen=True, slots=True)
class VaultConnection:
    """A server and who to be there.

    Attributes:
        transport: sends requests.
        session: has the token for them.
    """

    transport: VaultTransport
    session: VaultSession

    async def close(self, *, revoke: bool = True) -> None:
        """Revoke the token that a login gave; see `VaultSession.close`. HTTP sessions are closed by whoever opened them."""
        await self.session.close(revoke=revoke)


async def connect(
    spec: VaultSpec,
    context: SignInContext,
    *,
    calls: MeteredCalls | None = None,
    retry_settings: RetrySettings | None = None,
    environ: Mapping[str, str] | None = None,
) -> VaultConnection:
    """A connection; it signs in with the first request, or by `session.token()`.

    Args:
        spec: the server and how to sign in.
        context: resolves references.
        calls: counts requests; None counts none.
        retry_settings: of the object.
        environ: where VAULT_TOKEN and the operator's own AWS identity are looked up; None for the process environment.

    Raises:
        EsoError: a setting cannot work, or a reference cannot be resolved.
    """
    environ = os.environ if environ is None else environ
    server = server_url(spec.server)
    retries, pause = retries_of(retry_settings)
    http = context.http(
        ca=await context.resolve_ca(spec.ca_bundle, spec.ca_provider),
        client_cert=await _client_certificate(spec, context),
        timeout=TIMEOUT,
    )
    remember = bool(spec.read_your_writes or spec.forward_inconsistent)
    transport = VaultTransport(
        http,
        server,
        spec.namespace or "",
        _checked(spec.headers or {}),
        retries,
        pause,
        remember,
        bool(spec.read_your_writes and spec.forward_inconsistent),
    )
    token, login = None, None
    if spec.auth is None:
        token = _own_token(server, environ)
    elif spec.auth.token_secret_ref is not None:
        token = await context.resolve(spec.auth.token_secret_ref)
    else:
        login = await login_of(spec.auth, context, server=server, environ=environ)
        if login is None:
            raise InvalidSpecError("cannot initialize Vault client: auth names no method")
    return VaultConnection(transport, VaultSession(transport, login, token, calls or UnmeteredCalls()))


def _own_token(server: str, environ: Mapping[str, str]) -> SecretValue | None:
    """The operator's own token. It goes to the operator's own Vault only, where the environment says which that is."""
    token, address = environ.get("VAULT_TOKEN"), environ.get("VAULT_ADDR")
    if not token or (address and address.strip().rstrip("/") != server):
        return None
    return SecretValue(token)


async def _client_certificate(spec: VaultSpec, context: SignInContext) -> tuple[bytes, bytes] | None:
    """Certificate and key to present: of the cert method when that signs in, else of `tls`."""
    pair = _cert_method(spec.auth)
    if pair is None and spec.tls is not None and (spec.tls.cert_secret_ref or spec.tls.key_secret_ref):
        pair = (
            with_key(required(spec.tls.cert_secret_ref, "tls.certSecretRef"), _PEM_KEY["certSecretRef"]),
            with_key(required(spec.tls.key_secret_ref, "tls.keySecretRef"), _PEM_KEY["keySecretRef"]),
        )
    if pair is None:
        return None
    return (await context.resolve(pair[0])).reveal(), (await context.resolve(pair[1])).reveal()


def _cert_method(auth: VaultAuth | None) -> tuple[SecretKeySelector, SecretKeySelector] | None:
    if auth is None or auth.cert is None:
        return None
    before = (auth.token_secret_ref, auth.app_role, auth.kubernetes, auth.ldap, auth.user_pass, auth.jwt)
    if any(method is not None for method in before):
        return None
    return (
        required(auth.cert.client_cert, "auth.cert.clientCert"),
        required(auth.cert.secret_ref, "auth.cert.secretRef"),
    )


def _checked(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not name.isascii() or not name or any(char in value for char in "\r\n\0"):
            raise InvalidSpecError("headers: a name or value cannot be sent in HTTP")
    return dict(headers)
