"""JSON Web Keys as PEM."""

from __future__ import annotations

import base64
import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from eso.template.functions.jsongo import must_from_json
from eso.template.functions.pem import encode
from eso.template.functions.privatekeys import SigningKey, pkcs8_pem
from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import Value

__all__ = ["jwk_private_key_pem", "jwk_public_key_pem"]

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_TEXTS: Final = ("alg", "kid", "use", "x5u", "x5t", "x5t#S256")
_CRT: Final = ("dp", "dq", "qi")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\-_]*={0,2}")


def _members(text: str) -> dict[str, Value]:
    key = must_from_json(text)
    if not isinstance(key, dict):
        raise FunctionError("failed to parse key: not a JSON object")
    if key.get("kty") not in ("RSA", "EC", "OKP", "oct"):
        raise FunctionError("invalid key type from JSON")
    if key["kty"] == "oct":
        raise FunctionError("x509: unsupported key type: symmetric")
    for name in _TEXTS:
        if not isinstance(key.get(name), (str, type(None))):
            raise FunctionError(f"failed to decode field {name}")
    if not isinstance(key.get("key_ops"), (list, type(None))):
        raise FunctionError("failed to decode field key_ops")
    return key


def _bytes(members: dict[str, Value], name: str) -> bytes:
    """A member in Base64, of either alphabet, with padding or without.

    Raises:
        FunctionError: it is absent or malformed.
    """
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise FunctionError(f"required field {name} is missing")
    if _BASE64.fullmatch(value) is None:
        raise FunctionError(f"failed to decode field {name}")
    digits = value.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.urlsafe_b64decode(digits + "=" * (-len(digits) % 4))
    except ValueError:
        raise FunctionError(f"failed to decode field {name}") from None


def _number(members: dict[str, Value], name: str) -> int:
    return int.from_bytes(_bytes(members, name), "big")


def _curve(members: dict[str, Value]) -> ec.EllipticCurve:
    curve = _CURVES.get(str(members.get("crv")))
    if curve is None:
        raise FunctionError("invalid curve algorithm")
    return curve


def _rsa_public(members: dict[str, Value]) -> rsa.RSAPublicNumbers:
    return rsa.RSAPublicNumbers(_number(members, "e"), _number(members, "n"))


def _elliptic_public(members: dict[str, Value]) -> ec.EllipticCurvePublicNumbers:
    return ec.EllipticCurvePublicNumbers(_number(members, "x"), _number(members, "y"), _curve(members))


def _check_edwards(members: dict[str, Value]) -> None:
    if members.get("crv") != "Ed25519":
        raise FunctionError("invalid curve algorithm")


def _public(members: dict[str, Value]) -> PublicKey:
    if members["kty"] == "RSA":
        return _rsa_public(members).public_key()
    if members["kty"] == "EC":
        return _elliptic_public(members).public_key()
    _check_edwards(members)
    return ed25519.Ed25519PublicKey.from_public_bytes(_bytes(members, "x"))


def _rsa_private(members: dict[str, Value]) -> rsa.RSAPrivateKey:
    p, q, d = _number(members, "p"), _number(members, "q"), _number(members, "d")
    if all(members.get(name) for name in _CRT):
        exponents = _number(members, "dp"), _number(members, "dq"), _number(members, "qi")
    else:
        exponents = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *exponents, _rsa_public(members)).private_key()


def _private(members: dict[str, Value]) -> SigningKey:
    if "d" not in members:
        raise FunctionError("x509: unknown key type while marshaling PKCS#8: a public key")
    if members["kty"] == "RSA":
        return _rsa_private(members)
    if members["kty"] == "EC":
        return ec.EllipticCurvePrivateNumbers(_number(members, "d"), _elliptic_public(members)).private_key()
    _check_edwards(members)
    key = ed25519.Ed25519PrivateKey.from_private_bytes(_bytes(members, "d"))
    if key.public_key().public_bytes_raw() != _bytes(members, "x"):
        raise FunctionError("invalid x value given d value")
    return key


def jwk_public_key_pem(text: str) -> str:
    """The public key of a public JWK.

    Raises:
        FunctionError: the text is no JWK, or not a public one.
    """
    members = _members(text)
    if "d" in members:
        raise FunctionError("x509: unsupported public key type: a private key")
    try:
        key = _public(members)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise FunctionError("the members are no valid key") from None
    return encode(b"PUBLIC KEY", key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def jwk_private_key_pem(text: str) -> str:
    """The private key of a private JWK, as PKCS#8.

    Raises:
        FunctionError: the text is no JWK, or not a private one.
    """
    members = _members(text)
    try:
        return pkcs8_pem(_private(members))
    except (ValueError, TypeError, UnsupportedAlgorithm, ZeroDivisionError):
        raise FunctionError("the members are no valid key") from None
