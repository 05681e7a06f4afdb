"""Signing in at Secret Server, or at the Delinea Platform in front of one: which of them answers is found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import aiohttp
from yarl import URL

from eso.errors import AccessDeniedError, InvalidRequestError, NoSecretError, ProviderError, UnavailableError
from eso.identity.http import AnswerTooLongError, exchange
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, retry_after
from eso.providers.renewed import Renewed
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["Credentials", "Given", "Session", "SignedIn", "Tokens"]

_USED: Final = 0.9
"""Part of its lifetime after which a token is replaced."""

_WITHOUT_END: Final = 600.0
"""Seconds after which a token that names no end is replaced; Secret Server's live 20 minutes or longer."""

_SIGN_IN: Final = "signing in at Secret Server"


class Session(NamedTuple):
    """Where requests go, and the token for them."""

    base: str
    token: SecretValue


class Credentials(NamedTuple):
    """Who signs in; on the Platform a service user, whose name is the client id."""

    username: SecretValue
    password: SecretValue
    domain: str


class Tokens(Protocol):
    """Where requests get their session."""

    async def session(self) -> Session:
        """One that is valid now."""

    def refused(self, session: Session) -> bool:
        """Its token was refused; whether there may be another one."""


class Given:
    """A token that stays."""

    def __init__(self, base: str, token: SecretValue) -> None:
        self._session = Session(base, token)

    async def session(self) -> Session:
        """See `Tokens`."""
        return self._session

    def refused(self, session: Session) -> bool:
        """See `Tokens`."""
        return False


class SignedIn:
    """A token that ends; requests that need a new one wait for one sign-in.

    Args:
        http: a session.
        server: URL, without slash at its end.
        credentials: who signs in.
        calls: the metered way.
        clock: seconds.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        server: str,
        credentials: Credentials,
        calls: ProviderCalls,
        clock: Callable[[], float],
    ) -> None:
        self._http = http
        self._server = server
        self._credentials = credentials
        self._calls = calls
        self._clock = clock
        self._sessions = Renewed(self._sign_in, clock, early=0.0)

    async def session(self) -> Session:
        """See `Tokens`.

        Raises:
            ProviderError: neither product answers, or the credentials were refused.
        """
        return await self._sessions.get()

    def refused(self, session: Session) -> bool:
        """See `Tokens`."""
        self._sessions.forget(session)
        return True

    async def _sign_in(self) -> tuple[Session, float]:
        trouble = await self._healthy("api/v1/healthcheck")
        if trouble is None:
            token, ends = await self._token("oauth2/token", self._as_user())
            return Session(self._server, token), ends
        second = await self._healthy("health")
        if second is not None:
            raise _worse(trouble, second)
        token, ends = await self._token("identity/api/oauth2/token/xpmplatform", self._as_client())
        return Session(await self._vault(token), token), ends

    def _as_user(self) -> dict[str, str]:
        form = {
            "grant_type": "password",
            "username": self._credentials.username.reveal_text(),
            "password": self._credentials.password.reveal_text(),
        }
        return {**form, "domain": self._credentials.domain} if self._credentials.domain else form

    def _as_client(self) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self._credentials.username.reveal_text(),
            "client_secret": self._credentials.password.reveal_text(),
            "scope": "xpmheadless",
        }

    async def _healthy(self, path: str) -> ProviderError | None:
        """None when the product behind a path is there and well; else why it is not."""
        what = "asking Secret Server for its health"

        def answered(status: int, headers: Mapping[str, str], body: bytes) -> None:
            if status >= 300:
                raise error_for_status(status, what, wait=retry_after(headers))
            if not _is_healthy(body):
                raise ProviderError(f"{what}: the answer does not say that it is healthy")

        url = f"{self._server}/{path}"
        try:
            await self._calls.write("HealthCheck", lambda: exchange(answered, self._http, "GET", url, what))
        except (AnswerTooLongError, UnavailableError) as err:
            if isinstance(err, AnswerTooLongError) or isinstance(err.__cause__, ConnectionError):
                raise  # no answer at all: another path would not get one either
            return err
        except ProviderError as err:
            return err
        return None

    async def _token(self, path: str, form: Mapping[str, str]) -> tuple[SecretValue, float]:
        def answered(status: int, headers: Mapping[str, str], body: bytes) -> tuple[SecretValue, float]:
            if status in (400, 401, 403):
                raise AccessDeniedError(
                    f"{_SIGN_IN}: the provider answered {status}, check the credentials of the store"
                )
            if status >= 300:
                raise _plain(error_for_status(status, _SIGN_IN, wait=retry_after(headers)))
            grant = _object(body, _SIGN_IN)
            token, seconds = grant.get("access_token"), grant.get("expires_in")
            if not isinstance(token, str) or not token:
                raise ProviderError(f"{_SIGN_IN}: the answer has no access_token")
            lives = seconds * _USED if isinstance(seconds, float) and seconds > 0 else _WITHOUT_END
            return SecretValue(token), self._clock() + lives

        url = f"{self._server}/{path}"
        return await self._calls.write(
            "GetToken", lambda: exchange(answered, self._http, "POST", url, _SIGN_IN, form=form)
        )

    async def _vault(self, token: SecretValue) -> str:
        what = "looking for the default vault of the Delinea Platform"

        def answered(status: int, headers: Mapping[str, str], body: bytes) -> str:
            if status >= 300:
                raise _plain(error_for_status(status, what, wait=retry_after(headers)))
            return _default_vault(_object(body, what), what, self._server)

        headers = {"Authorization": f"Bearer {token.reveal_text()}"}
        url = f"{self._server}/vaultbroker/api/vaults"
        return await self._calls.write(
            "GetVaults", lambda: exchange(answered, self._http, "GET", url, what, headers=headers)
        )


def _is_healthy(body: bytes) -> bool:
    try:
        found = loads(body)
    except ValueError:
        return b"Healthy" in body
    return isinstance(found, dict) and found.get("healthy") is True


def _worse(first: ProviderError, second: ProviderError) -> ProviderError:
    """The error that says most about why neither product is healthy: one that passes, or that somebody must act on."""
    for err in (first, second):
        if not isinstance(err, NoSecretError | InvalidRequestError) and type(err) is not ProviderError:
            return err
    return ProviderError("neither Secret Server nor the Delinea Platform answers at serverURL that it is healthy")


def _plain(err: ProviderError) -> ProviderError:
    """A 404 here says nothing about any secret."""
    return InvalidRequestError(str(err)) if isinstance(err, NoSecretError) else err


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        found = loads(body)
    except ValueError:
        raise ProviderError(f"{what}: the answer is not JSON") from None
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the answer is not a JSON object")
    return found


def _default_vault(answer: Mapping[str, Any], what: str, server: str) -> str:
    vaults = answer.get("vaults")
    for vault in vaults if isinstance(vaults, list) else ():
        if not isinstance(vault, dict) or vault.get("isDefault") is not True or vault.get("isActive") is not True:
            continue
        connection = vault.get("connection")
        url = connection.get("url") if isinstance(connection, dict) else None
        if isinstance(url, str) and url:
            return _checked(url.rstrip("/"), what, server)
    raise InvalidRequestError(f"{what}: there is no default vault that is active")


def _checked(url: str, what: str, server: str) -> str:
    """The token goes to this host: never without TLS where the store asks for TLS."""
    try:
        scheme = URL(url).scheme
    except ValueError:
        scheme = ""
    if scheme != "https" and (scheme != "http" or URL(server).scheme == "https"):
        raise ProviderError(f"{what}: the answer names a vault that is not reached by https")
    return url
