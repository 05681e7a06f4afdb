"""A chain of certificates with the key of its leaf, as PEM."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

__all__ = ["Chain"]

_Key = ec.EllipticCurvePrivateKey


class Chain:
    """Root, intermediate and leaf (`app.example.com`), linked by key identifiers.

    Attributes:
        leaf: the first certificate.
        intermediate: who signed it.
        root: who signed that one.
        key: of the leaf, PKCS#8.
    """

    def __init__(self) -> None:
        root, intermediate, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self._key = leaf
        self._leaf = _certificate("app.example.com", leaf, "intermediate", intermediate, names=True)
        self.leaf = _pem(self._leaf)
        self.intermediate = _pem(_certificate("intermediate", intermediate, "root", root))
        self.root = _pem(_certificate("root", root, "root", root))
        self.key = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def pkcs12(self, password: bytes) -> bytes:
        """The leaf and its key."""
        return pkcs12.serialize_key_and_certificates(
            None, self._key, self._leaf, None, BestAvailableEncryption(password)
        )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _certificate(subject: str, key: _Key, issuer: str, by: _Key, *, names: bool = False) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
    return builder.sign(by, SHA256())
