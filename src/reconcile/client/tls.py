"""TLS contexts that follow certificate files."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from pathlib import Path

from reconcile.client.config import Config
from reconcile.errors import ConfigError

__all__ = ["TLSContext", "ca_text", "trusting"]


def ca_text(bundle: bytes) -> str:
    """A bundle of PEM certificates as `ssl` takes it.

    Text between certificates may be in any encoding, OpenSSL takes ASCII only. An empty text would mean the system's roots.
    """
    return bundle.decode("ascii", "ignore") or " "


class TLSContext:
    """Makes the `ssl.SSLContext` of a configuration, anew when one of its files changed.

    Connections are pooled by context, so a new one means new connections; old ones finish what they carry.

    Args:
        config: names the files.
        look_every: seconds between looks at them; rotation overlaps for minutes, a look costs three stat calls.
    """

    def __init__(self, config: Config, look_every: float = 10.0) -> None:
        self._look_every = look_every
        self._pair: tuple[str, str] | None = None
        self._config = config
        self._context: ssl.SSLContext | None = None
        self._signature: tuple[object, ...] = ()
        self._look_again = 0.0
        self._lock = asyncio.Lock()

    async def current(self, client_certificate: tuple[str, str] | None = None) -> ssl.SSLContext:
        """The context to use now.

        Args:
            client_certificate: paths of certificate and key from a credential plugin, instead of the configured ones.

        Raises:
            ConfigError: a file is missing or is not PEM, and no earlier context is known.
        """
        now = asyncio.get_running_loop().time()
        if client_certificate != self._pair:
            self._look_again = now
        if self._context is not None and now < self._look_again:
            return self._context
        async with self._lock:
            if self._context is not None and now < self._look_again:
                return self._context
            pair = client_certificate or (self._config.client_certificate_file, self._config.client_key_file)
            try:
                context, self._signature = await asyncio.to_thread(self._load, pair)
            except (OSError, ValueError) as err:
                # A half-written file is normal during rotation: keep what works.
                if self._context is None:
                    raise ConfigError(f"TLS files of {self._config.server} are not usable: {_why(err)}") from err
            else:
                self._context, self._pair = context, client_certificate
            self._look_again = now + self._look_every
            return self._context

    def _load(self, pair: tuple[str, str]) -> tuple[ssl.SSLContext, tuple[object, ...]]:
        signature = tuple(_stamp(path) for path in (self._config.ca_file, *pair))
        if self._context is not None and signature == self._signature:
            return self._context, signature
        config = self._config
        data = ca_text(config.ca_data) if config.ca_data else None
        context = trusting(config.ca_file, data)
        if pair[0]:
            context.load_cert_chain(pair[0], pair[1] or None)
        elif config.client_certificate_data:
            _load_chain(context, config.client_certificate_data, config.client_key_data)
        if config.insecure_skip_tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context, signature


def trusting(ca_file: str = "", ca_data: str | None = None) -> ssl.SSLContext:
    """Settings of a client that trusts these authorities, or the system's where none are given.

    Certificates are checked as Go's clients check them, by any version of Python: from 3.13 on, its default refuses the
    authorities of many clusters and companies, which lack an Authority Key Identifier or a key usage.

    Args:
        ca_file: path of PEM.
        ca_data: PEM.

    Raises:
        OSError: the file cannot be read; as ssl.SSLError, PEM cannot be used.
    """
    context = ssl.create_default_context(cafile=ca_file or None, cadata=ca_data)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _load_chain(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # The ssl module reads certificates from files only; this one exists for a moment and for this user alone.
    with tempfile.NamedTemporaryFile(prefix="client-", suffix=".pem") as file:
        file.write(certificate.rstrip() + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)


def _stamp(path: str) -> tuple[str, int, int, int]:
    if not path:
        return ("", 0, 0, 0)
    status = Path(path).stat()
    return (path, status.st_mtime_ns, status.st_ino, status.st_size)


def _why(err: Exception) -> str:
    if isinstance(err, FileNotFoundError) and err.filename:
        return f"{err.filename} is missing"
    return getattr(err, "reason", None) or type(err).__name__
