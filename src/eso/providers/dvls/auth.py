"""Signing in at Devolutions Server: an application's id and secret become a token, which is looked at before it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp

from eso.errors import AccessDeniedError, InvalidRequestError, NoSecretError, ProviderError
from eso.identity.http import exchange
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, retry_after
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["Session", "plain"]

_LOGIN: Final = "api/v1/login"
_LOGGED: Final = "api/is-logged"
_SIGN_IN: Final = "signing in at Devolutions Server"
_ASKING: Final = "asking Devolutions Server whether the session lasts"


class Session:
    """One session of an application; the server does not say when it ends, so it is asked before each request.

    Args:
        http: a session whose base URL is the server's.
        app_id: who signs in.
        app_secret: by what.
        calls: the metered way.
    """

    def __init__(
        self, http: aiohttp.ClientSession, app_id: SecretValue, app_secret: SecretValue, calls: ProviderCalls
    ) -> None:
        self._http = http
        self._app_id = app_id
        self._app_secret = app_secret
        self._calls = calls
        self._lock = asyncio.Lock()
        self._looks = 0
        self._token: SecretValue | None = None

    async def token(self) -> SecretValue:
        """A token of a session that lasts; requests that run together share a look at it.

        Raises:
            ProviderError: there was no answer, or the credentials were refused.
        """
        seen = self._looks
        async with self._lock:
            # Somebody who looked while this one waited has looked for both.
            if self._token is None or (self._looks == seen and not await self._lasts(self._token)):
                self._token = None
                self._token = await self._sign_in()
            self._looks += 1
            return self._token

    def forget(self, token: SecretValue) -> None:
        """Drop a token that was refused; one that was replaced meanwhile stays."""
        if self._token is token:
            self._token = None

    async def _lasts(self, token: SecretValue) -> bool:
        def answered(status: int, headers: Mapping[str, str], body: bytes) -> bool:
            if status in (401, 403):
                return False
            if status not in (200, 201):
                raise plain(error_for_status(status, _ASKING, wait=retry_after(headers)))
            return body.strip().lower() != b"false"

        headers = {"tokenId": token.reveal_text(), "Content-Type": "application/json"}
        return await self._calls.write(
            "IsLogged", lambda: exchange(answered, self._http, "GET", _LOGGED, _ASKING, headers=headers)
        )

    async def _sign_in(self) -> SecretValue:
        form = {"AppKey": self._app_id.reveal_text(), "AppSecret": self._app_secret.reveal_text()}
        return await self._calls.write(
            "Login", lambda: exchange(_token, self._http, "POST", _LOGIN, _SIGN_IN, form=form)
        )


def plain(err: ProviderError) -> ProviderError:
    """The error, but for a 404 one that says nothing about any secret: the server or the vault is not there."""
    return InvalidRequestError(f"{err}, check serverUrl and vault") if isinstance(err, NoSecretError) else err


def _token(status: int, headers: Mapping[str, str], body: bytes) -> SecretValue:
    if status in (400, 401, 403):
        raise AccessDeniedError(f"{_SIGN_IN}: the provider answered {status}, check the credentials of the store")
    if status not in (200, 201):
        raise plain(error_for_status(status, _SIGN_IN, wait=retry_after(headers)))
    try:
        found = loads(body)
    except ValueError:
        raise ProviderError(f"{_SIGN_IN}: the answer is not JSON") from None
    token = (found.get("tokenId") or found.get("TokenId")) if isinstance(found, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise AccessDeniedError(f"{_SIGN_IN}: the answer has no tokenId, check the credentials of the store")
    return SecretValue(token)
