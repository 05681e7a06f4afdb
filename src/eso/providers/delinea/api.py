"""The requests to DevOps Secrets Vault: a token for client credentials, one secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
from yarl import URL

from eso.errors import AccessDeniedError, InvalidRequestError, NoSecretError, ProviderError
from eso.identity.http import exchange
from eso.providers.base import ProviderCalls
from eso.providers.delinea.address import Tenant
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.providers.renewed import Renewed
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["DelineaAPI"]

_USED: Final = 0.9
"""Part of its lifetime after which a token is replaced."""

_WITHOUT_END: Final = 300.0
"""Seconds after which a token that names no end is replaced; the vault's live an hour."""

_SIGN_IN: Final = "signing in at DevOps Secrets Vault"


class DelineaAPI:
    """One tenant, as one client; it signs in at the first read.

    Args:
        http: a session.
        tenant: where to.
        client_id: who signs in.
        client_secret: by what.
        calls: the metered way.
        clock: seconds; measures the age of tokens.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        tenant: Tenant,
        client_id: SecretValue,
        client_secret: SecretValue,
        calls: ProviderCalls,
        clock: Callable[[], float],
    ) -> None:
        self._http = http
        self._tenant = tenant
        self._client_id = client_id
        self._client_secret = client_secret
        self._calls = calls
        self._clock = clock
        self._tokens = Renewed(self._sign_in, clock, early=0.0)

    async def data(self, path: str) -> dict[str, Any] | None:
        """What a secret holds, or None.

        Raises:
            InvalidRequestError: there is no such secret; never a NoSecretError, so that nothing is deleted.
        """
        path = path.lstrip("/")
        if not path or not {".", ".."}.isdisjoint(path.split("/")):
            raise InvalidRequestError(f"{path!r} is not the path of a secret")
        what = f"reading secret {path}"

        async def fetch() -> dict[str, Any] | None:
            return _data(await self._get(self._tenant.url("secrets", path), what), what)

        return await self._calls.read("GetSecret", path, fetch)

    async def _get(self, url: URL, what: str) -> bytes:
        """The answer's body; one refusal of the token is answered by signing in anew."""
        again = True
        while True:
            token = await self._tokens.get()
            headers = {"Authorization": f"Bearer {token.reveal_text()}"}
            with transport_errors(what):
                async with self._http.get(url, headers=headers, allow_redirects=False) as response:
                    if response.status == 401 and again:
                        again = False
                        self._tokens.forget(token)
                        continue
                    if not 200 <= response.status < 300:
                        raise _plain(error_for_status(response.status, what, wait=retry_after(response.headers)))
                    return await read_body(response, what)

    async def _sign_in(self) -> tuple[SecretValue, float]:
        def answered(status: int, headers: Mapping[str, str], body: bytes) -> tuple[SecretValue, float]:
            if status in (400, 401, 403):
                raise AccessDeniedError(
                    f"{_SIGN_IN}: the provider answered {status}, check the credentials of the store"
                )
            if not 200 <= status < 300:
                raise _plain(error_for_status(status, _SIGN_IN, wait=retry_after(headers)))
            grant = _object(body, _SIGN_IN)
            token, seconds = grant.get("accessToken"), grant.get("expiresIn")
            if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
                raise ProviderError(f"{_SIGN_IN}: the answer has no accessToken")
            lives = seconds * _USED if isinstance(seconds, float) and seconds > 0 else _WITHOUT_END
            return SecretValue(token), self._clock() + lives

        body = {
            "grant_type": "client_credentials",
            "client_id": self._client_id.reveal_text(),
            "client_secret": self._client_secret.reveal_text(),
        }
        url = str(self._tenant.url("token"))
        return await self._calls.write(
            "GetToken", lambda: exchange(answered, self._http, "POST", url, _SIGN_IN, document=body)
        )


def _plain(err: ProviderError) -> ProviderError:
    """A 404 is a plain error: a secret that is not seen deletes nothing."""
    return InvalidRequestError(str(err)) if isinstance(err, NoSecretError) else err


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        found = loads(body)
    except ValueError:
        raise ProviderError(f"{what}: the provider's answer is not JSON") from None
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the answer is not a JSON object")
    return found


def _data(body: bytes, what: str) -> dict[str, Any] | None:
    found = _object(body, what).get("data")
    if found is not None and not isinstance(found, dict):
        raise ProviderError(f"{what}: the answer holds data that is not an object")
    return found
