"""The HTTP transport: one aiohttp session, credentials and certificates that rotate under it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from reconcile.client.config import Config
from reconcile.client.tls import TLSContext
from reconcile.client.transport import NotSentError, OversizedError, Response, Stream, UntrustedError
from reconcile.errors import ConfigError, TransportError

__all__ = ["HttpTransport"]

# Seconds to open a connection; client-go's dialer allows 30, which is longer than a lease lasts.
_CONNECT_TIMEOUT = 10.0
# What selectors are written with and a query may hold as it is.
_PLAIN = "(),"


_PAGE: Final = 16
"""How many times longer than an object a page of a list may be."""


class HttpTransport:
    """Carries requests over HTTP/1.1 connections that are kept open; made before or inside a running loop.

    Args:
        config: which server, and as whom.
        look_every: seconds between looks at the certificate files.
    """

    def __init__(self, config: Config, *, look_every: float = 10.0) -> None:
        self._config = config
        self._base = config.server.rstrip("/")
        self._credentials = config.make_credentials()
        self._tls = TLSContext(config, look_every)
        self._session: aiohttp.ClientSession | None = None
        url = _url(self._base)
        self._host = f"{url.host}:{url.port}"
        self._is_https = url.scheme == "https"

    @property
    def host(self) -> str:
        """`host:port` of the API server."""
        return self._host

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> Response:
        """Send one request and read the whole answer; a 401 is tried once more with fresh credentials.

        Raises:
            TransportError: refused, reset, timed out, or the certificate is not trusted.
            ConfigError: the credentials cannot be obtained.
        """
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        seconds = self._config.request_timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                for fresh in (False, True):
                    who = await self._credentials.authorization()
                    async with await self._open(method, path, query, headers, body, who) as answer:
                        payload = await self._read(answer, "limit" in (query or ()), f"{method} {path}")
                    if answer.status != 401 or fresh:
                        break
                    self._credentials.expire(who)
                return Response(answer.status, payload, answer.headers)
        except TimeoutError as err:
            raise TransportError(f"{method} {path}: no answer within {seconds:g} s") from err
        except aiohttp.ClientError as err:
            raise _broken(method, path, err) from err

    async def _read(self, answer: aiohttp.ClientResponse, paged: bool, what: str) -> bytes:
        if self._config.answer_limit is None:
            return await answer.read()
        limit = self._config.answer_limit * (_PAGE if paged else 1)
        chunks: list[bytes] = []
        size = 0
        async for chunk in answer.content.iter_any():
            size += len(chunk)
            if size > limit:
                answer.close()
                raise OversizedError(f"{what}: the answer is longer than {limit} bytes")
            chunks.append(chunk)
        return b"".join(chunks)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> AsyncIterator[Stream]:
        """Send one request and hand out the answer as it arrives.

        Raises:
            TransportError: no headers within `timeout` seconds, refused, reset.
            ConfigError: the credentials cannot be obtained.
        """
        seconds = self._config.request_timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                headers = {"Accept": accept}
                who = await self._credentials.authorization()
                answer = await self._open(method, path, query, headers, None, who)
                if answer.status == 401:
                    answer.close()
                    self._credentials.expire(who)
                    who = await self._credentials.authorization()
                    answer = await self._open(method, path, query, headers, None, who)
        except TimeoutError as err:
            raise TransportError(f"{method} {path}: no answer within {seconds:g} s") from err
        except aiohttp.ClientError as err:
            raise _broken(method, path, err) from err
        try:
            yield _HttpStream(answer, method, path)
        finally:
            # Not release(): the rest of a watch never comes, the connection cannot be used again.
            answer.close()

    async def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        headers: dict[str, str],
        body: bytes | None,
        authorization: str,
    ) -> aiohttp.ClientResponse:
        if authorization:
            headers = {**headers, "Authorization": authorization}
        options: dict[str, Any] = {}
        if self._is_https:
            options["ssl"] = await self._tls.current(self._credentials.client_certificate)
            if self._config.tls_server_name:
                options["server_hostname"] = self._config.tls_server_name
        if self._config.proxy_url:
            options["proxy"] = self._config.proxy_url
        # Put together as text: with_query would take the URL apart to encode what is encoded here.
        text = f"{self._base}{path}?{urlencode(query, safe=_PLAIN)}" if query else self._base + path
        session = self._open_session()
        try:
            return await session.request(
                method, URL(text, encoded=True), data=body, headers=headers, allow_redirects=False, **options
            )
        except RuntimeError as err:
            if session.closed:
                raise
            # uvloop refuses a socket whose number it still knows from a connection that was given up while it was made.
            raise aiohttp.ClientConnectionError(f"the event loop refused the connection: {type(err).__name__}") from err

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No limit on connections: watches hold one each for ever, and a request that waits for a watch to end
            # would wait in silence. Whoever makes requests bounds them.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT),
                # Compression costs both sides more time than the bytes cost inside a cluster.
                headers={"User-Agent": self._config.user_agent, "Accept-Encoding": "identity"},
                read_bufsize=2**20,
            )
        return self._session

    async def close(self) -> None:
        """Close every connection; the transport opens new ones when it is used again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class _HttpStream:
    """The body of an answer as it arrives."""

    def __init__(self, answer: aiohttp.ClientResponse, method: str, path: str) -> None:
        self._answer = answer
        self._what = (method, path)

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.content.iter_any():
                yield chunk
        except aiohttp.ClientError as err:
            raise _broken(*self._what, err) from err


def _url(server: str) -> URL:
    try:
        url = URL(server)
        # Reading the port checks it.
        if url.scheme in ("http", "https") and url.host and url.port is not None:
            return url
    except ValueError:
        # Its text says no more than ours.
        pass
    raise ConfigError(f"server {server!r} is not an http or https URL")


def _broken(method: str, path: str, err: aiohttp.ClientError) -> TransportError:
    # The class says what happened; the text of a vendor's error may quote headers.
    if isinstance(err, aiohttp.ClientConnectorCertificateError):
        return UntrustedError(f"{method} {path}: the API server's certificate is not trusted")
    if isinstance(err, aiohttp.ClientConnectorError):
        return NotSentError(f"{method} {path}: no connection to {err.host}:{err.port}")
    return TransportError(f"{method} {path}: {type(err).__name__}")
