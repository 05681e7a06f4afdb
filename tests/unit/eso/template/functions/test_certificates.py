"""Certificates and keys that templates make."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from eso.template.functions.certificate import CertificateRecord
from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import NilList
from tests.support.certificates import PEM, call

AUTHORITY: CertificateRecord = call("genCAWithKey", "my ca", 10, PEM["rsa8"])
ADDRESSES = ["10.0.0.1", "::1", "::ffff:1.2.3.4"]
NAMES = ["a.b", "*.c"]


def loaded(record: CertificateRecord) -> x509.Certificate:
    return x509.load_pem_x509_certificate(record.cert.encode())


def extensions(record: CertificateRecord) -> list[tuple[x509.ObjectIdentifier, bool]]:
    return [(extension.oid, extension.critical) for extension in loaded(record).extensions]


BASE = [
    (ExtensionOID.KEY_USAGE, True),
    (ExtensionOID.EXTENDED_KEY_USAGE, False),
    (ExtensionOID.BASIC_CONSTRAINTS, True),
]


def test_authority() -> None:
    certificate = loaded(AUTHORITY)
    certificate.verify_directly_issued_by(certificate)
    assert extensions(AUTHORITY) == [*BASE, (ExtensionOID.SUBJECT_KEY_IDENTIFIER, False)]
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, True, True)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
        True, None
    )
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=10)
    assert AUTHORITY.key == PEM["rsa1"]


def test_authority_with_a_new_key() -> None:
    record = call("genCA", "x", 1)
    key = load_pem_private_key(record.key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert record.key.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    der = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert loaded(record).public_key().public_bytes(*der) == key.public_key().public_bytes(*der)


@pytest.mark.parametrize(
    ("key", "label"), [("ec8", "EC PRIVATE KEY"), ("ec1", "EC PRIVATE KEY"), ("ed8", "PRIVATE KEY")]
)
def test_signed(key: str, label: str) -> None:
    record = call("genSignedCertWithKey", "leaf", ADDRESSES, NAMES, 5, AUTHORITY, PEM[key])
    certificate = loaded(record)
    certificate.verify_directly_issued_by(loaded(AUTHORITY))
    assert extensions(record) == [
        *BASE,
        (ExtensionOID.AUTHORITY_KEY_IDENTIFIER, False),
        (ExtensionOID.SUBJECT_ALTERNATIVE_NAME, False),
    ]
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    assert call("certSANs", record.cert) == ["a.b", "*.c", "10.0.0.1", "::1", "1.2.3.4"]
    assert record.key.startswith(f"-----BEGIN {label}-----\n")


def test_self_signed() -> None:
    record = call("genSelfSignedCertWithKey", "x" * 64, NilList(), NilList(), 0, PEM["ec8"])
    certificate = loaded(record)
    certificate.verify_directly_issued_by(certificate)
    assert extensions(record) == BASE
    assert certificate.subject.rfc4514_string() == "CN=" + "x" * 64


def test_a_name_may_be_longer_than_the_standard_allows() -> None:
    assert call("genSelfSignedCertWithKey", "x" * 70, [], [], 1, PEM["ec8"]).cert


def test_names_of_a_certificate_without_subject_are_critical() -> None:
    record = call("genSelfSignedCertWithKey", "", [], ["a.b"], 1, PEM["ec8"])
    assert extensions(record)[-1] == (ExtensionOID.SUBJECT_ALTERNATIVE_NAME, True)


@pytest.mark.parametrize(
    ("addresses", "names"),
    [(["x"], []), ([1], []), (["1.2.3"], []), (["01.2.3.4"], []), (["fe80::1%eth0"], []), ([], ["é"]), ([], [1])],
)
def test_bad_names(addresses: list[object], names: list[object]) -> None:
    with pytest.raises(FunctionError):
        call("genSelfSignedCertWithKey", "x", addresses, names, 1, PEM["ec8"])


@pytest.mark.parametrize("days", [-1, 10**7, 1 << 62])
def test_impossible_lifetime(days: int) -> None:
    with pytest.raises(FunctionError, match="error creating certificate"):
        call("genCAWithKey", "x", days, PEM["ec8"])


@pytest.mark.parametrize(
    "authority",
    [
        CertificateRecord(PEM["root"], PEM["ec1"]),
        CertificateRecord("x", PEM["ec1"]),
        CertificateRecord(PEM["root"], "x"),
        CertificateRecord(PEM["ec8"], PEM["ec1"]),
    ],
)
def test_bad_authority(authority: CertificateRecord) -> None:
    with pytest.raises(FunctionError):
        call("genSignedCertWithKey", "x", [], [], 1, authority, PEM["ec8"])


@pytest.mark.parametrize("key", ["", "x", PEM["root"], PEM["ec8"].replace("PRIVATE KEY", "RSA PRIVATE KEY")])
def test_bad_key(key: str) -> None:
    with pytest.raises(FunctionError):
        call("genCAWithKey", "x", 1, key)


def test_custom_certificate() -> None:
    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    assert call("buildCustomCert", encoded(PEM["leaf"]), encoded(PEM["ed8"])) == CertificateRecord(
        PEM["leaf"], PEM["ed8"]
    )
    for cert, key in (
        ("!", "!"),
        (encoded(PEM["leaf"]), "!"),
        (encoded("x"), encoded(PEM["ec1"])),
        (encoded(PEM["leaf"]),) * 2,
    ):
        with pytest.raises(FunctionError):
            call("buildCustomCert", cert, key)


def test_a_record_shows_no_key() -> None:
    assert "KEY" not in repr(AUTHORITY)
    assert str(CertificateRecord("c", "k")) == "{c k}"
    assert call("toJson", CertificateRecord("c", "k")) == '{"Cert":"c","Key":"k"}'
    assert call("typeOf", AUTHORITY) == "sprig.certificate"


@pytest.mark.parametrize(("kind", "label"), [("ecdsa", "EC PRIVATE KEY"), ("ed25519", "PRIVATE KEY")])
def test_private_keys(kind: str, label: str) -> None:
    text = call("genPrivateKey", kind)
    assert text.startswith(f"-----BEGIN {label}-----\n")
    load_pem_private_key(text.encode(), None)
    assert call("genPrivateKey", "nope") == "Unknown type nope"
