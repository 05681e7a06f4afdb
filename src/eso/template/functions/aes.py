"""AES encryption with a password as the key."""

from __future__ import annotations

import base64
import secrets
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from eso.template.functions.bytewise import slice_bounds
from eso.template.functions.encoding import DecodeError, decode_base64
from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import from_bytes, to_bytes

__all__ = ["decrypt_aes", "encrypt_aes"]

_BLOCK: Final = 16
_KEY: Final = 32


def _cipher(password: str, vector: bytes) -> Cipher[modes.CBC]:
    key = to_bytes(password)[:_KEY].ljust(_KEY, b"\0")
    return Cipher(algorithms.AES256(key), modes.CBC(vector))


def encrypt_aes(password: str, text: str) -> str:
    """The text by AES-256-CBC, the vector in front, in Base64; empty for an empty text."""
    if not text:
        return ""
    vector = secrets.token_bytes(_BLOCK)
    padder = PKCS7(_BLOCK * 8).padder()
    encryptor = _cipher(password, vector).encryptor()
    encrypted = encryptor.update(padder.update(to_bytes(text)) + padder.finalize()) + encryptor.finalize()
    return base64.b64encode(vector + encrypted).decode("ascii")


def decrypt_aes(password: str, text: str) -> str:
    """What `encrypt_aes` encrypted; empty for an empty text. A wrong password gives garbage or fails.

    Raises:
        FunctionError: the text is not Base64 of whole blocks, or the padding points out of it.
    """
    if not text:
        return ""
    try:
        data = decode_base64(text)
    except DecodeError as err:
        raise FunctionError(str(err)) from None
    slice_bounds(len(data), 0, _BLOCK, noun="capacity")
    if len(data) % _BLOCK:
        raise FunctionError("crypto/cipher: input not full blocks")
    if len(data) == _BLOCK:
        raise FunctionError("runtime error: index out of range [-1]")
    decryptor = _cipher(password, data[:_BLOCK]).decryptor()
    plain = decryptor.update(data[_BLOCK:]) + decryptor.finalize()
    end = len(plain) - plain[-1]
    slice_bounds(len(plain), 0, end)
    return from_bytes(plain[:end])
