"""Certificates and keys as a key vault takes them: what a pushed value holds, and whether the vault has it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12

from eso.errors import ProviderError
from eso.values import SecretValue

__all__ = ["certificate_der", "jwk_of", "same_key"]

_CURVES: Final[Mapping[str, str]] = {
    "secp256r1": "P-256",
    "secp384r1": "P-384",
    "secp521r1": "P-521",
    "secp256k1": "P-256K",
}
"""Source: JsonWebKeyCurveName of the vault's REST API."""


def certificate_der(value: SecretValue) -> bytes:
    """The certificate within a PKCS#12 file without password, a DER or a PEM certificate, in DER.

    Raises:
        ProviderError: the value is none of them.
    """
    document = value.reveal()
    for read in (_from_pkcs12, x509.load_der_x509_certificate, x509.load_pem_x509_certificate):
        try:
            return read(document).public_bytes(Encoding.DER)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
    raise ProviderError("the value is not a certificate: it must be PKCS#12 without password, DER or PEM")


def _from_pkcs12(document: bytes) -> x509.Certificate:
    certificate = pkcs12.load_key_and_certificates(document, None)[1]
    if certificate is None:
        raise ValueError("no certificate")
    return certificate


def jwk_of(value: SecretValue) -> dict[str, Any]:
    """The key as JWK: an RSA or EC private key in PEM, or else the octets of a symmetric key.

    Raises:
        ProviderError: it is PEM of something else, or of an encrypted key.
    """
    document = value.reveal()
    if b"-----BEGIN " not in document:
        return {"kty": "oct", "k": _base64(document)}
    try:
        key = load_pem_private_key(document, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ProviderError("the value is PEM, but not of an unencrypted private key") from None
    if isinstance(key, rsa.RSAPrivateKey):
        return _rsa(key)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _elliptic(key)
    raise ProviderError(
        "the key cannot be imported: a key vault takes RSA keys and EC keys of the curves P-256 to P-521"
    )


def same_key(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the public parts are equal. A symmetric key never shows its octets, so it never is."""
    names = ("n", "e") if wanted["kty"] == "RSA" else ("crv", "x", "y")
    return all(present.get(name) and present[name] == wanted.get(name) for name in names)


def _rsa(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    numbers = key.private_numbers()
    public = numbers.public_numbers
    parts = {
        "n": public.n,
        "e": public.e,
        "d": numbers.d,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "qi": numbers.iqmp,
    }
    return {"kty": "RSA", **{name: _base64(_octets(number)) for name, number in parts.items()}}


def _elliptic(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    numbers = key.private_numbers()
    size = (key.curve.key_size + 7) // 8
    parts = {"x": numbers.public_numbers.x, "y": numbers.public_numbers.y, "d": numbers.private_value}
    return {
        "kty": "EC",
        "crv": _CURVES[key.curve.name],
        **{name: _base64(number.to_bytes(size, "big")) for name, number in parts.items()},
    }


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
