"""Where the Authorization header comes from, and how it stays valid while tokens rotate."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from reconcile.errors import ConfigError

__all__ = ["Credentials", "StaticCredentials", "TokenFile"]

# client-go re-reads a projected token at least once a minute; the kubelet replaces it at 80% of its life.
_TOKEN_PERIOD = 60.0


class Credentials(Protocol):
    """Says who we are, again for every request."""

    @property
    def client_certificate(self) -> tuple[str, str] | None:
        """Paths of a client certificate and its key, once `authorization` has been awaited; None without."""
        ...

    async def authorization(self) -> str:
        """The value of the Authorization header, empty for none.

        Raises:
            ConfigError: the credentials cannot be obtained.
        """
        ...

    def expire(self, authorization: str) -> None:
        """The server answered 401 to this header: forget it, unless there is a newer one already."""
        ...


class StaticCredentials:
    """An Authorization header that never changes."""

    client_certificate: tuple[str, str] | None = None

    def __init__(self, authorization: str) -> None:
        self._authorization = authorization

    async def authorization(self) -> str:
        """The header as given."""
        return self._authorization

    def expire(self, authorization: str) -> None:
        """Nothing to forget."""


class TokenFile:
    """A bearer token in a file that somebody else keeps fresh."""

    client_certificate: tuple[str, str] | None = None

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._value = ""
        self._valid_until = 0.0

    async def authorization(self) -> str:
        """The bearer token, read again every minute and after `expire`.

        Raises:
            ConfigError: the file cannot be read or is empty, and no earlier token is known.
        """
        now = asyncio.get_running_loop().time()
        if now < self._valid_until:
            return self._value
        try:
            token = (await asyncio.to_thread(self._path.read_text, encoding="utf-8")).strip()
        except OSError as err:
            if self._value:
                return self._value
            raise ConfigError(f"the token file {self._path} cannot be read: {err.strerror}") from err
        if not token and not self._value:
            raise ConfigError(f"the token file {self._path} is empty")
        if token:
            self._value = f"Bearer {token}"
            self._valid_until = now + _TOKEN_PERIOD
        return self._value

    def expire(self, authorization: str) -> None:
        """Read the file again before the next request, unless that happened since `authorization` was read."""
        if authorization == self._value:
            self._valid_until = 0.0
