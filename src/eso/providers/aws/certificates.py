"""Certificates and keys as PEM text: telling leaf from chain, comparing, and unlocking an exported key."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from eso.errors import InvalidSpecError, ProviderError
from eso.values import SecretValue

__all__ = ["bundle", "fingerprint", "leaf_and_chain", "unlocked"]

_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)


def leaf_and_chain(pem: bytes) -> tuple[bytes, bytes]:
    """The first certificate, and the others (empty when there are none).

    Raises:
        InvalidSpecError: there is no certificate.
    """
    found = [b"\n".join(line.strip() for line in block.splitlines()) + b"\n" for block in _CERTIFICATE.findall(pem)]
    if not found:
        raise InvalidSpecError("tls.crt holds no PEM certificate")
    return found[0], b"".join(found[1:])


def fingerprint(leaf: bytes, chain: bytes) -> str:
    """SHA-256 over leaf and chain; line ends do not count. A leaf without a chain is its own chain."""
    parts = [b"".join(part.split()) for part in (leaf, chain.strip() or leaf)]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def bundle(leaf: str, chain: str, key: SecretValue) -> SecretValue:
    """Leaf, chain and key as one PEM text that ends with a line break."""
    parts = (leaf.encode(), chain.encode(), key.reveal())
    return SecretValue(b"".join(part.strip() + b"\n" for part in parts if part.strip()))


def unlocked(pem: bytes, passphrase: bytes) -> SecretValue:
    """A private key as PKCS#8 without a passphrase. Takes a moment of CPU.

    Raises:
        ProviderError: it is not a key, or has another passphrase.
    """
    try:
        key = load_pem_private_key(pem, passphrase)
        return SecretValue(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    except (ValueError, TypeError):
        raise ProviderError("the exported private key cannot be decrypted") from None
