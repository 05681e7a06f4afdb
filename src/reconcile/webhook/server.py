"""The HTTPS server of webhooks. New certificates are used for new connections; nothing restarts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from aiohttp import web

from reconcile.listener import Listener
from reconcile.metrics import WebhookMetrics
from reconcile.webhook.certificates import CertificateBundle, CertificateError, check_serving

__all__ = ["CertificateFiles", "ServingCertificate", "Webhook", "WebhookServer"]

_LOG = logging.getLogger(__name__)

_MAX_BODY = 7 * 1024 * 1024
"""Bytes of a review. Source: the limit that controller-runtime reads, above what an API server sends."""


class Webhook(Protocol):
    """Answers the reviews sent to one path."""

    async def handle(self, path: str, body: bytes, metrics: WebhookMetrics | None) -> bytes:
        """The answer in JSON."""
        ...


class ServingCertificate:
    """The TLS side of a server, whose certificate can be exchanged while it serves.

    Args:
        minimum: the oldest version of TLS.
        ciphers: OpenSSL cipher list for TLS 1.2 and older; OpenSSL's default when empty.
        metrics: `certwatcher_*`.
    """

    def __init__(
        self,
        *,
        minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        ciphers: str = "",
        metrics: WebhookMetrics | None = None,
    ) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = minimum
        # Kubernetes speaks HTTP/1.1 to webhooks as well, and that spares the HTTP/2 attacks.
        self.context.set_alpn_protocols(["http/1.1"])
        if ciphers:
            self.context.set_ciphers(ciphers)
        self.loaded = asyncio.Event()
        self._metrics = metrics
        self._current: tuple[bytes, bytes] | None = None

    def load(self, bundle: CertificateBundle) -> None:
        """Serve with this certificate from the next connection on; the same one again does nothing.

        Raises:
            CertificateError: it cannot be used; the previous one stays in use.
        """
        pair = (bundle.certificate, bundle.key)
        if pair == self._current:
            return
        try:
            _try_chain(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pair)
            _try_chain(self.context, pair)
        except (ssl.SSLError, OSError) as err:
            if self._metrics is not None:
                self._metrics.certificate_errors.inc()
            raise CertificateError(f"the serving certificate cannot be used: {type(err).__name__}") from err
        if self._metrics is not None:
            self._metrics.certificates_read.inc()
        self._current = pair
        self.loaded.set()


def _try_chain(context: ssl.SSLContext, pair: tuple[bytes, bytes]) -> None:
    # OpenSSL reads files only. They are gone before this returns, and only this user may read them.
    with tempfile.TemporaryDirectory(prefix="webhook-") as folder:
        path = Path(folder) / "pair.pem"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pair[1].rstrip() + b"\n" + pair[0])
        context.load_cert_chain(path)


class CertificateFiles:
    """Certificates in a folder that somebody else keeps up to date: a mounted Secret, cert-manager.

    Args:
        folder: holds `tls.crt`, `tls.key` and, if it is to be checked, `ca.crt`.
        serving: gets what is read.
        interval: seconds between two looks.
        names: file names of certificate, key and CA.
    """

    def __init__(
        self,
        folder: str | Path,
        serving: ServingCertificate,
        *,
        interval: float = 10.0,
        names: tuple[str, str, str] = ("tls.crt", "tls.key", "ca.crt"),
    ) -> None:
        self._folder = Path(folder)
        self._serving = serving
        self._interval = interval
        self._names = names

    def read(self) -> CertificateBundle:
        """What is in the folder now; missing files are empty."""
        certificate, key, ca = (self._content(name) for name in self._names)
        return CertificateBundle(ca=ca, certificate=certificate, key=key)

    def problem(
        self, dns_name: str, *, ahead: timedelta = timedelta(hours=1), now: datetime | None = None
    ) -> str | None:
        """What is wrong with the files for a server of that name, that far ahead; None when all is well. A ready check."""
        try:
            check_serving(self.read(), [dns_name], (now if now is not None else datetime.now(UTC)) + ahead)
        except CertificateError as err:
            return str(err)
        return None

    async def run(self) -> None:
        """Serve what is in the folder, and look for changes until cancelled."""
        seen: CertificateBundle | None = None
        while True:
            bundle = await asyncio.to_thread(self.read)
            if bundle.certificate and bundle.key and bundle != seen:
                # Half of an update may be there: a pair that does not fit is read again later.
                try:
                    self._serving.load(bundle)
                    seen = bundle
                except CertificateError as err:
                    _LOG.warning("certificates in %s: %s", self._folder, err)
            await asyncio.sleep(self._interval)

    def _content(self, name: str) -> bytes:
        with contextlib.suppress(OSError):
            return (self._folder / name).read_bytes()
        return b""


class WebhookServer:
    """Serves webhooks over HTTPS. Add it to a manager with `before_caches=True`.

    Args:
        webhooks: by path; see `validate_path` and `mutate_path`.
        serving: its certificate. The server listens as soon as one is loaded.
        host: address to listen on; all when None.
        port: port to listen on; 0 takes any free one.
        metrics: `controller_runtime_webhook_*`.
    """

    def __init__(
        self,
        webhooks: Mapping[str, Webhook],
        serving: ServingCertificate,
        *,
        host: str | None = None,
        port: int = 9443,
        metrics: WebhookMetrics | None = None,
    ) -> None:
        self._webhooks = dict(webhooks)
        self._serving = serving
        self._host = host
        self._port = port
        self._metrics = metrics
        self._listener: Listener | None = None
        self.started = asyncio.Event()
        if metrics is not None:
            for path in self._webhooks:
                metrics.declare(path)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port if self._listener is None else self._listener.port

    def problem(self) -> str | None:
        """A ready check: None once the server listens."""
        return None if self.started.is_set() else "the webhook server does not listen yet"

    async def run(self) -> None:
        """Serve until cancelled; requests in flight get a few seconds.

        Raises:
            OSError: the port cannot be listened on.
        """
        await self._serving.loaded.wait()
        app = web.Application(client_max_size=_MAX_BODY)
        for path, webhook in self._webhooks.items():
            app.router.add_post(path, self._handler(path, webhook))
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=5.0)
        listener = Listener(runner, self._host, self._port, self._serving.context)
        await listener.start()
        try:
            self._listener = listener
            self.started.set()
            await asyncio.get_running_loop().create_future()
        finally:
            self.started.clear()
            self._listener = None
            await listener.close()

    def _handler(self, path: str, webhook: Webhook) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.Response:
            metrics = self._metrics
            if metrics is None:
                return await self._answer(path, webhook, request)
            started = time.perf_counter()
            with metrics.in_flight.labels(path).track_inprogress():
                code = 500
                try:
                    response = await self._answer(path, webhook, request)
                    code = response.status
                except web.HTTPException as err:
                    code = err.status
                    raise
                finally:
                    metrics.requests.labels(path, str(code)).inc()
                    metrics.latency.labels(path).observe(time.perf_counter() - started)
            return response

        return handle

    async def _answer(self, path: str, webhook: Webhook, request: web.Request) -> web.Response:
        body = await webhook.handle(path, await request.read(), self._metrics)
        return web.Response(body=body, content_type="application/json")
