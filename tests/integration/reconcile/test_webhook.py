"""Webhooks over TLS, called by the embedded API server; certificates issued, injected and exchanged while serving."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from prometheus_client import CollectorRegistry

from reconcile.api.admissionregistration_v1 import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from reconcile.api.core_v1 import ConfigMap, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client import Client, MergePatch
from reconcile.errors import APIError, NotFoundError
from reconcile.metrics import WebhookMetrics
from reconcile.testing.apiserver.server import ApiServer
from reconcile.webhook import (
    Admission,
    CertificateBundle,
    CertificateError,
    CertificateFiles,
    CertificateRotator,
    DeniedError,
    Policy,
    ServingCertificate,
    WebhookServer,
    ensure_certificates,
    inject_conversion_ca,
    inject_webhook_ca,
    mutate_path,
    mutating,
    renewed,
    validate_path,
    validating,
)

NOW = datetime.now(UTC)
POLICY = Policy("hooks", ["localhost"])


@pytest.fixture(scope="module")
def bundle() -> CertificateBundle:
    return renewed(CertificateBundle(), POLICY, NOW)


async def _validate(admission: Admission[ConfigMap]) -> list[str]:
    if admission.operation != "DELETE" and "forbidden" in admission.subject.data:
        raise DeniedError("data.forbidden: not here")
    return ["be careful"]


async def _label(admission: Admission[ConfigMap]) -> ConfigMap | None:
    if admission.object is None or admission.operation != "CREATE":
        return None
    metadata = admission.object.metadata.model_copy(update={"labels": {"touched": "yes"}})
    return admission.object.model_copy(update={"metadata": metadata})


@asynccontextmanager
async def _serving(serving: ServingCertificate, metrics: WebhookMetrics | None = None) -> AsyncIterator[WebhookServer]:
    webhooks = {
        validate_path(ConfigMap): validating(ConfigMap, _validate),
        mutate_path(ConfigMap): mutating(ConfigMap, _label),
    }
    server = WebhookServer(webhooks, serving, host="127.0.0.1", port=0, metrics=metrics)
    task = asyncio.create_task(server.run())
    await asyncio.wait_for(server.started.wait(), 5)
    try:
        yield server
    finally:
        task.cancel()
        await asyncio.wait([task])


def _configuration(kind: str, port: int, path: str) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": "hooks"},
        "webhooks": [
            {
                "name": f"{name}.example.com",
                "clientConfig": {"url": f"https://localhost:{port}{path}"},
                "rules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": [verb], "resources": ["configmaps"]}
                ],
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "failurePolicy": "Fail",
            }
            for name, verb in (("ours", "*"), ("theirs", "CONNECT"))
        ],
    }


def _config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


async def test_the_api_server_calls_webhooks_whose_ca_was_injected(bundle: CertificateBundle) -> None:
    registry = CollectorRegistry()
    serving = ServingCertificate(metrics=WebhookMetrics(CollectorRegistry()))
    serving.load(bundle)
    async with ApiServer(listen=False) as api, _serving(serving, WebhookMetrics(registry)) as server:
        client = Client(api.transport)
        base = "/apis/admissionregistration.k8s.io/v1"
        for kind, path in (("Validating", validate_path(ConfigMap)), ("Mutating", mutate_path(ConfigMap))):
            body = _configuration(kind, server.port, path)
            await client.raw("POST", f"{base}/{kind.lower()}webhookconfigurations", body=body)
        with pytest.raises(APIError, match="failed calling webhook"):
            await client.create(_config_map("untrusted"))
        for configuration in (ValidatingWebhookConfiguration, MutatingWebhookConfiguration):
            ours = lambda name: name.startswith("ours")  # noqa: E731
            assert await inject_webhook_ca(client, configuration, "hooks", bundle.ca, selects=ours)
            assert not await inject_webhook_ca(client, configuration, "hooks", bundle.ca, selects=ours)
            wire = await client.get_wire(configuration, "hooks")
            injected = [webhook["clientConfig"].get("caBundle") for webhook in wire["webhooks"]]
            assert injected == [base64.b64encode(bundle.ca).decode(), None]
        created = await client.create(_config_map("good", a="b"))
        assert created.metadata.labels == {"touched": "yes"}
        with pytest.raises(APIError, match=r"data\.forbidden: not here"):
            await client.patch(ConfigMap, "good", "default", MergePatch({"data": {"forbidden": "x"}}))
        await client.delete(ConfigMap, "good", "default")

    def sample(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"controller_runtime_webhook_{name}", labels)

    path = validate_path(ConfigMap)
    assert sample("requests_total", webhook=path, code="200") == 3
    assert sample("requests_total", webhook=path, code="500") == 0
    assert sample("latency_seconds_count", webhook=path) == 3
    assert sample("requests_in_flight", webhook=path) == 0


async def _presented(port: int, ca: bytes) -> x509.Certificate:
    context = ssl.create_default_context(cadata=ca.decode())
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return x509.load_der_x509_certificate(der)


async def test_new_certificates_are_served_without_a_restart_and_connections_live_on(bundle: CertificateBundle) -> None:
    second = renewed(CertificateBundle(bundle.ca, bundle.ca_key), POLICY, NOW)
    serving = ServingCertificate()
    serving.load(bundle)
    async with _serving(serving) as server:
        assert await _presented(server.port, bundle.ca) == x509.load_pem_x509_certificate(bundle.certificate)
        context = ssl.create_default_context(cadata=bundle.ca.decode())
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            url = f"https://localhost:{server.port}{validate_path(ConfigMap)}"
            async with session.post(url, data=b"{}") as response:
                assert response.status == 200
            serving.load(second)
            assert await _presented(server.port, bundle.ca) == x509.load_pem_x509_certificate(second.certificate)
            async with session.post(url, data=b"{}") as response:
                assert response.status == 200
            async with session.get(url) as response:
                assert response.status == 405
        with pytest.raises(CertificateError, match="cannot be used"):
            serving.load(CertificateBundle(bundle.ca, b"", bundle.certificate, second.key))
        assert await _presented(server.port, bundle.ca) == x509.load_pem_x509_certificate(second.certificate)


async def test_certificates_in_files_are_read_again_and_judged(bundle: CertificateBundle, tmp_path: Path) -> None:
    serving = ServingCertificate()
    files = CertificateFiles(tmp_path, serving, interval=0.02)
    task = asyncio.create_task(files.run())
    assert files.problem("localhost") == "empty cert"

    def write(content: CertificateBundle) -> None:
        for name, data in (("tls.crt", content.certificate), ("tls.key", content.key), ("ca.crt", content.ca)):
            (tmp_path / name).write_bytes(data)

    write(bundle)
    async with _serving(serving) as server:
        assert files.problem("localhost") is None
        assert "is for localhost" in (files.problem("elsewhere") or "")
        assert "valid from" in (files.problem("localhost", ahead=timedelta(days=4000)) or "")
        second = renewed(CertificateBundle(bundle.ca, bundle.ca_key), POLICY, NOW)
        write(second)
        wanted = x509.load_pem_x509_certificate(second.certificate)
        async with asyncio.timeout(5):
            while await _presented(server.port, bundle.ca) != wanted:  # noqa: ASYNC110 - a file is all there is to look at
                await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait([task])


async def test_certificates_in_a_secret_are_made_once_and_shared() -> None:
    async with ApiServer(listen=False) as api:
        client = Client(api.transport)
        with pytest.raises(NotFoundError):
            await ensure_certificates(client, "certs", "default", POLICY, NOW, create=False)
        both = await asyncio.gather(*(ensure_certificates(client, "certs", "default", POLICY, NOW) for _ in range(2)))
        assert both[0] == both[1]
        secret = await client.get(Secret, "certs", "default")
        assert sorted(secret.data) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
        await client.patch(Secret, "certs", "default", MergePatch({"data": {"tls.crt": None, "other": "a2VlcA=="}}))
        repaired = await ensure_certificates(client, "certs", "default", POLICY, NOW)
        assert repaired.ca == both[0].ca
        assert repaired.certificate
        assert (await client.get(Secret, "certs", "default")).data["other"] == b"keep"


async def test_the_rotator_publishes_before_it_serves_and_survives_failures() -> None:
    async with ApiServer(listen=False) as api:
        order: list[str] = []

        async def publish(_: CertificateBundle) -> None:
            order.append("publish")

        def serve(_: CertificateBundle) -> None:
            order.append("serve")

        fault = api.faults.add(lambda request: "secrets" in request.path, status=500)
        rotator = CertificateRotator(
            Client(api.transport, retry=None),
            "certs",
            "default",
            POLICY,
            publish=[publish],
            serve=[serve],
            interval=0.05,
        )
        task = asyncio.create_task(rotator.run())
        await asyncio.sleep(0.1)
        assert not rotator.ready.is_set()
        api.faults.remove(fault)
        await asyncio.wait_for(rotator.ready.wait(), 10)
        assert order[:2] == ["publish", "serve"]
        task.cancel()
        await asyncio.wait([task])


async def test_only_conversion_by_webhook_gets_a_ca(bundle: CertificateBundle) -> None:
    async with ApiServer(listen=False) as api:
        client = Client(api.transport)
        names = {"plural": "teams", "singular": "team", "kind": "Team", "listKind": "TeamList"}
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
        body = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "teams.example.com"},
            "spec": {"group": "example.com", "names": names, "scope": "Namespaced", "versions": versions},
        }
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        await client.raw("POST", path, body=body)
        assert not await inject_conversion_ca(client, "teams.example.com", bundle.ca)
        config = {"service": {"name": "old", "namespace": "old", "path": "/convert"}}
        conversion = {"strategy": "Webhook", "webhook": {"clientConfig": config, "conversionReviewVersions": ["v1"]}}
        await client.raw(
            "PATCH",
            f"{path}/teams.example.com",
            body={"spec": {"conversion": conversion}},
            content_type="application/merge-patch+json",
        )
        assert await inject_conversion_ca(client, "teams.example.com", bundle.ca, service=("hooks", "ns"))
        assert not await inject_conversion_ca(client, "teams.example.com", bundle.ca, service=("hooks", "ns"))
        found = await client.raw("GET", f"{path}/teams.example.com")
        injected = found["spec"]["conversion"]["webhook"]["clientConfig"]
        assert injected["caBundle"] == base64.b64encode(bundle.ca).decode()
        service = {key: injected["service"][key] for key in ("name", "namespace", "path")}
        assert service == {"name": "hooks", "namespace": "ns", "path": "/convert"}
