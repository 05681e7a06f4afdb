"""The requests to GitHub, signed in as an installation of an App."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
)
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, pages, read_json, retry_after, transport_errors
from eso.providers.renewed import Renewed
from eso.transform.gojson import dumps
from eso.values import SecretValue

__all__ = ["GithubAPI", "segment"]

_EARLY: Final = 60.0
_BACKDATED: Final = 10
_LIFETIME: Final = 110
"""Seconds before and after now in which the App's own token is valid; GitHub allows ten minutes."""


class _TokenRefusedError(AccessDeniedError):
    """The token is not, or no longer, valid: a new one may be."""


class GithubAPI:
    """One installation of an App; its token is renewed a minute before its end.

    Args:
        http: the session.
        base: URL of the API, with a slash at its end.
        calls: the metered way.
        app: id of the App.
        installation: id of the installation.
        key: private key of the App.
        clock: the wall clock.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        base: str,
        calls: ProviderCalls,
        *,
        app: int,
        installation: int,
        key: RSAPrivateKey,
        clock: Callable[[], datetime],
    ) -> None:
        self._http = http
        self._base = base
        self._calls = calls
        self._app = app
        self._installation = installation
        self._key = key
        self._clock = clock
        self._tokens = Renewed(
            lambda: calls.write("CreateInstallationToken", self._exchanged), lambda: clock().timestamp(), early=_EARLY
        )

    async def get(self, call: str, path: str, what: str) -> Any:
        """The JSON at a path, as it is now.

        Raises:
            NoSecretError: there is nothing.
        """
        return await self._calls.write(call, lambda: self._signed("GET", path, what, None))

    async def send(self, call: str, method: str, path: str, what: str, document: Any = None) -> None:
        """Change something; raises as `get`."""
        await self._calls.write(call, lambda: self._signed(method, path, what, document))

    async def listed(self, call: str, path: str, member: str, what: str) -> list[Any]:
        """All items of a list, 100 a page."""

        async def page(number: str) -> tuple[list[Any], str]:
            at = int(number or "1")
            answer = await self.get(call, f"{path}?per_page=100&page={at}", what)
            items = answer.get(member) if isinstance(answer, dict) else None
            if not isinstance(items, list) or not all(isinstance(item, dict) and item.get("id") for item in items):
                raise ProviderError(f"{what}: the answer has no {member} with ids")
            return items, str(at + 1) if len(items) == 100 else ""

        return [item async for item in pages(page)]

    async def _signed(self, method: str, path: str, what: str, document: Any) -> Any:
        token = await self._tokens.get()
        try:
            return await self._once(method, path, what, document, f"token {token.reveal_text()}")
        except _TokenRefusedError:
            self._tokens.forget(token)
        token = await self._tokens.get()
        return await self._once(method, path, what, document, f"token {token.reveal_text()}")

    async def _exchanged(self) -> tuple[SecretValue, float]:
        what = "signing in to GitHub as an App"
        now = int(self._clock().timestamp())
        claims = {"iss": str(self._app), "iat": now - _BACKDATED, "exp": now + _LIFETIME}
        own = jwt.encode(claims, self._key, algorithm="RS256")
        path = f"app/installations/{self._installation}/access_tokens"
        try:
            answer = await self._once("POST", path, what, None, f"Bearer {own}")
        except NoSecretError as err:
            raise InvalidRequestError(f"{what}: GitHub knows no such installation, check installationID") from err
        try:
            return SecretValue(answer["token"]), datetime.fromisoformat(answer["expires_at"]).timestamp()
        except (TypeError, KeyError, ValueError):
            raise ProviderError(f"{what}: the answer has no token and expires_at") from None

    async def _once(self, method: str, path: str, what: str, document: Any, authorization: str) -> Any:
        headers = {
            "Accept": "application/vnd.github.v3+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "Authorization": authorization,
        }
        body = None if document is None else dumps(document).encode()
        with transport_errors(what):
            async with self._http.request(method, self._base + path, headers=headers, data=body) as response:
                if response.status in (201, 204) and method in ("PUT", "DELETE"):
                    return None
                limited = response.headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in response.headers
                if response.status == 403 and limited:
                    # GitHub answers 403 also when there were too many requests.
                    raise ThrottledError(f"{what}: GitHub limits requests", retry_after=retry_after(response.headers))
                if response.status == 401:
                    raise _TokenRefusedError(str(error_for_status(401, what)))
                if response.status >= 300:
                    raise error_for_status(response.status, what, wait=retry_after(response.headers))
                return await read_json(response, what, exact_numbers=True)


def segment(text: str) -> str:
    """A text as one segment of a path.

    Raises:
        InvalidSpecError: it would be a step in the path.
    """
    if text in ("", ".", ".."):
        raise InvalidSpecError(f"{text!r} is not the name of anything at GitHub")
    return quote(text, safe="")
