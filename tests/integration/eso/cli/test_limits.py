"""How much a caller may send to the webhook and to the metrics server, and how old its TLS may be."""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from eso.cli.webhook import build_webhook
from eso.settings import MetricsSettings, WebhookSettings
from reconcile.client.config import Config
from reconcile.testing.running import running
from reconcile.webhook.certificates import CertificateBundle, Policy, renewed
from tests.support.controlplane import free_ports

_PATH = "/validate-external-secrets-io-v1-externalsecret"
_MIB = 1024 * 1024


@pytest.fixture(scope="module")
def bundle() -> CertificateBundle:
    """A certificate for this machine."""
    return renewed(CertificateBundle(), Policy("external-secrets", ["localhost"]), datetime.now(UTC))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_limits(bundle: CertificateBundle, tmp_path: Path) -> None:
    for name, content in (("ca.crt", bundle.ca), ("tls.key", bundle.key), ("tls.crt", bundle.certificate)):
        await asyncio.to_thread((tmp_path / name).write_bytes, content)
    port, health = free_ports(2)
    metrics = MetricsSettings(metrics_addr="127.0.0.1:0", metrics_secure=True)
    settings = WebhookSettings(metrics=metrics, healthz_addr=f"127.0.0.1:{health}", port=port, cert_dir=str(tmp_path))
    manager = build_webhook(Config(server="https://127.0.0.1:1"), settings, handle_signals=False)
    async with running(manager), aiohttp.ClientSession() as session:
        async with asyncio.timeout(20):
            while not await _accepts(port, ssl.TLSVersion.TLSv1_3):  # noqa: ASYNC110 - it polls a server
                await asyncio.sleep(0.05)
        trusting = ssl.create_default_context(cadata=bundle.ca.decode())
        url = f"https://localhost:{port}{_PATH}"
        async with session.post(url, data=io.BytesIO(b" " * (7 * _MIB + 1)), ssl=trusting) as answer:
            assert answer.status == 413
        async with session.get(url, ssl=trusting) as answer:
            assert answer.status == 405
        served = manager.port("metrics")
        async with session.post(f"https://127.0.0.1:{served}/metrics", data=b"x", ssl=_anything()) as answer:
            assert answer.status == 405
        for each in (port, served):
            assert await _accepts(each, ssl.TLSVersion.TLSv1_2)
            assert not await _accepts(each, ssl.TLSVersion.TLSv1_1)


def _anything(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version is not None:
        # The oldest ciphers, so that the version alone decides.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    return context


async def _accepts(port: int, version: ssl.TLSVersion) -> bool:
    def shaken() -> bool:
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
                _anything(version).wrap_socket(plain, server_hostname="localhost"),
            ):
                return True
        except OSError:
            return False

    return await asyncio.to_thread(shaken)
