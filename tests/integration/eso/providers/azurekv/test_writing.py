"""Pushing, deleting, existence: providers/azure.md section 4."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509 import load_pem_x509_certificate

from eso.errors import InvalidRequestError, InvalidSpecError, ProviderError
from eso.providers.base import PushEntry, PushRemoteRef, SourceSecret
from eso.values import wrap_all
from tests.integration.eso.providers.azurekv.conftest import Cloud
from tests.support.keypairs import certificate_pem, key_pair
from tests.support.vendors.azurekv import NOW

MANAGED = {"managed-by": "external-secrets"}
EXPIRES = "2027-06-01T00:00:00Z"


def source(**data: str | bytes) -> SourceSecret:
    return SourceSecret(data=wrap_all(data), namespace="app")


def entry(remote: str, key: str = "k", **spec: Any) -> PushEntry:
    envelope = {"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec}
    return PushEntry(key, PushRemoteRef(remote), envelope if spec else None)


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8, encryption: Any = None) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()))


async def test_secret_is_written_once(cloud: Cloud) -> None:
    async with cloud.lend() as client:
        for _ in range(2):
            await client.push_secret(
                source(k="v"), entry("db", contentType="text", expirationDate=EXPIRES, tags={"a": "b"})
            )
    assert cloud.azure.paths("PUT") == ["/secrets/db"]
    found = cloud.azure.latest("secrets", "db")
    assert found["value"] == "v"
    assert found["contentType"] == "text"
    assert found["tags"] == {"a": "b", **MANAGED}
    assert found["attributes"]["exp"] == 1_811_808_000
    assert cloud.counted("SetSecret") == 1


async def test_whole_secret_is_json(cloud: Cloud) -> None:
    async with cloud.lend() as client:
        await client.push_secret(source(b="<2>", a="1"), entry("secret/db", key=""))
    assert cloud.azure.latest("secrets", "db")["value"] == '{"a":"1","b":"<2>"}'


async def test_content_type_is_kept_and_tags_alone_do_not_write(cloud: Cloud) -> None:
    cloud.azure.put("secrets", "db", value="v", contentType="text", tags=MANAGED)
    async with cloud.lend() as client:
        await client.push_secret(source(k="v"), entry("db", tags={"new": "tag"}))
        assert cloud.azure.paths("PUT") == []
        await client.push_secret(source(k="w"), entry("db"))
    assert cloud.azure.latest("secrets", "db")["contentType"] == "text"


@pytest.mark.parametrize("kind", ["secret", "cert", "key"])
async def test_what_somebody_else_made_is_not_touched(cloud: Cloud, kind: str) -> None:
    cloud.azure.put("secrets", "x", value="theirs")
    cloud.azure.put("certificates", "x", cer="AAAA")
    cloud.azure.put("keys", "x", key={"kty": "oct"}, tags={"managed-by": "somebody"})
    async with cloud.lend() as client:
        with pytest.raises(ProviderError, match="not managed"):
            await client.push_secret(source(k=certificate_pem() if kind == "cert" else b"v"), entry(f"{kind}/x"))
        with pytest.raises(ProviderError, match="not managed"):
            await client.delete_secret(PushRemoteRef(f"{kind}/x"))
    async with cloud.lend(useAzureSDK=True) as client:
        await client.delete_secret(PushRemoteRef(f"{kind}/x"))
    assert {method for method, _, _ in cloud.azure.seen} == {"GET"}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"tags": {"managed-by": "me"}}, "managed-by"),
        ({"expirationDate": "tomorrow"}, "expirationDate"),
        ({"expirationDate": "20300131T120000Z"}, "expirationDate"),
        ({"expirationDate": "2030-01-31 12:00:00Z"}, "expirationDate"),
        ({"expirationDate": "2030-01-31T12:00:00"}, "expirationDate"),
        ({"expirationDate": "2030-13-31T12:00:00Z"}, "expirationDate"),
        ({"nope": 1}, "nope"),
    ],
)
async def test_wrong_metadata(cloud: Cloud, spec: dict[str, Any], field: str) -> None:
    async with cloud.lend() as client:
        with pytest.raises(InvalidSpecError, match=field):
            await client.push_secret(source(k="v"), entry("db", **spec))


async def test_value_that_is_no_text(cloud: Cloud) -> None:
    async with cloud.lend() as client:
        with pytest.raises(ProviderError, match="UTF-8"):
            await client.push_secret(source(k=b"\xff"), entry("db"))


@pytest.mark.parametrize("form", ["pkcs12", "der", "pem"])
async def test_certificate_is_imported_once(cloud: Cloud, form: str) -> None:
    certificate = load_pem_x509_certificate(certificate_pem())
    key: Any = load_pem_private_key(key_pair()[1], None)
    payloads = {
        "pkcs12": pkcs12.serialize_key_and_certificates(b"n", key, certificate, None, NoEncryption()),
        "der": certificate.public_bytes(Encoding.DER),
        "pem": certificate_pem(),
    }
    async with cloud.lend() as client:
        for _ in range(2):
            await client.push_secret(source(k=payloads[form]), entry("cert/web", tags={"a": "b"}))
    ((_, path, _),) = [seen for seen in cloud.azure.seen if seen[0] == "POST"]
    assert path == "/certificates/web/import"
    stored = cloud.azure.latest("certificates", "web")
    assert base64.b64decode(stored["cer"]) == certificate.public_bytes(Encoding.DER)
    assert stored["tags"] == {"a": "b", **MANAGED}
    assert cloud.counted("ImportCertificate") == 1


async def test_what_is_no_certificate(cloud: Cloud) -> None:
    certificate = load_pem_x509_certificate(certificate_pem())
    locked = pkcs12.serialize_key_and_certificates(b"n", None, certificate, None, BestAvailableEncryption(b"pw"))
    async with cloud.lend() as client:
        for payload in (b"text", locked):
            with pytest.raises(ProviderError, match="not a certificate"):
                await client.push_secret(source(k=payload), entry("cert/web"))


RSA = rsa.generate_private_key(65537, 2048)
CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1(), "P-256K": ec.SECP256K1()}


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
async def test_rsa_key_is_imported_once(cloud: Cloud, form: PrivateFormat) -> None:
    async with cloud.lend() as client:
        for _ in range(2):
            await client.push_secret(source(k=pem(RSA, form)), entry("key/sign"))
    ((_, _, body),) = [seen for seen in cloud.azure.seen if seen[0] == "PUT"]
    number = int.from_bytes(base64.urlsafe_b64decode(body["key"]["n"] + "=="), "big")
    assert number == RSA.public_key().public_numbers().n
    assert set(body["key"]) >= {"kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"}
    assert body["tags"] == MANAGED
    assert cloud.counted("ImportKey") == 1


@pytest.mark.parametrize("curve", CURVES)
async def test_elliptic_key_is_imported_once(cloud: Cloud, curve: str) -> None:
    key = ec.generate_private_key(CURVES[curve])
    async with cloud.lend() as client:
        for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
            await client.push_secret(source(k=pem(key, form)), entry("key/sign"))
    ((_, _, body),) = [seen for seen in cloud.azure.seen if seen[0] == "PUT"]
    assert body["key"]["crv"] == curve
    size = (key.curve.key_size + 7) // 8
    assert all(len(base64.urlsafe_b64decode(body["key"][name] + "==")) == size for name in ("x", "y", "d"))


async def test_other_octets_are_a_symmetric_key(cloud: Cloud) -> None:
    async with cloud.lend() as client:
        await client.push_secret(source(k=b"\x00\xff"), entry("key/sym"))
        with pytest.raises(ProviderError, match="unencrypted"):
            await client.push_secret(source(k=pem(RSA, encryption=BestAvailableEncryption(b"pw"))), entry("key/sign"))
    ((_, _, body),) = [seen for seen in cloud.azure.seen if seen[0] == "PUT"]
    assert body["key"] == {"kty": "oct", "k": "AP8"}


@pytest.mark.parametrize("kind", ["secrets", "certificates", "keys"])
async def test_delete_is_soft_and_repeatable(cloud: Cloud, kind: str) -> None:
    prefix = {"secrets": "secret", "certificates": "cert", "keys": "key"}[kind]
    cloud.azure.put(kind, "x", key={"kty": "oct"}, value="v", cer="", tags=MANAGED)
    remote = PushRemoteRef(f"{prefix}/x")
    async with cloud.lend() as client:
        assert await client.secret_exists(remote)
        await client.delete_secret(remote)
        await client.delete_secret(remote)
        assert not await client.secret_exists(remote)
    assert cloud.azure.paths("DELETE") == [f"/{kind}/x"]


async def test_name_of_a_deleted_secret_is_taken(cloud: Cloud) -> None:
    cloud.azure.put("secrets", "db", value="v", tags=MANAGED)
    async with cloud.lend() as client:
        await client.delete_secret(PushRemoteRef("db"))
        with pytest.raises(InvalidRequestError, match="recover or purge"):
            await client.push_secret(source(k="v"), entry("db"))


async def test_written_times_are_those_of_the_vault(cloud: Cloud) -> None:
    async with cloud.lend() as client:
        await client.push_secret(source(k="v"), entry("db"))
    assert cloud.azure.latest("secrets", "db")["attributes"] == {"enabled": True, "created": NOW, "updated": NOW}
