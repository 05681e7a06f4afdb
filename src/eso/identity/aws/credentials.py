"""Credentials that know when they end: static keys, the default chain, web identity, and roles assumed on top."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from aiobotocore.credentials import create_credential_resolver
from aiobotocore.session import AioSession
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError

from eso.errors import AccessDeniedError, ThrottledError, UnavailableError
from eso.identity.aws.errors import error_of

__all__ = ["Credentials", "DefaultChain", "Keys", "Provided", "Renewing", "Static", "keys_of"]

MARGIN: Final = 300.0
"""Seconds before their end from which credentials are renewed; sessions last 900 s or longer."""

_PAUSE: Final = 10.0
"""Seconds until the next try when renewing failed and the present keys still work."""

_YOUNG: Final = 30.0
"""Seconds after which new keys may be dropped again because AWS refused them."""


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key and until when it works (None: no end known)."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires: datetime | None = None


class Credentials(Protocol):
    """Where keys come from."""

    async def keys(self) -> Keys:
        """Keys that work now.

        Raises:
            EsoError: there are none.
        """

    def drop(self) -> bool:
        """AWS refused the keys; whether asking again can give other ones."""


class Static:
    """Keys from Secrets; the client is made anew when those change."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def keys(self) -> Keys:
        """The keys."""
        return self._keys

    def drop(self) -> bool:
        """There are no others."""
        return False


class DefaultChain:
    """The SDK's own chain: environment, web identity file, shared configuration, container, instance.

    Args:
        session: whose configuration counts.
        region: of the STS endpoint that the chain may need.
    """

    def __init__(self, session: AioSession, region: str) -> None:
        self._resolver = create_credential_resolver(session, region_name=region)
        self._found: Any = None

    async def keys(self) -> Keys:
        """The keys the chain finds; the SDK renews them.

        Raises:
            AccessDeniedError: it finds none.
        """
        what = "signing in with the default credential chain"
        try:
            if self._found is None:
                self._found = await self._resolver.load_credentials()
            if self._found is None:
                raise AccessDeniedError(f"{what}: no AWS credentials were found, set auth or give the operator a role")
            frozen = await self._found.get_frozen_credentials()
        except (ClientError, BotoCoreError) as err:
            raise error_of(err, what) from None
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    def drop(self) -> bool:
        """The files or the metadata service may have newer ones."""
        self._found = None
        return True


class Renewing:
    """Keys that are fetched again before they end.

    Args:
        fetch: signs in.
        now: wall clock.
        parent: what `fetch` signs in with, or None.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Keys]],
        now: Callable[[], datetime],
        parent: Credentials | None = None,
    ) -> None:
        self._fetch = fetch
        self._parent = parent
        self._now = now
        self._lock = asyncio.Lock()
        self._keys: Keys | None = None
        self._fetched = datetime.min.replace(tzinfo=UTC)
        self._paused_until = self._fetched

    async def keys(self) -> Keys:
        """Keys with some time left; the ones at hand while AWS is out and they still work."""
        found = self._usable()
        if found is not None:
            return found
        async with self._lock:
            found = self._usable()
            if found is not None:
                return found
            try:
                self._keys = await self._fetch()
            except (UnavailableError, ThrottledError):
                if self._keys is None or self._left(self._keys) <= 0:
                    raise
                self._paused_until = self._later(_PAUSE)
                return self._keys
            self._fetched = self._now()
            return self._keys

    def drop(self) -> bool:
        """Forget the keys, unless they were fetched a moment ago."""
        if (self._now() - self._fetched).total_seconds() < _YOUNG:
            return False
        self._keys = None
        if self._parent is not None:
            self._parent.drop()
        return True

    def _usable(self) -> Keys | None:
        if self._keys is None:
            return None
        left = self._left(self._keys)
        return self._keys if left > MARGIN or (left > 0 and self._now() < self._paused_until) else None

    def _left(self, keys: Keys) -> float:
        return float("inf") if keys.expires is None else (keys.expires - self._now()).total_seconds()

    def _later(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(self._now().timestamp() + seconds, UTC)


class Provided:
    """Credentials in the form the SDK signs with; also what it asks for them (its `credential_provider`)."""

    def __init__(self, source: Credentials) -> None:
        self._source = source
        self.method = "external-secrets"

    def get_account_id(self) -> None:
        """Not known; only endpoints that hold the account's number would need it."""

    def get_deferred_property(self, name: str) -> Callable[[], None]:
        """How the SDK asks for the account when it builds an endpoint."""
        return self.get_account_id

    async def load_credentials(self) -> Provided:
        """These."""
        return self

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys of this moment.

        Raises:
            EsoError: signing in failed.
        """
        keys = await self._source.keys()
        return ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token)


def keys_of(answer: Any, what: str) -> Keys:
    """The keys in an answer of STS.

    Raises:
        AccessDeniedError: it holds none.
    """
    found = answer.get("Credentials") or {}
    try:
        return Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], found["Expiration"])
    except KeyError:
        raise AccessDeniedError(f"{what}: the answer of AWS holds no credentials") from None
