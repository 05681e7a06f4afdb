"""Text that CryptoJS encrypted with a passphrase, which is also what `openssl enc -aes-256-cbc -md md5 -base64` writes."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

__all__ = ["decrypted"]

_MAGIC: Final = b"Salted__"
_SALT: Final = 8
_KEY: Final = 32
_BLOCK: Final = 16
"""Bytes; also of the initialization vector."""


def decrypted(text: str, passphrase: bytes) -> bytes:
    """The plain text: AES-256-CBC, whose key comes from the passphrase and the salt in front.

    Args:
        text: base64 of `Salted__`, eight bytes of salt, and the encrypted blocks.
        passphrase: that it was encrypted with.

    Raises:
        ValueError: it is something else, or was encrypted with another passphrase.
    """
    try:
        sealed = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("the text is not base64") from None
    blocks = sealed[len(_MAGIC) + _SALT :]
    if not sealed.startswith(_MAGIC) or not blocks or len(blocks) % _BLOCK:
        raise ValueError("the text is not encrypted with a passphrase")
    key, vector = _derived(passphrase, sealed[len(_MAGIC) : len(_MAGIC) + _SALT])
    decryptor = Cipher(AES(key), CBC(vector)).decryptor()
    padding = PKCS7(_BLOCK * 8).unpadder()
    try:
        return padding.update(decryptor.update(blocks) + decryptor.finalize()) + padding.finalize()
    except ValueError:
        raise ValueError("the text was encrypted with another passphrase") from None


def _derived(passphrase: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Key and initialization vector. Source: EVP_BytesToKey of OpenSSL with MD5 and one iteration."""
    material = digest = b""
    while len(material) < _KEY + _BLOCK:
        digest = hashlib.md5(digest + passphrase + salt, usedforsecurity=False).digest()
        material += digest
    return material[:_KEY], material[_KEY : _KEY + _BLOCK]
