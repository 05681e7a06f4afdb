"""A cluster as External Secrets Operator v2.9.0 leaves it, written down from its documented forms, without code of this operator."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.operator import ClusterUnderTest

__all__ = ["external_secret", "install", "lease", "serving_secret", "store"]

_V1 = "external-secrets.io/v1"


def _hash(text: str) -> str:
    return hashlib.sha3_224(text.encode()).hexdigest()


def _map(values: Mapping[str, str]) -> str:
    return "map[" + " ".join(f"{key}:{values[key]}" for key in sorted(values)) + "]"


def _bytes(value: bytes) -> str:
    return "[" + " ".join(map(str, value)) + "]"


def _now(ago: float = 0) -> str:
    return (datetime.now(UTC) - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(reason: str, message: str, ago: float) -> dict[str, str]:
    return {"type": "Ready", "status": "True", "reason": reason, "message": message, "lastTransitionTime": _now(ago)}


def store(cluster: ClusterUnderTest, name: str, kind: str = "SecretStore", **values: str) -> None:
    """A store that was validated."""
    data = [{"key": key, "value": value} for key, value in values.items()]
    made = {"apiVersion": _V1, "kind": kind, "metadata": {"name": name}, "spec": {"provider": {"fake": {"data": data}}}}
    cluster.apply(made)
    status = {"capabilities": "ReadWrite", "conditions": [_condition("Valid", "store validated", 600)]}
    _write_status(cluster, made, status)


def external_secret(cluster: ClusterUnderTest, name: str, store: str, policy: str, **values: str) -> None:
    """One that was synced ten minutes ago, and its Secret."""
    data = [{"secretKey": key, "remoteRef": {"key": key}} for key in values]
    spec = {
        "refreshInterval": "24h",
        "secretStoreRef": {"name": store, "kind": "SecretStore"},
        "target": {"name": name, "creationPolicy": policy, "deletionPolicy": "Retain"},
        "data": data,
    }
    labels, annotations = {"team": "a"}, {"note": "kept"}
    metadata = {"name": name, "labels": labels, "annotations": annotations}
    made = {"apiVersion": _V1, "kind": "ExternalSecret", "metadata": metadata, "spec": spec}
    cluster.apply(made)
    seen = cluster.api.ok("GET", cluster.path_of(made))
    version = f"{seen['metadata']['generation']}-{_hash(f'{{annotations:{_map(annotations)} labels:{_map(labels)}}}')}"
    status = {
        "binding": {"name": name},
        "refreshTime": _now(600),
        "syncedResourceVersion": version,
        "conditions": [_condition("SecretSynced", "secret synced", 600)],
    }
    _write_status(cluster, made, status)
    content = {key: value.encode() for key, value in values.items()}
    digest = _hash(_map({key: _bytes(value) for key, value in content.items()}))
    target: dict[str, Any] = {
        "name": name,
        "labels": {**labels, "reconcile.external-secrets.io/managed": "true"},
        "annotations": {**annotations, "reconcile.external-secrets.io/data-hash": digest},
    }
    if policy == "Owner":
        target["labels"]["reconcile.external-secrets.io/created-by"] = _hash(f"{cluster.namespace}/{name}")
        target["ownerReferences"] = [
            {
                "apiVersion": _V1,
                "kind": "ExternalSecret",
                "name": name,
                "uid": seen["metadata"]["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    secret = {
        "metadata": target,
        "type": "Opaque",
        "data": {key: base64.b64encode(value).decode() for key, value in content.items()},
    }
    cluster.api.ok(
        "POST",
        "/api/v1/namespaces/{ns}/secrets",
        secret,
        fieldManager=f"externalsecrets.external-secrets.io/{name}",
    )


def lease(cluster: ClusterUnderTest, name: str) -> None:
    """A lease whose holder has ended without handing it back."""
    spec = {
        "holderIdentity": "external-secrets-7d9f_1b0a6a4e-6f0c-4b0e-9a3f-0e7f1f1d2c3b",
        "leaseDurationSeconds": 15,
        "acquireTime": f"{_now(3600)[:-1]}.000000Z",
        "renewTime": f"{_now(60)[:-1]}.000000Z",
        "leaseTransitions": 3,
    }
    cluster.api.ok(
        "POST", "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases", {"metadata": {"name": name}, "spec": spec}
    )


def serving_secret(dns_name: str) -> dict[str, str]:
    """`data` of the webhook's Secret: an authority and a certificate of ten years, made a month ago."""
    start = datetime.now(UTC) - timedelta(days=30)
    ca_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "external-secrets"),
            x509.NameAttribute(NameOID.COMMON_NAME, "external-secrets"),
        ]
    )
    usage = x509.KeyUsage(True, False, True, False, False, True, False, False, False)
    ca = (
        _certificate(subject, subject, ca_key, start, "external-secrets")
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    leaf = (
        _certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns_name)]), subject, key, start, dns_name)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pems = {
        "ca.crt": ca.public_bytes(serialization.Encoding.PEM),
        "ca.key": _pem(ca_key),
        "tls.crt": leaf.public_bytes(serialization.Encoding.PEM),
        "tls.key": _pem(key),
    }
    return {name: base64.b64encode(pem).decode() for name, pem in pems.items()}


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, start: datetime, dns_name: str
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(start - timedelta(hours=1)).not_valid_after(start + timedelta(days=3650))
    return builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns_name)]), critical=False)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _write_status(cluster: ClusterUnderTest, made: dict[str, Any], status: dict[str, Any]) -> None:
    path = cluster.path_of(made)
    cluster.api.ok("PATCH", f"{path}/status", {"status": status}, content_type="application/merge-patch+json")


def install(cluster: ClusterUnderTest, release: str) -> None:
    """Stores, ExternalSecrets with their Secrets, the lease, and what the certificate controller has filled in."""
    store(cluster, "store", password="hunter2", url="https://db")
    external_secret(cluster, "owned", "store", "Owner", password="hunter2", url="https://db")
    external_secret(cluster, "merged", "store", "Merge", password="hunter2")
    external_secret(cluster, "orphan", "store", "Orphan", url="https://db")
    lease(cluster, "external-secrets-controller")
    lease(cluster, "crd-certs-controller")
    certificate = serving_secret(f"{release}-webhook.{cluster.namespace}.svc")
    path = f"/api/v1/namespaces/{{ns}}/secrets/{release}-webhook"
    cluster.api.ok("PATCH", path, {"data": certificate}, content_type="application/merge-patch+json")
    for name in ("secretstore-validate", "externalsecret-validate"):
        path = f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}"
        configuration = cluster.api.ok("GET", path)
        for webhook in configuration["webhooks"]:
            webhook["clientConfig"]["caBundle"] = certificate["ca.crt"]
        cluster.api.ok("PUT", path, configuration)
