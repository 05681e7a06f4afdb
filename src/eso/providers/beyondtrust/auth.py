"""Signing in at Password Safe: an API key, or OAuth client credentials, become a session that cookies carry."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from eso.errors import AccessDeniedError, EsoError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.beyondtrust.http import Answer, Transport
from eso.providers.renewed import Renewed
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["Credentials", "Session", "Sessions", "User"]

_SIGN_IN: Final = "signing in at BeyondTrust"
_JSON: Final = {"Content-Type": "application/json"}


class Credentials(NamedTuple):
    """Who signs in: an API key, or client id and secret."""

    api_key: SecretValue | None = None
    client_id: SecretValue | None = None
    client_secret: SecretValue | None = None


class User(NamedTuple):
    """Who is signed in.

    Attributes:
        identity: number of the user, in decimal.
        user_name: to sign in with.
        name: to show.
        email: address; these may be empty.
    """

    identity: str
    user_name: str
    name: str
    email: str


class Session:
    """Cookies, and who they belong to.

    Args:
        user: who is signed in.
        cookies: of the answers so far.
    """

    def __init__(self, user: User, cookies: Mapping[str, str]) -> None:
        self.user = user
        self._cookies = dict(cookies)

    def headers(self) -> dict[str, str]:
        """What a request in this session sends."""
        return _cookie_header(self._cookies)

    def keep(self, answer: Answer) -> None:
        """Take over the cookies of an answer."""
        self._cookies = _merged(self._cookies, answer)


class Sessions:
    """The session of one store; requests that need a new one wait for one sign-in.

    The server ends sessions that nobody uses for some time, and answers 401 from then on: `refused` has the next request sign in.

    Args:
        transport: to the server.
        credentials: who signs in.
        calls: the metered way.
    """

    def __init__(self, transport: Transport, credentials: Credentials, calls: ProviderCalls) -> None:
        self._transport = transport
        self._credentials = credentials
        self._calls = calls

        async def sign_in() -> tuple[Session, float]:
            return await self._signed_in(), math.inf

        self._sessions = Renewed(sign_in, lambda: 0.0, early=0.0)

    async def get(self) -> Session:
        """A session, which may have ended unnoticed.

        Raises:
            ProviderError: the credentials were refused, or there was no answer.
        """
        return await self._sessions.get()

    def refused(self, session: Session) -> None:
        """The server no longer knows it."""
        self._sessions.forget(session)

    async def close(self) -> None:
        """Sign out; a session that cannot be ended ends by itself after some time without use."""
        session = self._sessions.current
        if session is None:
            return
        self._sessions.forget(session)
        what = "signing out at BeyondTrust"
        try:
            await self._calls.write("Signout", lambda: self._ended(session, what))
        except EsoError:
            return

    async def _ended(self, session: Session, what: str) -> None:
        headers = {**_JSON, **session.headers()}
        (await self._transport.send("POST", "Auth/Signout", what, headers=headers, repeat=False)).content(what)

    async def _signed_in(self) -> Session:
        cookies: dict[str, str] = {}
        key = self._credentials.api_key
        if key is not None:
            authorization = f"PS-Auth key={key.reveal_text()}"
        else:
            answer = await self._calls.write("GetToken", self._token)
            cookies = _merged(cookies, answer)
            authorization = f"Bearer {_access_token(answer)}"
        headers = {**_JSON, **_cookie_header(cookies), "Authorization": authorization}

        async def sign_in() -> Session:
            answer = await self._transport.send("POST", "Auth/SignAppIn", _SIGN_IN, headers=headers)
            return Session(_user(_accepted(answer)), _merged(cookies, answer))

        return await self._calls.write("SignAppIn", sign_in)

    async def _token(self) -> Answer:
        form = {
            "client_id": _text(self._credentials.client_id),
            "client_secret": _text(self._credentials.client_secret),
            "grant_type": "client_credentials",
        }
        return _accepted(
            await self._transport.send("POST", "Auth/connect/token", _SIGN_IN, headers={}, body=lambda: form)
        )


def _text(value: SecretValue | None) -> str:
    return "" if value is None else value.reveal_text()


def _accepted(answer: Answer) -> Answer:
    """The answer to a sign-in that was not refused.

    OAuth says 400 to wrong credentials.
    """
    if answer.status in (400, 401, 403):
        raise AccessDeniedError(
            f"{_SIGN_IN}: the provider answered {answer.status}, check the credentials of the store"
        )
    answer.content(_SIGN_IN)
    return answer


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = loads(answer.body, exact=True)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProviderError(f"{_SIGN_IN}: the answer is not a JSON object")
    return found


def _access_token(answer: Answer) -> str:
    found = _object(answer).get("access_token")
    if not isinstance(found, str) or not found or not (found.isascii() and found.isprintable()):
        raise ProviderError(f"{_SIGN_IN}: the answer holds no access token")
    return found


def _user(answer: Answer) -> User:
    found = _object(answer)
    read: Callable[[str], str] = lambda name: str(found.get(name) or "")  # noqa: E731
    return User(read("UserId"), read("UserName"), read("Name"), read("EmailAddress"))


def _merged(cookies: Mapping[str, str], answer: Answer) -> dict[str, str]:
    found = {**cookies, **answer.cookies}
    return {name: value for name, value in found.items() if value}


def _cookie_header(cookies: Mapping[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
