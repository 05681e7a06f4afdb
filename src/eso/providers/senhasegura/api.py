"""The requests to senhasegura: signing in, and the secrets of the application that signed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from eso.errors import AccessDeniedError, InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, json_object, read_body, retry_after, transport_errors
from eso.providers.renewed import Renewed
from eso.transform.gojson import byte_value
from eso.values import SecretValue

__all__ = ["Entry", "SenhaseguraAPI"]

_WITHOUT_END: Final = 300.0
"""Seconds after which a token that names no end is replaced."""

_USED: Final = 0.9
"""Part of its lifetime after which a token is replaced."""

_TOKEN_LIMIT: Final = 1 << 20
"""Bytes of an answer that is a token."""

_SIGN_IN: Final = "signing in at senhasegura"
_WHAT: Final = "reading the secrets of the application at senhasegura"


@dataclass(frozen=True, slots=True)
class Entry:
    """A secret: the objects that it consists of.

    Attributes:
        identity: what remote keys name.
        data: objects of texts, in the order of the server; None where the server sent something else.
    """

    identity: str
    data: list[dict[str, str]] | None = field(repr=False)


class _TokenRefusedError(AccessDeniedError):
    """The token is not, or no longer, valid: a new one may be."""


class SenhaseguraAPI:
    """One server, as one application.

    Args:
        http: a session whose base URL is the server's root.
        client_id: of the application.
        client_secret: of the application.
        calls: the metered way.
        clock: seconds; measures the age of tokens.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        client_id: str,
        client_secret: SecretValue,
        calls: ProviderCalls,
        clock: Callable[[], float],
    ) -> None:
        self._http = http
        self._client_id = client_id
        self._client_secret = client_secret
        self._calls = calls
        self._clock = clock
        self._tokens = Renewed(lambda: calls.write("GetToken", self._signed_in), clock, early=0.0)

    async def secrets(self, *, fresh: bool = False) -> list[Entry]:
        """All secrets that the application may see: the server has no way to ask for one.

        Raises:
            ProviderError: by what the server answered; never a NoSecretError.
        """
        if fresh:
            return await self._calls.write("GetApplication", self._fetched)
        return await self._calls.read("GetApplication", (), self._fetched)

    async def _fetched(self) -> list[Entry]:
        token = await self._tokens.get()
        try:
            return await self._once(token)
        except _TokenRefusedError:
            # It may have ended early; a new one tells.
            self._tokens.forget(token)
            return await self._once(await self._tokens.get())

    async def _once(self, token: SecretValue) -> list[Entry]:
        headers = {"Authorization": f"Bearer {token.reveal_text()}"}
        with transport_errors(_WHAT):
            async with self._http.get("iso/dapp/application", headers=headers, allow_redirects=False) as response:
                if response.status != 200:
                    raise _refusal(response.status, retry_after(response.headers))
                body = await read_body(response, _WHAT)
        answer = json_object(body, _WHAT)
        said = answer.get("response")
        if isinstance(said, Mapping) and said.get("error") is True:
            status = said.get("status")
            if isinstance(status, float) and 400 <= status < 600:
                raise _refusal(int(status), None)
            raise ProviderError(f"{_WHAT}: the answer reports an error of the application")
        return _entries(answer)

    async def _signed_in(self) -> tuple[SecretValue, float]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret.reveal_text(),
        }
        with transport_errors(_SIGN_IN):
            async with self._http.post("iso/oauth2/token", data=form, allow_redirects=False) as response:
                if response.status in (400, 401, 403):
                    raise AccessDeniedError(
                        f"{_SIGN_IN}: the provider answered {response.status}, check the credentials of the store"
                    )
                if response.status != 200:
                    raise _plain(error_for_status(response.status, _SIGN_IN, wait=retry_after(response.headers)))
                body = await read_body(response, _SIGN_IN, limit=_TOKEN_LIMIT)
        grant = json_object(body, _SIGN_IN)
        token, seconds = grant.get("access_token"), grant.get("expires_in")
        if not isinstance(token, str) or not token or not (token.isascii() and token.isprintable()):
            raise ProviderError(f"{_SIGN_IN}: the answer holds no access token")
        lifetime = seconds * _USED if isinstance(seconds, float) and seconds > 0 else _WITHOUT_END
        return SecretValue(token), self._clock() + lifetime


def _refusal(status: int, wait: float | None) -> ProviderError:
    found = _plain(error_for_status(status, _WHAT, wait=wait))
    return _TokenRefusedError(str(found)) if status == 401 else found


def _plain(err: ProviderError) -> ProviderError:
    """A path that does not exist says nothing about a secret."""
    return InvalidRequestError(f"{err}, check url") if isinstance(err, NoSecretError) else err


def _entries(answer: Mapping[str, Any]) -> list[Entry]:
    application = answer.get("application")
    if not isinstance(application, dict):
        raise ProviderError(f"{_WHAT}: the answer holds no application")
    listed = application.get("secrets")
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ProviderError(f"{_WHAT}: the answer holds no list of secrets")
    return [Entry(str(each.get("identity") or ""), _data(each.get("data"))) for each in listed]


def _data(found: Any) -> list[dict[str, str]] | None:
    objects = [] if found is None else found
    if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
        return None  # The other secrets can be read all the same.
    return [{name: _text(value) for name, value in each.items()} for each in objects]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else byte_value(value).decode()
