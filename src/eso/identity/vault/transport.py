"""Requests to one Vault or OpenBao server: namespace, headers, retries, redirects to the active node, errors by status."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from eso.errors import InvalidRequestError, InvalidSpecError, ProviderError, ThrottledError, UnavailableError
from eso.identity.http import error_for_status, read_body, retry_after, transport_errors
from eso.identity.vault.replication import SeenStates
from eso.transform.gojson import dumps, loads
from eso.values import SecretValue

__all__ = ["RETRIES", "TIMEOUT", "VaultTransport", "clean_path", "server_url"]

TIMEOUT: Final = 60.0
"""Seconds for a whole request. Source: the client library of Vault."""

RETRIES: Final = 2
"""Retries unless `spec.retrySettings` says otherwise. Source: the client library of Vault."""

_SHORTEST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 1.5
_REDIRECTS: Final = (301, 302, 307, 308)


@dataclass(frozen=True, slots=True)
class VaultTransport:
    """The way to a server.

    Attributes:
        http: session with the TLS settings; it belongs to whoever made it.
        server: base URL without `/v1`.
        namespace: sent with every request that names no other.
        headers: sent with every request; they may hold credentials.
        retries: requests after the first one, for connection errors, 412, 429 and 5xx other than 501.
        pause: seconds between them; None waits a random time between 1.0 and 1.5 s.
        remember_states: send `X-Vault-Index` of earlier answers.
        forward: ask a standby that is behind to forward to the active node; only together with read-your-writes.
    """

    http: aiohttp.ClientSession
    server: str
    namespace: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    retries: int = RETRIES
    pause: float | None = None
    remember_states: bool = False
    forward: bool = False
    _states: SeenStates = field(default_factory=SeenStates, init=False, repr=False)

    async def request(
        self,
        method: str,
        path: str,
        what: str,
        *,
        token: SecretValue | None = None,
        namespace: str | None = None,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | Sequence[str]] | None = None,
        retry: bool = True,
    ) -> dict[str, Any]:
        """The answer's JSON object; empty when it has no body. Numbers are `eso.transform.gojson.Number`.

        Args:
            method: GET, PUT, POST, PATCH, DELETE or LIST (sent as GET with `list=true`).
            path: below `/v1/`, not quoted.
            what: the operation and its subject, for messages.
            token: sent as `X-Vault-Token`.
            namespace: in place of the transport's.
            body: sent as JSON.
            query: parameters.
            retry: whether a request that failed is sent again.

        Raises:
            NoSecretError: 404.
            ProviderError: by status; or no answer, or one that is not a JSON object. Nothing of the answer is in its text.
        """
        parameters = dict(query or {})
        if method == "LIST":
            method, parameters["list"] = "GET", "true"
        url = self._url(path, parameters)
        headers = self._headers(token, self.namespace if namespace is None else namespace)
        data = None if body is None else dumps(body, escape_html=False).encode()
        failed = 0
        while True:
            try:
                return await self._attempt(method, url, headers, data, what)
            except (ThrottledError, UnavailableError) as err:
                pause = self._pause_after(err)
                if not retry or failed >= self.retries or pause is None:
                    raise
            failed += 1
            await asyncio.sleep(pause)

    def _url(self, path: str, query: Mapping[str, str | Sequence[str]]) -> URL:
        url = URL(f"{self.server}/v1/{quote(clean_path(path), safe='/-._~!$&()*+,;=:@')}", encoded=True)
        pairs = [
            (name, value)
            for name, values in query.items()
            for value in ([values] if isinstance(values, str) else values)
        ]
        return url.extend_query(pairs) if pairs else url

    def _headers(self, token: SecretValue | None, namespace: str) -> CIMultiDict[str]:
        found = CIMultiDict(self.headers)
        found["X-Vault-Request"] = "true"
        if namespace:
            found["X-Vault-Namespace"] = namespace
        if token is not None:
            found["X-Vault-Token"] = token.reveal_text()
        if self.remember_states:
            for state in self._states.headers:
                found.add("X-Vault-Index", state)
            if self.forward:
                found["X-Vault-Inconsistent"] = "forward-active-node"
        return found

    async def _attempt(
        self, method: str, url: URL, headers: CIMultiDict[str], data: bytes | None, what: str, *, moved: bool = False
    ) -> dict[str, Any]:
        try:
            with transport_errors(what):
                async with self.http.request(
                    method, url, headers=headers, data=data, allow_redirects=False
                ) as response:
                    if response.status not in _REDIRECTS:
                        return await self._content(response, what)
                    target = response.headers.get("Location", "")
        except ValueError as err:
            # A line break in a header: the value is not repeated.
            raise InvalidSpecError(f"{what}: the token, the namespace or a header cannot be sent in HTTP") from err
        return await self._attempt(method, _followed(url, target, what, moved=moved), headers, data, what, moved=True)

    async def _content(self, response: aiohttp.ClientResponse, what: str) -> dict[str, Any]:
        if self.remember_states and (state := response.headers.get("X-Vault-Index")):
            self._states.record(state)
        if response.status == 412:
            raise UnavailableError(f"{what}: the server has not caught up with the last write (412)")
        if response.status == 501:
            raise InvalidRequestError(f"{what}: the server is not initialized (501)")
        if response.status == 503:
            raise UnavailableError(
                f"{what}: the server is sealed or not available (503)", retry_after=retry_after(response.headers)
            )
        if response.status >= 400:
            raise error_for_status(response.status, what, wait=retry_after(response.headers))
        raw = await read_body(response, what)
        if not raw.strip():
            return {}
        try:
            content = loads(raw, exact=True)
        except ValueError as err:
            raise ProviderError(f"{what}: the answer is not JSON; check the server address") from err
        if not isinstance(content, dict):
            raise ProviderError(f"{what}: the answer is not a JSON object")
        return content

    def _pause_after(self, err: ThrottledError | UnavailableError) -> float | None:
        """Seconds to wait before the next try; None when the server asked for more than this client waits."""
        pause = random.uniform(_SHORTEST_PAUSE, _LONGEST_PAUSE) if self.pause is None else self.pause
        wanted = err.retry_after or 0.0
        return None if wanted > max(pause, _LONGEST_PAUSE) else max(pause, wanted)


def clean_path(path: str) -> str:
    """A path without empty segments.

    Raises:
        InvalidRequestError: it has `.` or `..` segments, which would point to other parts of the API.
    """
    segments = [segment for segment in path.split("/") if segment]
    if any(segment in (".", "..") for segment in segments):
        raise InvalidRequestError("a Vault path may not have . or .. as a segment")
    return "/".join(segments)


def server_url(server: str) -> str:
    """The address of a server without trailing slash.

    Raises:
        InvalidSpecError: it is not an http or https URL.
    """
    try:
        parts = urlsplit(server.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidSpecError("server must be an http:// or https:// URL")
    return server.strip().rstrip("/")


def _followed(url: URL, target: str, what: str, *, moved: bool) -> URL:
    """Where a standby node points to. One step only, and never from TLS to plain text: the token travels along."""
    try:
        found = url.join(URL(target, encoded=True))
    except ValueError:
        found = None
    if not target or found is None or found.scheme not in ("http", "https"):
        raise ProviderError(f"{what}: the server answered with a redirect to nowhere")
    if moved:
        raise ProviderError(f"{what}: the server answered with more than one redirect")
    if url.scheme == "https" and found.scheme != "https":
        raise ProviderError(f"{what}: the server redirects from https to {found.scheme}")
    return found
