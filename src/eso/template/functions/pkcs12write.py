"""Writing PKCS#12 files in the modern profile: AES-256-CBC with PBKDF2-SHA256, MAC with SHA-256.

Written here because an empty password, which the short forms of the functions use, is refused by the library.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from eso.template.functions.der import explicit, integer, octets, oid, sequence, set_of, tagged
from eso.template.functions.privatekeys import PrivateKey
from eso.template.functions.subjects import subject_text
from eso.template.gotext.function import FunctionError

__all__ = ["key_store", "trust_store"]

_ROUNDS: Final = 2048
_SALT: Final = 16
_MAC_KEY: Final = 3
"""What the key derivation of PKCS#12 is told to make a MAC key. Source: RFC 7292, appendix B.3."""

_DATA: Final = oid("1.2.840.113549.1.7.1")
_ENCRYPTED_DATA: Final = oid("1.2.840.113549.1.7.6")
_PBES2: Final = oid("1.2.840.113549.1.5.13")
_PBKDF2: Final = oid("1.2.840.113549.1.5.12")
_HMAC_SHA256: Final = oid("1.2.840.113549.2.9")
_SHA256: Final = oid("2.16.840.1.101.3.4.2.1")
_AES_256_CBC: Final = oid("2.16.840.1.101.3.4.1.42")
_CERTIFICATE_BAG: Final = oid("1.2.840.113549.1.12.10.1.3")
_SHROUDED_KEY_BAG: Final = oid("1.2.840.113549.1.12.10.1.2")
_X509: Final = oid("1.2.840.113549.1.9.22.1")
_FRIENDLY_NAME: Final = oid("1.2.840.113549.1.9.20")
_LOCAL_KEY_ID: Final = oid("1.2.840.113549.1.9.21")
_JAVA_TRUST_STORE: Final = oid("2.16.840.1.113894.746875.1.1")
_ANY_USAGE: Final = oid("2.5.29.37.0")


def _bmp(text: str) -> bytes:
    """Text in the two-byte encoding of PKCS#12.

    Raises:
        FunctionError: a character does not fit.
    """
    try:
        encoded = text.encode("utf-16-be")
    except UnicodeEncodeError:
        encoded = b""
    if len(encoded) != 2 * len(text):
        raise FunctionError("pkcs12: string contains characters that cannot be encoded in UCS-2")
    return encoded


def _mac_key(password: str, salt: bytes) -> bytes:
    """The MAC key of a password. Source: RFC 7292, appendix B.2, for one block of SHA-256 output."""
    block = 64

    def filled(data: bytes) -> bytes:
        size = -(-len(data) // block) * block
        return (data * (size // len(data) + 1))[:size] if data else b""

    digest = hashlib.sha256(bytes((_MAC_KEY,)) * block + filled(salt) + filled(_bmp(password) + b"\0\0")).digest()
    for _ in range(_ROUNDS - 1):
        digest = hashlib.sha256(digest).digest()
    return digest


def _encrypted(content: bytes, password: str) -> tuple[bytes, bytes]:
    """The algorithm as ASN.1, and the content encrypted by it."""
    salt, vector = secrets.token_bytes(_SALT), secrets.token_bytes(16)
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS, 32)
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(vector)).encryptor()
    encrypted = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    derivation = sequence(_PBKDF2, sequence(octets(salt), integer(_ROUNDS), sequence(_HMAC_SHA256)))
    return sequence(_PBES2, sequence(derivation, sequence(_AES_256_CBC, octets(vector)))), encrypted


def _attribute(name: bytes, value: bytes) -> bytes:
    return sequence(name, set_of(value))


def _bag(kind: bytes, content: bytes, attributes: list[bytes]) -> bytes:
    return sequence(kind, explicit(0, content), *([set_of(*attributes)] if attributes else []))


def _certificate_bag(certificate: x509.Certificate, attributes: list[bytes]) -> bytes:
    der = certificate.public_bytes(Encoding.DER)
    return _bag(_CERTIFICATE_BAG, sequence(_X509, explicit(0, octets(der))), attributes)


def _plain_content(content: bytes) -> bytes:
    return sequence(_DATA, explicit(0, octets(content)))


def _encrypted_content(bags: list[bytes], password: str) -> bytes:
    algorithm, encrypted = _encrypted(sequence(*bags), password)
    information = sequence(_DATA, algorithm, tagged(0x80, encrypted))
    return sequence(_ENCRYPTED_DATA, explicit(0, sequence(integer(0), information)))


def _file(contents: list[bytes], password: str) -> bytes:
    safe = sequence(*contents)
    salt = secrets.token_bytes(_SALT)
    digest = hmac.digest(_mac_key(password, salt), safe, "sha256")
    mac = sequence(sequence(sequence(_SHA256), octets(digest)), octets(salt), integer(_ROUNDS))
    return sequence(integer(3), _plain_content(safe), mac)


def key_store(key: PrivateKey, certificate: x509.Certificate, others: list[x509.Certificate], password: str) -> bytes:
    """A file with a key, its certificate, and further certificates.

    Raises:
        FunctionError: the password has characters outside of the basic multilingual plane.
    """
    _bmp(password)
    fingerprint = hashlib.sha1(certificate.public_bytes(Encoding.DER), usedforsecurity=False).digest()
    local_id = [_attribute(_LOCAL_KEY_ID, octets(fingerprint))]
    bags = [_certificate_bag(certificate, local_id), *[_certificate_bag(other, []) for other in others]]
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    algorithm, encrypted = _encrypted(der, password)
    key_bag = _bag(_SHROUDED_KEY_BAG, sequence(algorithm, octets(encrypted)), local_id)
    return _file([_encrypted_content(bags, password), _plain_content(sequence(key_bag))], password)


def trust_store(certificates: list[x509.Certificate], password: str) -> bytes:
    """A file with certificates only, marked as trusted for Java.

    Raises:
        FunctionError: the password or a subject has characters outside of the basic multilingual plane.
    """
    _bmp(password)
    bags = []
    for certificate in certificates:
        name = tagged(0x1E, _bmp(subject_text(certificate.subject)))
        attributes = [_attribute(_JAVA_TRUST_STORE, _ANY_USAGE), _attribute(_FRIENDLY_NAME, name)]
        bags.append(_certificate_bag(certificate, attributes))
    return _file([_encrypted_content(bags, password)], password)
