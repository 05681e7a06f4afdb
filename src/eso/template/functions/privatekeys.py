"""Private keys: read from DER and PEM, written as PEM."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from eso.template.functions.pem import PRIVATE_KEY, encode, first_block
from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import to_bytes

__all__ = ["PrivateKey", "SigningKey", "load_any_key", "load_labelled_key", "pkcs8_pem", "traditional_pem"]

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PrivateKey = SigningKey | x25519.X25519PrivateKey

_CURVES: Final = ("secp224r1", "secp256r1", "secp384r1", "secp521r1")
_LABEL_END: Final = b" PRIVATE KEY"


def _load(der: bytes) -> object:
    try:
        return load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _known(key: object) -> PrivateKey | None:
    """The key if Go knows its kind."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key if key.curve.name in _CURVES else None
    if isinstance(key, (rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey, x25519.X25519PrivateKey)):
        return key
    return None


def load_any_key(text: str) -> PrivateKey:
    """The key of the first PEM block, in PKCS#1, PKCS#8 or SEC1 form, whatever the label says.

    Raises:
        FunctionError: there is no block, or no key in it.
    """
    block = first_block(to_bytes(text))
    if block is None:
        raise FunctionError("runtime error: invalid memory address or nil pointer dereference")
    key = _known(_load(block.content))
    if key is None:
        raise FunctionError("unable to parse private key type")
    return key


def load_labelled_key(text: str) -> SigningKey | dsa.DSAPrivateKey:
    """The key of the first PEM block, in the form that its label names.

    Raises:
        FunctionError: there is no block, its label is not that of a key, or it holds another kind.
    """
    block = first_block(to_bytes(text))
    if block is None:
        raise FunctionError("no PEM data in input")
    key = _load(block.content)
    if block.label == PRIVATE_KEY:
        known = _known(key)
        if known is None or isinstance(known, x25519.X25519PrivateKey):
            raise FunctionError("decoding PEM as PKCS#8: failed to parse private key")
        return known
    if not block.label.endswith(_LABEL_END):
        raise FunctionError("no private key data in PEM block")
    if block.label == b"RSA PRIVATE KEY" and isinstance(key, rsa.RSAPrivateKey):
        return key
    if block.label == b"EC PRIVATE KEY" and isinstance(key, ec.EllipticCurvePrivateKey) and _known(key) is not None:
        return key
    if block.label == b"DSA PRIVATE KEY" and isinstance(key, dsa.DSAPrivateKey):
        return key
    raise FunctionError("parsing private key from PEM: the block does not hold such a key")


def pkcs8_pem(key: PrivateKey) -> str:
    """The key as an unencrypted `PRIVATE KEY` block."""
    return encode(PRIVATE_KEY, key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def traditional_pem(key: SigningKey | dsa.DSAPrivateKey) -> str:
    """The key in the form of its algorithm, such as `RSA PRIVATE KEY`; PKCS#8 where there is none."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return pkcs8_pem(key)
    name = (
        b"RSA"
        if isinstance(key, rsa.RSAPrivateKey)
        else b"EC"
        if isinstance(key, ec.EllipticCurvePrivateKey)
        else b"DSA"
    )
    return encode(name + _LABEL_END, key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
