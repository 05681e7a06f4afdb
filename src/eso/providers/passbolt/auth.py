"""Signing in at Passbolt with GPGAuth, and requests in the session that comes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_plus, urlencode

import aiohttp
from yarl import URL

from eso.errors import AccessDeniedError, EsoError, InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import BODY_LIMIT, error_for_status, read_body, retry_after, transport_errors
from eso.providers.passbolt.openpgp import PrivateKey
from eso.providers.renewed import Renewed
from eso.transform.gojson import loads

__all__ = ["PassboltSession"]

_WHAT: Final = "signing in at Passbolt"
_NONCE: Final = re.compile(r"gpgauthv1\.3\.0\|36\|[0-9a-fA-F-]{36}\|gpgauthv1\.3\.0")
_SESSIONS: Final = ("passbolt_session", "CAKEPHP", "PHPSESSID")
"""Names of the session cookie; source: the vendor's Go client."""

_MFA: Final = "/mfa/verify/error.json"
_LOGIN: Final = "auth/login.json"


@dataclass(frozen=True, slots=True)
class _SignedIn:
    """What the server gave out: cookies, and the id of the user."""

    cookies: Mapping[str, str] = field(repr=False)
    user: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """Status, headers, cookies and decoded JSON (None where it is not JSON)."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    cookies: Mapping[str, str] = field(repr=False)
    document: Any = field(repr=False)


class PassboltSession:
    """The session of one user. It ends whenever the server wants: then the user is signed in again.

    Args:
        http: a session of the client, without cookies of its own.
        host: URL of the server.
        key: of the user.
        calls: the metered way.
    """

    def __init__(self, http: aiohttp.ClientSession, host: str, key: PrivateKey, calls: ProviderCalls) -> None:
        self._http = http
        self._host = host.rstrip("/")
        self._key = key
        self._calls = calls

        async def sign_in() -> tuple[_SignedIn, float]:
            return await calls.write("Login", self._sign_in), 0.0

        # Its end is not known beforehand.
        self._session = Renewed(sign_in, lambda: 0.0, early=0.0)

    async def start(self) -> str:
        """Sign in, unless that was done before; answers with the id of the user.

        Raises:
            EsoError: the key was refused, or there was no answer.
        """
        return (await self._session.get()).user

    async def get(self, path: str, what: str, query: Mapping[str, str] | None = None) -> Any:
        """The body of an answer; a session that ended is replaced once.

        Raises:
            ProviderError: by status. What does not exist is an InvalidRequestError, so that nothing is deleted.
        """
        used = await self._session.get()
        try:
            return await self._body("GET", path, what, used, query)
        except (AccessDeniedError, InvalidRequestError):
            # Servers, and what stands before them, have several answers for those who are not signed in.
            if await self._is_alive(used):
                raise
        self._session.forget(used)
        return await self._body("GET", path, what, await self._session.get(), query)

    async def end(self) -> None:
        """Sign out, as far as that is possible."""
        used = self._session.current
        if used is None:
            return
        self._session.forget(used)
        try:
            await self._calls.write("Logout", lambda: self._body("POST", "auth/logout.json", "signing out", used))
        except EsoError:
            return  # The server ends it by itself.

    async def _is_alive(self, used: _SignedIn) -> bool:
        try:
            await self._body("GET", "auth/is-authenticated.json", "looking at the session at Passbolt", used)
        except (AccessDeniedError, InvalidRequestError):
            return False
        return True

    async def _sign_in(self) -> _SignedIn:
        form: dict[str, str] = {"keyid": self._key.fingerprint}
        first = await self._send("POST", _LOGIN, _WHAT, document={"gpg_auth": form})
        form["user_token_result"] = await self._solved(first)
        second = await self._send("POST", _LOGIN, _WHAT, document={"gpg_auth": form})
        _success(second, _WHAT)
        if not any(second.cookies.get(name) for name in _SESSIONS):
            raise ProviderError(f"{_WHAT}: the answer has no session cookie")
        me = await self._send("GET", "users/me.json", _WHAT, cookies=second.cookies)
        user = _success(me, _WHAT)
        return _SignedIn({**second.cookies, **me.cookies}, str(user.get("id", "")) if isinstance(user, dict) else "")

    async def _solved(self, answer: _Answer) -> str:
        """The nonce that only the owner of the key can read. The answer it comes with says that nobody is signed in yet."""
        sent = answer.headers.get("X-GPGAuth-User-Auth-Token", "")
        if not sent:
            _success(answer, _WHAT)
            raise ProviderError(f"{_WHAT}: the answer has no X-GPGAuth-User-Auth-Token, check that host is a Passbolt")
        try:
            nonce = await self._key.decrypt(re.sub(r"\\(.)", r"\1", unquote_plus(sent)), _WHAT)
        except ProviderError as err:
            raise AccessDeniedError(f"{err}: the credentials of the store belong to another key") from None
        if not _NONCE.fullmatch(nonce.reveal_text()):
            raise ProviderError(f"{_WHAT}: the answer holds a token of another form, which is not sent back")
        return nonce.reveal_text()

    async def _body(
        self, method: str, path: str, what: str, used: _SignedIn, query: Mapping[str, str] | None = None
    ) -> Any:
        return _success(await self._send(method, path, what, cookies=used.cookies, query=query), what)

    async def _send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        cookies: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        document: Any = None,
    ) -> _Answer:
        try:
            url = URL(f"{self._host}/{path}?{urlencode({'api-version': 'v2', **(query or {})})}", encoded=True)
        except ValueError as err:
            raise InvalidSpecError("host: it is not a URL") from err
        headers = {"Accept": "application/json"}
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
            if cookies.get("csrfToken"):
                headers["X-CSRF-Token"] = cookies["csrfToken"]
        with transport_errors(what):
            async with self._http.request(
                method, url, headers=headers, json=document, allow_redirects=False
            ) as response:
                # Of everything that passes, only a wait is of interest, and the body may be anything.
                if response.status in (429, 503):
                    raise error_for_status(response.status, what, wait=retry_after(response.headers))
                body = await read_body(response, what, limit=BODY_LIMIT)
                given = {name: morsel.coded_value for name, morsel in response.cookies.items()}
                return _Answer(response.status, response.headers, given, _decoded(body))


def _decoded(body: bytes) -> Any:
    try:
        return loads(body)
    except ValueError:
        return None


def _success(answer: _Answer, what: str) -> Any:
    """The body in an envelope of success.

    Raises:
        ProviderError: by the status of HTTP, or by the one in the envelope.
    """
    header = answer.document.get("header") if isinstance(answer.document, dict) else None
    stated: Mapping[str, Any] = header if isinstance(header, dict) else {}
    if answer.status < 300 and stated.get("status") == "success":
        return answer.document.get("body")
    if str(stated.get("url", "")).endswith(_MFA):
        raise AccessDeniedError(
            f"{what}: Passbolt asks for a second factor, which is not supported: let the store sign in as a user without one"
        )
    code = stated.get("code")
    status = answer.status if answer.status >= 300 or not isinstance(code, float) else int(code)
    if status < 300:
        raise ProviderError(f"{what}: the answer is not the JSON of Passbolt")
    error = error_for_status(status, what)
    raise InvalidRequestError(str(error)) if isinstance(error, NoSecretError) else error
