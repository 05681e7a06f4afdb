"""What is signed, by the examples of Oracle's "Request Signatures"; their weekday is wrong there, so their signatures cannot be used."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from yarl import URL

from eso.providers.oracle.signing import FEDERATION, SERVICE, Identity, rsa_key, signed_headers
from eso.values import SecretValue
from tests.support.vendors.oracle import pem_of, user_key

HOST = "https://iaas.us-phoenix-1.oraclecloud.com"
QUERY = (
    "/20160918/instances?availabilityDomain=Pjwf%3A%20PHX-AD-1"
    "&compartmentId=ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa"
    "&displayName=TeamXInstances&volumeId=ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q"
)
BODY = b"""{
    "compartmentId": "ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa",
    "instanceId": "ocid1.instance.oc1.phx.abuw4ljrlsfiqw6vzzxb43vyypt4pkodawglp3wqxjqofakrwvou52gb6s5a",
    "volumeId": "ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q"
}"""
NOW = datetime(2014, 1, 5, 21, 31, 40, tzinfo=UTC)
DATE = "date: Sun, 05 Jan 2014 21:31:40 GMT"
WITH_BODY = (
    "content-length: 316\ncontent-type: application/json\n"
    "x-content-sha256: V9Z20UJTvkvpJ50flBzKE32+6m2zJjweHpDMX/U4Uy0="
)
EMPTY = (
    "content-length: 0\ncontent-type: application/json\nx-content-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
)


@pytest.mark.parametrize(
    ("method", "url", "body", "covered", "text"),
    [
        ("GET", HOST + QUERY, b"", SERVICE, f"{DATE}\n(request-target): get {QUERY}\nhost: {HOST[8:]}"),
        (
            "POST",
            f"{HOST}/20160918/volumeAttachments",
            BODY,
            SERVICE,
            f"{DATE}\n(request-target): post /20160918/volumeAttachments\nhost: {HOST[8:]}\n{WITH_BODY}",
        ),
        (
            "PUT",
            "http://127.0.0.1:8080/a?b=c+d",
            b"",
            SERVICE,
            f"{DATE}\n(request-target): put /a?b=c+d\nhost: 127.0.0.1:8080\n{EMPTY}",
        ),
        ("POST", f"{HOST}/v1/x509", b"", FEDERATION, f"{DATE}\n(request-target): post /v1/x509\n{EMPTY}"),
    ],
)
def test_what_is_signed(method: str, url: str, body: bytes, covered: tuple[str, ...], text: str) -> None:
    identity = Identity(SecretValue("tenancy/user/fingerprint"), user_key())
    headers = signed_headers(identity, method, URL(url, encoded=True), body, NOW, covered=covered)
    shown = re.fullmatch(
        r'Signature version="1",headers="([^"]+)",keyId="tenancy/user/fingerprint",'
        r'algorithm="rsa-sha256",signature="([^"]+)"',
        headers["authorization"],
    )
    assert shown is not None
    assert shown[1].split() == [line.split(": ")[0] for line in text.splitlines()]
    user_key().public_key().verify(base64.b64decode(shown[2]), text.encode(), PKCS1v15(), SHA256())
    sent = dict(line.split(": ") for line in text.splitlines() if not line.startswith("("))
    assert {**headers, **sent} == headers


def test_an_identity_does_not_speak() -> None:
    shown = repr(Identity(SecretValue("ST$canary"), user_key()))
    assert "canary" not in shown
    assert str(user_key().private_numbers().d) not in shown


@pytest.mark.parametrize("pem", [b"", b"canary", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key(pem: bytes) -> None:
    assert rsa_key(pem) is None
    assert rsa_key(pem_of(user_key()).encode()) is not None
