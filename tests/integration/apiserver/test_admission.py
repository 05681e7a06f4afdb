"""Admission webhooks over real TLS: what is asked, what is changed, what is denied, what a failure does."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconcile.testing.apiserver.admission import AdmissionChain, Attributes
from reconcile.testing.apiserver.status import StatusError
from tests.support.loopback import serving

SERVICE = {"namespace": "ns", "name": "hook", "path": "/x"}
ATTRIBUTES = Attributes(
    "CREATE", "", "v1", "secrets", "Secret", "s", "ns", user={"username": "u"}, namespace_labels={"env": "test"}
)
RULES = [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"]}]


class Hook:
    """A webhook that answers as it is told."""

    def __init__(self, port: int, bundle: str) -> None:
        self.port = port
        self.bundle = bundle
        self.reviews: list[dict[str, Any]] = []
        self.responses: list[dict[str, Any]] = []

    def webhook(self, name: str = "a.example.com", **fields: Any) -> dict[str, Any]:
        config = {"service": SERVICE, "caBundle": self.bundle}
        return {"name": name, "rules": RULES, "clientConfig": config, "sideEffects": "None", **fields}

    def chain(self, *, mutating: Any = (), validating: Any = ()) -> AdmissionChain:
        stored = {"mutatingwebhookconfigurations": mutating, "validatingwebhookconfigurations": validating}

        def listed(plural: str) -> list[dict[str, Any]]:
            return [{"metadata": {"name": "c"}, "webhooks": list(stored[plural])}]

        return AdmissionChain(listed, resolve=lambda namespace, name, port: ("127.0.0.1", self.port))

    async def handle(self, request: web.Request) -> web.Response:
        review = await request.json()
        self.reviews.append({**review, "path": request.path_qs})
        response = self.responses.pop(0) if self.responses else {"allowed": True}
        if "raw" in response:
            return web.Response(status=response.get("status", 200), text=response["raw"])
        answer = {"response": {"uid": review["request"]["uid"], **response}}
        return web.json_response({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", **answer})


def _certificate(folder: Path) -> tuple[ssl.SSLContext, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hook")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hook.ns.svc")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tls.pem").write_bytes(pem + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    return context, base64.b64encode(pem).decode()


@asynccontextmanager
async def _serving(folder: Path) -> AsyncIterator[Hook]:
    context, bundle = _certificate(folder)
    hook = Hook(0, bundle)
    app = web.Application()
    app.router.add_post("/x", hook.handle)
    async with serving(app, context) as url:
        hook.port = int(url.rpartition(":")[2])
        yield hook


@pytest.fixture
async def hook(tmp_path: Path) -> AsyncIterator[Hook]:
    async with _serving(tmp_path) as running:
        yield running


def _patch(*operations: dict[str, Any], **more: Any) -> dict[str, Any]:
    encoded = base64.b64encode(json.dumps(list(operations)).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": encoded, **more}


def _secret(**labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "ns", "labels": labels}}


async def test_review_says_what_is_asked(hook: Hook) -> None:
    await hook.chain(validating=[hook.webhook(timeoutSeconds=7)]).mutate_and_validate(ATTRIBUTES, _secret(), None)
    (review,) = hook.reviews
    assert review["path"] == "/x?timeout=7s"
    request = review["request"]
    assert (request["operation"], request["name"], request["namespace"]) == ("CREATE", "s", "ns")
    assert request["kind"] == {"group": "", "version": "v1", "kind": "Secret"}
    assert request["userInfo"] == {"username": "u"}
    assert (request["object"]["kind"], request["oldObject"], request["dryRun"]) == ("Secret", None, False)
    assert request["options"]["kind"] == "CreateOptions"


async def test_patch_is_applied_and_warnings_are_collected(hook: Hook) -> None:
    operation = {"op": "add", "path": "/metadata/labels/x", "value": "y"}
    hook.responses = [_patch(operation, warnings=["one"]), {"allowed": True, "warnings": ["two"]}]
    chain = hook.chain(mutating=[hook.webhook()], validating=[hook.webhook("b.example.com")])
    obj, warnings = await chain.mutate_and_validate(ATTRIBUTES, _secret(), None)
    assert obj is not None
    assert obj["metadata"]["labels"] == {"x": "y"}
    assert warnings == ["one", "two"]
    assert hook.reviews[1]["request"]["object"]["metadata"]["labels"] == {"x": "y"}


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        ({"message": "no"}, 400, 'admission webhook "a.example.com" denied the request: no'),
        (
            {"message": "no", "code": 403, "reason": "Forbidden"},
            403,
            'admission webhook "a.example.com" denied the request: no',
        ),
        ({}, 400, 'admission webhook "a.example.com" denied the request without explanation'),
    ],
)
async def test_denial(hook: Hook, status: dict[str, Any], code: int, message: str) -> None:
    hook.responses = [{"allowed": False, "status": status}]
    with pytest.raises(StatusError) as caught:
        await hook.chain(validating=[hook.webhook()]).mutate_and_validate(ATTRIBUTES, _secret(), None)
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize(
    "response", [{"raw": "no", "status": 500}, {"raw": "no json"}, {"raw": "{}"}, {"allowed": True, "uid": "other"}]
)
async def test_failure_policy(hook: Hook, response: dict[str, Any]) -> None:
    hook.responses = [response, response]
    with pytest.raises(StatusError) as caught:
        await hook.chain(validating=[hook.webhook()]).mutate_and_validate(ATTRIBUTES, _secret(), None)
    assert caught.value.code == 500
    assert 'failed calling webhook "a.example.com"' in caught.value.message
    ignoring = hook.chain(validating=[hook.webhook(failurePolicy="Ignore")])
    await ignoring.mutate_and_validate(ATTRIBUTES, _secret(), None)


async def test_certificate_must_fit(hook: Hook, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    hook.bundle = _certificate(other)[1]
    with pytest.raises(StatusError, match="failed to call webhook"):
        await hook.chain(validating=[hook.webhook()]).mutate_and_validate(ATTRIBUTES, _secret(), None)
    assert hook.reviews == []


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, True),
        ({"rules": [{**RULES[0], "operations": ["UPDATE"]}]}, False),
        ({"rules": [{**RULES[0], "operations": ["*"], "resources": ["*"]}]}, True),
        ({"rules": [{**RULES[0], "resources": ["secrets/status"]}]}, False),
        ({"rules": [{**RULES[0], "apiGroups": ["apps"]}]}, False),
        ({"rules": [{**RULES[0], "scope": "Cluster"}]}, False),
        ({"rules": [{**RULES[0], "apiVersions": ["v2"]}]}, True),
        ({"rules": [{**RULES[0], "apiVersions": ["v2"]}], "matchPolicy": "Exact"}, False),
        ({"namespaceSelector": {"matchLabels": {"env": "test"}}}, True),
        ({"namespaceSelector": {"matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["test"]}]}}, False),
        ({"objectSelector": {"matchLabels": {"l": "1"}}}, True),
        ({"objectSelector": {"matchLabels": {"l": "2"}}}, False),
        ({"matchConditions": [{"name": "c", "expression": "object.metadata.name == 's'"}]}, True),
        ({"matchConditions": [{"name": "c", "expression": "request.operation == 'DELETE'"}]}, False),
    ],
)
async def test_who_is_asked(hook: Hook, fields: dict[str, Any], asked: bool) -> None:
    chain = hook.chain(validating=[hook.webhook(**fields)])
    await chain.mutate_and_validate(ATTRIBUTES, _secret(l="1"), None)
    assert bool(hook.reviews) is asked


async def test_configurations_themselves_are_not_asked_about(hook: Hook) -> None:
    attributes = Attributes("CREATE", "admissionregistration.k8s.io", "v1", "x", "ValidatingWebhookConfiguration")
    everything = [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}]
    await hook.chain(validating=[hook.webhook(rules=everything)]).mutate_and_validate(attributes, _secret(), None)
    assert hook.reviews == []


async def test_dry_run_needs_webhooks_without_side_effects(hook: Hook) -> None:
    attributes = Attributes("CREATE", "", "v1", "secrets", "Secret", "s", "ns", dry_run=True)
    with pytest.raises(StatusError, match="does not support dry run"):
        chain = hook.chain(validating=[hook.webhook(sideEffects="Some")])
        await chain.mutate_and_validate(attributes, _secret(), None)


async def test_reinvocation_after_a_later_change(hook: Hook) -> None:
    operation = {"op": "add", "path": "/metadata/labels/x", "value": "y"}
    hook.responses = [{"allowed": True}, _patch(operation), {"allowed": True}]
    first = hook.webhook("a.example.com", reinvocationPolicy="IfNeeded")
    chain = hook.chain(mutating=[first, hook.webhook("b.example.com")])
    await chain.mutate_and_validate(ATTRIBUTES, _secret(), None)
    assert [r["request"]["object"]["metadata"]["labels"] for r in hook.reviews] == [{}, {}, {"x": "y"}]
