"""The webhook on a real control plane: it refuses what breaks rules, and certificates rotate under load without a failed call."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconcile.webhook.certificates import CertificateBundle, Policy, renewed
from tests.support.contract import Server
from tests.support.controlplane import ROOT, free_ports
from tests.support.operator import ClusterUnderTest, cluster_under_test, eventually

_HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_POLICY = Policy("external-secrets", ["localhost"])
_ROTATIONS = 3


@pytest.fixture
def real(real_server: Server, binaries: Path | None) -> Iterator[ClusterUnderTest]:
    """A namespace on the real control plane."""
    with cluster_under_test("real", real_server, binaries) as under_test:
        yield under_test


def _write(folder: Path, bundle: CertificateBundle) -> None:
    for name, content in (("ca.crt", bundle.ca), ("tls.key", bundle.key), ("tls.crt", bundle.certificate)):
        (folder / name).write_bytes(content)


@contextmanager
def _webhook(folder: Path) -> Iterator[int]:
    port, live = free_ports(2)
    command = [sys.executable, "-m", "eso", "webhook", f"--port={port}", f"--cert-dir={folder}", "--metrics-addr=0"]
    process = subprocess.Popen([*command, f"--healthz-addr=127.0.0.1:{live}"], cwd=ROOT)

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{live}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    try:
        eventually(ready, 30, "the webhook is ready")
        yield port
    finally:
        process.terminate()
        assert process.wait(30) == 0


def _configuration(namespace: str, port: int, ca: bytes) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"hook-{namespace}"},
        "webhooks": [
            {
                "name": "validate.externalsecret.external-secrets.io",
                "clientConfig": {
                    "url": f"https://localhost:{port}/validate-external-secrets-io-v1-externalsecret",
                    "caBundle": base64.b64encode(ca).decode(),
                },
                "rules": [
                    {
                        "apiGroups": ["external-secrets.io"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE", "DELETE"],
                        "resources": ["externalsecrets"],
                    }
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "failurePolicy": "Fail",
            }
        ],
    }


def _external_secret(name: str, **spec: Any) -> dict[str, Any]:
    entry = {"secretKey": "a", "remoteRef": {"key": "b"}}
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name},
        "spec": {"secretStoreRef": {"name": "s"}, "data": [entry], **spec},
    }


@pytest.mark.controlplane
def test_admission_survives_rotations(real: ClusterUnderTest, tmp_path: Path) -> None:
    bundle = renewed(CertificateBundle(), _POLICY, datetime.now(UTC))
    _write(tmp_path, bundle)
    path = "/apis/external-secrets.io/v1/namespaces/{ns}/externalsecrets"
    failed: list[Any] = []
    created = 0
    rotated = threading.Event()

    def load() -> None:
        nonlocal created
        while not rotated.is_set():
            answer = real.api("POST", path, _external_secret(f"es-{created}"), dryRun="All")
            if answer.status != 201:
                failed.append(answer.body)
            created += 1

    with _webhook(tmp_path) as port:
        hook = _configuration(real.namespace, port, bundle.ca)
        real.api.ok("POST", _HOOKS, hook)
        try:
            wrong = _external_secret("wrong", target={"deletionPolicy": "Delete", "creationPolicy": "Merge"})

            def refused() -> bool:
                answer = real.api("POST", path, wrong)
                return answer.status == 403 and "denied the request" in answer.body["message"]

            eventually(refused, 20)
            thread = threading.Thread(target=load)
            thread.start()
            try:
                for _ in range(_ROTATIONS):
                    bundle = _rotate(real, tmp_path, bundle)
            finally:
                rotated.set()
                thread.join()
        finally:
            real.api.ok("DELETE", f"{_HOOKS}/hook-{real.namespace}")
    assert not failed, failed[:2]
    assert created > 50


def _rotate(real: ClusterUnderTest, folder: Path, old: CertificateBundle) -> CertificateBundle:
    """First both authorities are trusted, then the certificate of the new one is served, then only the new one is trusted."""
    new = renewed(CertificateBundle(), _POLICY, datetime.now(UTC))
    pause = threading.Event()
    for ca, served in ((new.ca + old.ca, old), (new.ca + old.ca, new), (new.ca, new)):
        body = real.api.ok("GET", f"{_HOOKS}/hook-{real.namespace}")
        body["webhooks"][0]["clientConfig"]["caBundle"] = base64.b64encode(ca).decode()
        real.api.ok("PUT", f"{_HOOKS}/hook-{real.namespace}", body)
        pause.wait(1)  # the API server learns of the configuration through a watch of its own
        _write(folder, CertificateBundle(ca, b"", served.certificate, served.key))
        pause.wait(2.5)  # longer than the webhook takes to see new files
    return new
