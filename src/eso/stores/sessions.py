"""HTTP sessions of a client, closed with it."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.request import getproxies
from weakref import WeakValueDictionary

import aiohttp

from eso.errors import InvalidSpecError
from eso.stores.sendable import SendableHeaders
from eso.values import SecretValue
from reconcile.client.tls import ca_text, trusting

__all__ = ["Sessions", "TlsContexts", "tls_context"]

_CONNECTIONS: Final = 64
"""Connections to one vendor for one client."""

_USER_AGENT: Final = "external-secrets"


class TlsContexts:
    """One TLS context for everybody who trusts the same roots and shows the same certificate; it lives as long as a user."""

    def __init__(self) -> None:
        self._made: WeakValueDictionary[bytes, ssl.SSLContext] = WeakValueDictionary()

    def get(self, ca: bytes | None, client_cert: tuple[bytes, bytes] | None, *, verify: bool) -> ssl.SSLContext:
        """As `tls_context`."""
        key = _digest(ca, client_cert, verify=verify)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = tls_context(ca, client_cert, verify=verify)
        return found


class Sessions:
    """Opens sessions and closes them all.

    Args:
        tls: where contexts come from; None makes them for these sessions alone.

    Attributes:
        headers: checks what requests carry.
    """

    def __init__(self, tls: TlsContexts | None = None) -> None:
        self._tls = tls if tls is not None else TlsContexts()
        self.headers = SendableHeaders()
        self._open: list[aiohttp.ClientSession] = []
        self._closed = False

    def open(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None,
        bearer: SecretValue | None,
        ca: bytes | None,
        client_cert: tuple[bytes, bytes] | None,
        verify: bool,
        timeout: float,
    ) -> aiohttp.ClientSession:
        """A session; see `StoreContext.http`.

        Raises:
            InvalidSpecError: the certificates, the token or a header cannot be used, or the base URL is none.
            RuntimeError: the sessions were closed already.
        """
        if self._closed:
            raise RuntimeError("the client this session was made for is closed")
        sent = {"User-Agent": _USER_AGENT, **(headers or {})}
        if bearer is not None:
            sent["Authorization"] = f"Bearer {bearer.reveal_text()}"
        self.headers.check(sent)
        # aiohttp keeps one context with the system's roots; reading them again takes tens of milliseconds.
        plain = ca is None and client_cert is None and verify
        tls = True if plain else self._tls.get(ca, client_cert, verify=verify)
        connector = aiohttp.TCPConnector(ssl=tls, limit=_CONNECTIONS)
        try:
            session = aiohttp.ClientSession(
                base_url or None,
                headers=sent,
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                # With it aiohttp looks for proxies, and for a .netrc, in a thread at every request.
                trust_env=_has_proxy(),
                trace_configs=[self.headers.tracing()],
            )
        except ValueError as err:
            raise InvalidSpecError(f"the URL {base_url!r} is not valid: {err}") from err
        self._open.append(session)
        return session

    async def close(self) -> None:
        """Close every session."""
        self._closed = True
        while self._open:
            await asyncio.shield(self._open.pop().close())


def _has_proxy() -> bool:
    """Whether the environment names a proxy; it is read when a session is opened, as Go reads it once."""
    return not {"http", "https"}.isdisjoint(getproxies())


def tls_context(
    ca: bytes | None, client_cert: tuple[bytes, bytes] | None = None, *, verify: bool = True
) -> ssl.SSLContext:
    """TLS settings of a connection.

    Args:
        ca: PEM of the only roots to trust; None for the system's.
        client_cert: PEM of certificate chain and key.
        verify: False trusts anything.

    Raises:
        InvalidSpecError: the PEM cannot be used; its content is not repeated.
    """
    if verify:
        try:
            context = trusting(ca_data=None if ca is None else ca_text(ca))
        except (ssl.SSLError, ValueError) as err:
            raise InvalidSpecError("the CA certificates cannot be used: they are not valid PEM") from err
    else:
        # Reading the system's roots takes tens of milliseconds, and nobody would look at them.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client_cert is not None:
        _load_client_certificate(context, client_cert)
    return context


def _digest(ca: bytes | None, client_cert: tuple[bytes, bytes] | None, *, verify: bool) -> bytes:
    """Names the settings without keeping a private key in a table."""
    digest = hashlib.sha256(b"verify" if verify else b"")
    for part in (ca, *(client_cert or (None, None))):
        digest.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return digest.digest()


def _load_client_certificate(context: ssl.SSLContext, pair: tuple[bytes, bytes]) -> None:
    # The ssl module reads certificates from files only; the directory is readable by this user alone and gone at once.
    with tempfile.TemporaryDirectory(prefix="eso-") as directory:
        certificate, key = Path(directory, "tls.crt"), Path(directory, "tls.key")
        certificate.write_bytes(pair[0])
        key.write_bytes(pair[1])
        try:
            context.load_cert_chain(certificate, key, password=lambda: b"")
        except (ssl.SSLError, ValueError, OSError) as err:
            raise InvalidSpecError("the client certificate and key cannot be used: not PEM, or not a pair") from err
    # Servers that ask for the certificate on some of their paths only (IIS) do so in TLS 1.3 after the handshake.
    context.post_handshake_auth = True
