"""Signing in at Conjur: an API key, a JWT, or a client certificate becomes a short-lived access token."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final, NamedTuple
from urllib.parse import quote, quote_from_bytes

import aiohttp
from yarl import URL

from eso.errors import InvalidSpecError, ProviderError
from eso.providers.base import StoreContext
from eso.providers.conjur.spec import ConjurAPIKey, ConjurCert, ConjurJWT, ConjurSpec
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["Connection", "SignIn", "account_of", "appliance_url"]

_TTL: Final = 600.0
"""Seconds that the token of a ServiceAccount lives."""

_USED: Final = 0.85
"""Part of its lifetime after which an access token is replaced; source: the vendor's Go client."""

_WITHOUT_END: Final = 300.0
"""Seconds after which one that names no end is replaced: it lives eight minutes. Source: as above."""

_WHAT: Final = "signing in at Conjur"
_KEY: Final = "token"
_LIMIT: Final = 1 << 20
"""Bytes of an answer that is a token."""

_SAAS: Final = re.compile(
    r"(\.secretsmgr|-secretsmanager)"
    r"(\.(integration-|test-|dev-|sandbox-|pt-)?cyberark|\.cyberark-everest-(integdev|pre-prod))\.cloud$"
)
"""Hosts of the vendor's cloud, whose API is below `/api`; source: the vendor's Go client."""


class Connection(NamedTuple):
    """Where requests go.

    Attributes:
        http: a session, with the client certificate where there is one.
        base: URL of the appliance, without slash at its end.
    """

    http: aiohttp.ClientSession
    base: str


class _Request(NamedTuple):
    path: str
    body: bytes
    content_type: str


def account_of(spec: ConjurSpec) -> str:
    """The account that the store signs in to."""
    return _method(spec).account


def appliance_url(url: str) -> str:
    """The URL that paths are appended to; hosts of the vendor's cloud get `/api`."""
    base = url.rstrip("/")
    try:
        host = URL(base).host or ""
    except ValueError as err:
        raise InvalidSpecError("url: it is not a URL") from err
    return f"{base}/api" if _SAAS.search(host.lower()) and not base.endswith("/api") else base


class SignIn:
    """Connects and signs in with what the store names; credentials are read when they are needed.

    Args:
        spec: of the store.
        context: resolves references.
    """

    def __init__(self, spec: ConjurSpec, context: StoreContext) -> None:
        self._spec = spec
        self._context = context

    async def connect(self) -> Connection:
        """A session to the appliance.

        Raises:
            EsoError: a reference cannot be resolved, or its content cannot be used.
        """
        ca = await self._context.resolve_ca(self._spec.ca_bundle, self._spec.ca_provider)
        base = appliance_url(self._spec.url)
        pair: tuple[bytes, bytes] | None = None
        cert = self._spec.auth.cert
        if cert is not None:
            if not base.lower().startswith("https://"):
                raise InvalidSpecError("url: auth.cert needs https")
            chain = await self._context.resolve(cert.client_cert_ref)
            key = await self._context.resolve(cert.client_key_ref)
            pair = chain.reveal(), key.reveal()
        return Connection(self._context.http(ca=ca, client_cert=pair), base)

    async def access_token(self, to: Connection) -> tuple[SecretValue, float]:
        """The content of the header `Authorization`, and after how many seconds it is to be replaced.

        Raises:
            EsoError: the identity was refused, there was no answer, or it holds no token.
        """
        method = _method(self._spec)
        if isinstance(method, ConjurAPIKey):
            request = await self._by_key(method)
        elif isinstance(method, ConjurJWT):
            request = await self._by_jwt(method)
        else:
            request = _by_cert(method)
        # Logins hold slashes, whose escapes must not be undone.
        return await _post(to.http, URL(f"{to.base}/{request.path}/authenticate", encoded=True), request)

    async def _by_key(self, auth: ConjurAPIKey) -> _Request:
        user = (await self._context.resolve(auth.user_ref)).reveal_text()
        key = await self._context.resolve(auth.api_key_ref)
        return _Request(f"authn/{_segment(auth.account)}/{_segment(user)}", key.reveal(), "text/plain")

    async def _by_jwt(self, auth: ConjurJWT) -> _Request:
        if auth.service_account_ref is not None:
            token = await self._context.service_account_token(auth.service_account_ref, (), _TTL)
        elif auth.secret_ref is not None:
            ref = auth.secret_ref
            token = await self._context.resolve(ref if ref.key else ref.model_copy(update={"key": _KEY}))
        else:
            raise InvalidSpecError("must specify Auth.Jwt.SecretRef or Auth.Jwt.ServiceAccountRef")
        path = f"authn-jwt/{_segment(auth.service_id)}/{_segment(auth.account)}"
        if auth.host_id:
            path += f"/{_segment(auth.host_id)}"
        return _Request(
            path, b"jwt=" + quote_from_bytes(token.reveal(), safe="").encode(), "application/x-www-form-urlencoded"
        )


def _method(spec: ConjurSpec) -> ConjurAPIKey | ConjurJWT | ConjurCert:
    found = spec.auth.apikey or spec.auth.jwt or spec.auth.cert
    if found is None:
        raise InvalidSpecError("missing Auth.* configuration")
    return found


def _segment(text: str) -> str:
    return quote(text, safe="", errors="surrogateescape")


def _by_cert(auth: ConjurCert) -> _Request:
    path = f"authn-cert/{_segment(auth.service_id)}/{_segment(auth.account)}"
    if auth.host_id:
        path += "/" + _segment("host/" + auth.host_id.removeprefix("host/"))
    return _Request(path, b"", "text/plain")


async def _post(http: aiohttp.ClientSession, url: URL, request: _Request) -> tuple[SecretValue, float]:
    headers = {"Content-Type": request.content_type}
    with transport_errors(_WHAT):
        async with http.post(url, data=request.body, headers=headers, allow_redirects=False) as response:
            if response.status >= 300:
                raise error_for_status(response.status, _WHAT, wait=retry_after(response.headers))
            body = await read_body(response, _WHAT, limit=_LIMIT)
    return SecretValue(b'Token token="' + base64.b64encode(body) + b'"'), _seconds(body)


def _seconds(token: bytes) -> float:
    """How long an access token is used, from its own words: its age at our clock does not matter."""
    try:
        parts = loads(token)
        if not isinstance(parts, dict) or not all(
            isinstance(parts.get(name), str) for name in ("protected", "payload", "signature")
        ):
            raise ProviderError(f"{_WHAT}: the answer is not an access token")
        claims: Any = loads(base64.b64decode(parts["payload"].replace("-", "+").replace("_", "/"), validate=True))
    except (ValueError, binascii.Error):
        raise ProviderError(f"{_WHAT}: the answer is not an access token in JSON") from None
    issued = claims.get("iat") if isinstance(claims, dict) else None
    if not isinstance(issued, float):
        raise ProviderError(f"{_WHAT}: the access token in the answer does not say when it was issued")
    ends = claims.get("exp")
    if not isinstance(ends, float):
        return _WITHOUT_END
    if ends < issued:
        raise ProviderError(f"{_WHAT}: the access token in the answer ended before it was issued")
    return (ends - issued) * _USED
