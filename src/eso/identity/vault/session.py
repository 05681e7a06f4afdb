"""The token of a client: signed in once, renewed or replaced before it ends, replaced after it was revoked, revoked at the end."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from hvac.api.auth_methods import Token as TokenMethod

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.identity.http import AnswerTooLongError
from eso.identity.vault.adapter import Request, VaultAdapter
from eso.identity.vault.transport import VaultTransport
from eso.transform.gojson import Number
from eso.values import SecretValue

__all__ = ["Login", "MeteredCalls", "Token", "UnmeteredCalls", "VaultSession"]

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

MARGIN: Final = 60.0
"""Seconds before its end from which a token is not used any more; a third of its lifetime where that is shorter.

Source: External Secrets Operator v2.9.0 uses a token only while it has a minute left.
"""

_YOUNG: Final = 30.0
"""Seconds a token that may not look itself up counts as good, so that a denied path does not sign in again and again."""

_REVOKE_SECONDS: Final = 5.0
"""At the exit of the operator nobody waits longer for a server that is out."""

_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 30.0


class MeteredCalls(Protocol):
    """The part of `eso.providers.base.ProviderCalls` that signing in uses."""

    async def read(self, call: str, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        """A read."""

    async def write(self, call: str, send: Callable[[], Awaitable[T]]) -> T:
        """A request whose answer is not shared."""


class UnmeteredCalls:
    """Calls that nobody counts; for generators."""

    async def read(self, call: str, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        """See `MeteredCalls.read`."""
        return await fetch()

    async def write(self, call: str, send: Callable[[], Awaitable[T]]) -> T:
        """See `MeteredCalls.write`."""
        return await send()


@dataclass(frozen=True, slots=True)
class Token:
    """A token and what is known of it.

    Attributes:
        value: the token; None sends none.
        serial: differs for each token of a session.
        obtained: when, in seconds of the loop's clock.
        expires: likewise; None when it does not end or the end is not known.
        lifetime: seconds from its last renewal to its end.
        renewable: whether its end can be moved.
        revocable: it came from a login and exists at the server.
        knows_itself: its policies allow to look itself up.
    """

    value: SecretValue | None
    serial: int = 0
    obtained: float = 0.0
    expires: float | None = None
    lifetime: float = 0.0
    renewable: bool = False
    revocable: bool = False
    knows_itself: bool = True

    def fresh(self, now: float) -> bool:
        """Whether it can be used for a while."""
        return self.expires is None or now < self.expires - min(MARGIN, self.lifetime / 3)

    def alive(self, now: float) -> bool:
        """Whether it has not ended."""
        return self.expires is None or now < self.expires


@dataclass(frozen=True, slots=True)
class Login:
    """A way to get a token.

    Attributes:
        method: name of the auth method, for messages.
        mount: where it is mounted, below `auth/`.
        prepare: makes the request, with whatever proves the identity at that moment.
        call: metric label.
        namespace: for this request; None for the transport's.
    """

    method: str
    mount: str
    prepare: Callable[[], Awaitable[Request]]
    call: str = "Login"
    namespace: str | None = None


class VaultSession:
    """Keeps a token.

    Args:
        transport: the way to the server.
        login: how to get a token; None when `token` is all there is.
        token: static token; None with a login, or when requests go without.
        calls: counts the requests.
    """

    def __init__(
        self, transport: VaultTransport, login: Login | None, token: SecretValue | None, calls: MeteredCalls
    ) -> None:
        self._transport = transport
        self._login = login
        self._calls = calls
        self._clock = asyncio.get_running_loop().time
        self._lock = asyncio.Lock()
        self._serial = 0
        self._token: Token | None = Token(token) if login is None else None
        self._failure: EsoError | None = None
        self._pause = _PAUSE
        self._paused_until = 0.0
        self._checked: tuple[int, float] = (-1, 0.0)

    async def token(self) -> Token:
        """A token with some time left; the one at hand while the server is out and it still works.

        Raises:
            EsoError: signing in failed.
        """
        token = self._token
        if token is not None and token.fresh(self._clock()):
            return token
        async with self._lock:
            token = self._token
            if token is not None and token.fresh(self._clock()):
                return token
            return await self._renewed(token) if token is not None else await self._signed_in()

    async def authorized(self, send: Callable[[Token], Awaitable[T]]) -> T:
        """Make a request with the token; once more with a new one when the token turns out to be revoked.

        Raises:
            AccessDeniedError: the token is good, and may not do this.
            EsoError: of `send`, or signing in failed.
        """
        token = await self.token()
        try:
            return await send(token)
        except AccessDeniedError:
            if not await self._replaced(token):
                raise
        return await send(await self.token())

    async def lookup(self) -> dict[str, Any]:
        """What the server says about the token.

        Raises:
            ProviderError: the token is not valid, or may not look itself up.
        """
        return await self.authorized(self._looked_up)

    async def valid(self) -> None:
        """Make sure that there is a token that works: one from a login that has not ended, or one the server knows.

        Raises:
            EsoError: there is none.
        """
        token = await self.token()
        if self._login is None or not token.alive(self._clock()):
            await self.lookup()

    async def close(self, *, revoke: bool = True) -> None:
        """Revoke a token that came from a login.

        Args:
            revoke: False leaves it to end by itself; what it made (leases) ends with a revoked token.

        Raises:
            ProviderError: the server did not do it.
        """
        token, self._token = self._token, None
        self._login = None
        if token is None or not revoke or not token.revocable or not token.alive(self._clock()):
            return
        what = "revoking the token"
        try:
            async with asyncio.timeout(_REVOKE_SECONDS):
                vault = VaultAdapter(self._transport, what, token.value, retry=False)
                await self._calls.write("RevokeSelf", TokenMethod(vault).revoke_self)
        except TimeoutError as err:
            raise UnavailableError(f"{what}: the provider did not answer in time") from err
        except (AccessDeniedError, NoSecretError):
            _LOG.debug("the token was revoked already, or may not revoke itself")

    async def _looked_up(self, token: Token) -> dict[str, Any]:
        # The key is unique: what was true of a token a moment ago says nothing now.
        vault = VaultAdapter(self._transport, "looking up the token", token.value)
        answer: dict[str, Any] = await self._calls.read("LookupSelf", object(), TokenMethod(vault).lookup_self)
        data = answer.get("data")
        return data if isinstance(data, dict) else {}

    async def _replaced(self, refused: Token) -> bool:
        """Whether there is another token than the one that was refused; signs in when that one is not valid any more."""
        if self._login is None:
            return False
        async with self._lock:
            if self._token is None or self._token.serial != refused.serial:
                return True
            if await self._still_good(refused):
                return False
            self._token = None
            await self._signed_in()
            return True

    async def _still_good(self, token: Token) -> bool:
        now = self._clock()
        if not token.knows_itself:
            return now - token.obtained < _YOUNG
        serial, until = self._checked
        if serial == token.serial and now < until:
            return True
        try:
            await self._looked_up(token)
        except AccessDeniedError:
            return False
        self._checked = token.serial, now + _PAUSE
        return True

    async def _renewed(self, token: Token) -> Token:
        """The token with a later end, or another one."""
        now = self._clock()
        if now < self._paused_until and token.alive(now):
            return token
        try:
            if token.renewable and token.alive(now):
                renewed = await self._renew(token)
                if renewed is not None:
                    self._token = renewed
                    return renewed
            return await self._signed_in()
        except (ThrottledError, UnavailableError):
            if not token.alive(self._clock()):
                raise
            self._paused_until = self._clock() + _PAUSE
            return token

    async def _renew(self, token: Token) -> Token | None:
        """None when it cannot be renewed far enough to be worth it."""
        began, what = self._clock(), "renewing the token"
        vault = VaultAdapter(self._transport, what, token.value)
        try:
            answer: dict[str, Any] = await self._calls.write("RenewSelf", TokenMethod(vault).renew_self)
            renewed = self._accepted(answer, what, began, value=token.value)
        except (AccessDeniedError, InvalidRequestError, NoSecretError):
            return None
        # Near its greatest age a token is renewed for less and less time.
        return renewed if renewed.lifetime > MARGIN or renewed.lifetime >= token.lifetime else None

    async def _signed_in(self) -> Token:
        login = self._login
        if login is None:
            raise AccessDeniedError("the client is closed")
        if self._failure is not None and self._clock() < self._paused_until:
            raise copy.copy(self._failure) from self._failure
        try:
            self._token = await self._sign_in(login)
        except EsoError as err:
            self._failure, self._paused_until = err, self._clock() + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            raise
        self._failure, self._pause = None, _PAUSE
        return self._token

    async def _sign_in(self, login: Login) -> Token:
        what = f"signing in to Vault by {login.method} at auth/{login.mount}"
        request = await login.prepare()
        vault = VaultAdapter(self._transport, what, namespace=login.namespace)
        began = self._clock()
        try:
            answer = await self._calls.write(login.call, lambda: request(vault))
        except NoSecretError as err:
            raise InvalidRequestError(f"{what}: no such auth method there (404)") from err
        except AnswerTooLongError:
            raise
        except InvalidRequestError as err:
            raise AccessDeniedError(f"{what}: the credentials or the role were refused (400)") from err
        return self._accepted(answer, what, began)

    def _accepted(
        self, answer: Mapping[str, Any], what: str, began: float, *, value: SecretValue | None = None
    ) -> Token:
        auth = answer.get("auth")
        if not isinstance(auth, Mapping):
            raise ProviderError(f"{what}: the answer holds no token")
        text = auth.get("client_token")
        if value is None and isinstance(text, str) and text:
            value = SecretValue(text)
        if value is None:
            raise ProviderError(f"{what}: the answer holds no token")
        lifetime = _seconds(auth.get("lease_duration"))
        policies = auth.get("policies") or ()
        self._serial += 1
        batch = auth.get("token_type") == "batch"
        return Token(
            value,
            serial=self._serial,
            obtained=began,
            expires=began + lifetime if lifetime > 0 else None,
            lifetime=lifetime,
            renewable=auth.get("renewable") is True and not batch,
            revocable=not batch,
            knows_itself="default" in policies or "root" in policies,
        )


def _seconds(value: Any) -> float:
    try:
        return max(0.0, float(value)) if isinstance(value, Number | int | float) else 0.0
    except ValueError:
        return 0.0
