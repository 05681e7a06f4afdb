"""RSA decryption."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from eso.template.functions.pem import first_block
from eso.template.functions.privatekeys import load_any_key
from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import from_bytes, to_bytes

__all__ = ["rsa_decrypt"]

_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "SHA1": hashes.SHA1,
    "SHA256": hashes.SHA256,
    "SHA512": hashes.SHA512,
}


def rsa_decrypt(scheme: str, hash_name: str, data: str, key: str) -> str:
    """The data decrypted by RSA-OAEP with the key of a PEM text; scheme `None` returns the data.

    A hash other than SHA1, SHA256 and SHA512 means SHA256, as in the operator this is compatible with.

    Raises:
        FunctionError: the scheme is not known, the key cannot be read or is not RSA, or the data does not fit it.
    """
    if scheme == "None":
        return data
    if scheme != "RSA-OAEP":
        raise FunctionError("decryption scheme is not supported")
    if first_block(to_bytes(key)) is None:
        raise FunctionError("failed to decode PEM block")
    try:
        private = load_any_key(key)
    except FunctionError as err:
        raise FunctionError(f"could not parse private key: {err}") from None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise FunctionError("could not parse RSA private key")
    algorithm = _HASHES.get(hash_name, hashes.SHA256)()
    try:
        return from_bytes(private.decrypt(to_bytes(data), padding.OAEP(padding.MGF1(algorithm), algorithm, None)))
    except ValueError:
        raise FunctionError("error decrypting data with RSA: crypto/rsa: decryption error") from None
