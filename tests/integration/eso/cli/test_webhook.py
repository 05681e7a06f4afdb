"""The webhook as a manager: certificate files that come, change and end, and reviews over TLS."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from eso.cli.webhook import build_webhook
from eso.settings import MetricsSettings, WebhookSettings
from eso.webhook.certificates import WatchedCertificates
from reconcile.client.config import Config
from reconcile.manager import Manager
from reconcile.webhook.certificates import CertificateBundle, CertificateError, Policy, renewed
from reconcile.webhook.server import CertificateFiles, ServingCertificate
from tests.support.controlplane import free_ports

_PATH = "/validate-external-secrets-io-v1-externalsecret"


def _issue(**changes: Any) -> CertificateBundle:
    return renewed(CertificateBundle(), Policy("external-secrets", ["localhost"], **changes), datetime.now(UTC))


def _write(folder: Path, bundle: CertificateBundle) -> None:
    for name, content in (("ca.crt", bundle.ca), ("tls.crt", bundle.certificate), ("tls.key", bundle.key)):
        (folder / name).write_bytes(content)


@asynccontextmanager
async def _running(folder: Path, **changes: Any) -> AsyncIterator[tuple[Manager, int, asyncio.Task[None]]]:
    port = free_ports(1)[0]
    settings = WebhookSettings(
        metrics=changes.pop("metrics", MetricsSettings(metrics_addr="127.0.0.1:0")),
        healthz_addr="localhost:0",
        port=port,
        cert_dir=str(folder),
        **changes,
    )
    manager = build_webhook(Config(server="https://127.0.0.1:1"), settings, handle_signals=False)
    task = asyncio.create_task(manager.run())
    try:
        await asyncio.wait_for(manager.started.wait(), 5)
        yield manager, port, task
    finally:
        manager.stop()
        await asyncio.wait([task], timeout=10)


async def _get(url: str, context: ssl.SSLContext | None = None) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, ssl=context or True) as answer:
        return answer.status, await answer.text()


async def _until_ready(manager: Manager) -> None:
    url = f"http://127.0.0.1:{manager.port('health')}/readyz/certs"
    async with asyncio.timeout(10):
        while (await _get(url))[0] != 200:  # noqa: ASYNC110 - it polls a server
            await asyncio.sleep(0.05)


async def _presented(port: int, ca: bytes) -> bytes:
    context = ssl.create_default_context(cadata=ca.decode())
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return bytes(der)


async def test_it_waits_for_certificates_answers_and_follows_new_ones(tmp_path: Path) -> None:
    async with _running(tmp_path) as (manager, port, task):
        assert await _get(f"http://127.0.0.1:{manager.port('health')}/readyz/certs") == (500, "empty cert\n")
        assert (await _get(f"http://127.0.0.1:{manager.port('health')}/healthz"))[0] == 200
        first = _issue()
        _write(tmp_path, first)
        await _until_ready(manager)
        review = {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "1",
                "operation": "CREATE",
                "kind": {"group": "external-secrets.io", "version": "v1", "kind": "ExternalSecret"},
                "object": {
                    "apiVersion": "external-secrets.io/v1",
                    "kind": "ExternalSecret",
                    "metadata": {"name": "a", "namespace": "b"},
                    "spec": {"secretStoreRef": {"name": "s"}},
                },
            },
        }
        context = ssl.create_default_context(cadata=first.ca.decode())
        url = f"https://localhost:{port}{_PATH}"
        async with aiohttp.ClientSession() as session, session.post(url, json=review, ssl=context) as answer:
            response = (await answer.json())["response"]
        assert (response["uid"], response["allowed"]) == ("1", False)
        assert "data" in response["status"]["message"]
        metrics = (await _get(f"http://127.0.0.1:{manager.port('metrics')}/metrics"))[1]
        assert f'controller_runtime_webhook_requests_total{{code="200",webhook="{_PATH}"}} 1' in metrics
        second = _issue()
        _write(tmp_path, second)
        leaf = x509.load_pem_x509_certificates(second.certificate)[0]
        async with asyncio.timeout(10):
            while True:
                try:
                    served = await _presented(port, second.ca)
                    break
                except ssl.SSLCertVerificationError:
                    await asyncio.sleep(0.1)
        assert x509.load_der_x509_certificate(served) == leaf
        assert not task.done()


async def test_metrics_over_https_with_a_certificate_made_in_memory(tmp_path: Path) -> None:
    metrics = MetricsSettings(metrics_addr="127.0.0.1:0", metrics_secure=True)
    async with _running(tmp_path, metrics=metrics) as (manager, _, _task):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        status, text = await _get(f"https://127.0.0.1:{manager.port('metrics')}/metrics", context)
        assert (status, "certwatcher_read_certificate_total" in text) == (200, True)


def _watched(folder: Path, stopped: asyncio.Event, **changes: Any) -> WatchedCertificates:
    files = CertificateFiles(folder, ServingCertificate(), interval=0.01)
    values: dict[str, Any] = {"check_interval": 0.01, "lookahead": 2160 * 3600.0, **changes}
    return WatchedCertificates(files, "localhost", stop=stopped.set, **values)


async def test_a_start_without_certificates_fails_in_the_end(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="empty cert"):
        await _watched(tmp_path, asyncio.Event(), patience=0.05).run()


async def test_it_stops_when_nobody_renews(tmp_path: Path) -> None:
    _write(tmp_path, _issue(lifetime=timedelta(days=100)))
    now, stopped = datetime.now(UTC), asyncio.Event()
    days = 0
    watched = _watched(tmp_path, stopped, now=lambda: now + timedelta(days=days))
    task = asyncio.create_task(watched.run())
    await asyncio.sleep(0.2)
    assert not stopped.is_set()
    days = 11
    await asyncio.wait_for(stopped.wait(), 5)
    task.cancel()
    await asyncio.wait([task])


async def test_short_lived_certificates_do_not_end_in_a_restart_loop(tmp_path: Path) -> None:
    _write(tmp_path, _issue(lifetime=timedelta(days=30)))
    now, stopped = datetime.now(UTC), asyncio.Event()
    days = 0
    task = asyncio.create_task(_watched(tmp_path, stopped, now=lambda: now + timedelta(days=days)).run())
    await asyncio.sleep(0.2)
    assert not stopped.is_set()
    days = 30
    await asyncio.wait_for(stopped.wait(), 5)
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--tls-ciphers=TLS_NULL"], "cipher TLS_NULL was not found"),
        (["--metrics-auth"], "--metrics-auth requires --metrics-secure"),
        (["--loglevel=loud"], "error unmarshalling loglevel"),
        (["--zap-time-encoding=sundial"], "error unmarshalling timeEncoding"),
    ],
)
def test_it_does_not_start(flags: list[str], said: str) -> None:
    command = [sys.executable, "-m", "eso", "webhook", "--metrics-addr=0", "--healthz-addr=0", *flags]
    environment = {**os.environ, "KUBECONFIG": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=environment)
    assert done.returncode == 1
    assert said in done.stderr
