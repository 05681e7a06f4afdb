"""Functions on PKCS#12 files."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from eso.template.functions.certchain import ChainCertificate, chain_order, load_certificate
from eso.template.functions.der import children, element_end, oid
from eso.template.functions.pem import blocks, first_block
from eso.template.functions.pkcs12write import key_store, trust_store
from eso.template.functions.privatekeys import PrivateKey, load_any_key, pkcs8_pem
from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import to_bytes

__all__ = [
    "full_pem_to_pkcs12",
    "full_pem_to_pkcs12_pass",
    "pem_to_pkcs12",
    "pem_to_pkcs12_pass",
    "pem_truststore_to_pkcs12",
    "pem_truststore_to_pkcs12_pass",
    "pkcs12_cert",
    "pkcs12_cert_pass",
    "pkcs12_key",
    "pkcs12_key_pass",
]

_NO_BLOCK: Final = "runtime error: invalid memory address or nil pointer dereference"

_KEY_BAGS: Final = (oid("1.2.840.113549.1.12.10.1.1"), oid("1.2.840.113549.1.12.10.1.2"))
_PLAIN: Final = oid("1.2.840.113549.1.7.1")


def _has_mac(data: bytes) -> bool:
    """Whether the file is protected by its password: the third element of the outermost sequence."""
    try:
        start, end = element_end(data, 0)
        _, version_end = element_end(data, start)
        return element_end(data, version_end)[1] < end
    except ValueError:
        # No DER: reading it properly fails with a better reason.
        return True


def _contents(information: bytes) -> Iterator[bytes]:
    """The elements of a ContentInfo; none when it is encrypted."""
    kind, content = children(information)
    return children(_inside(_inside(content))) if kind == _PLAIN else iter(())


def _inside(element: bytes) -> bytes:
    """What an explicit tag or an octet string holds."""
    start, end = element_end(element, 0)
    return element[start:end]


def _key_count(data: bytes) -> int:
    """How many keys the file has, as far as that shows: keys are encrypted one by one, seldom together."""
    try:
        _, authenticated, *_ = children(data)
        return sum(
            next(children(bag), b"") in _KEY_BAGS for part in _contents(authenticated) for bag in _contents(part)
        )
    except ValueError:
        # No DER: the library, which reads more forms, decides.
        return 1


def _loaded(password: str, data: bytes) -> pkcs12.PKCS12KeyAndCertificates:
    if password and not _has_mac(data):
        raise FunctionError("pkcs12: no MAC in data")
    # An empty password has two forms: an empty text, and none at all.
    attempts: list[bytes | None] = [to_bytes(password)] if password else [b"", None]
    for attempt in attempts:
        try:
            return pkcs12.load_pkcs12(data, attempt)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
    raise FunctionError("pkcs12: decryption password incorrect, or no PKCS#12 data")


def _decoded(password: str, text: str) -> tuple[PrivateKey, list[ChainCertificate]]:
    """The key, and the certificates: the one of the key first, the others in order of the file."""
    stored = _loaded(password, to_bytes(text))
    first = [] if stored.cert is None else [stored.cert]
    found = [
        load_certificate(entry.certificate.public_bytes(Encoding.DER)) for entry in [*first, *stored.additional_certs]
    ]
    if not found:
        raise FunctionError("pkcs12: certificate missing")
    key = stored.key
    if key is None:
        raise FunctionError("pkcs12: private key missing")
    if _key_count(to_bytes(text)) > 1:
        raise FunctionError("pkcs12: expected exactly one key bag")
    if not isinstance(
        key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, x25519.X25519PrivateKey)
    ):
        raise FunctionError("pkcs12: unknown private key type")
    return key, found


def pkcs12_key_pass(password: str, text: str) -> str:
    """The private key of a file as PEM.

    Raises:
        FunctionError: the password is wrong, or the file has no key or no certificate.
    """
    try:
        return pkcs8_pem(_decoded(password, text)[0])
    except FunctionError as err:
        raise FunctionError(f"unable to decode pkcs12 with password: {err}") from None


def pkcs12_key(text: str) -> str:
    """`pkcs12_key_pass` with an empty password."""
    return pkcs12_key_pass("", text)


def pkcs12_cert_pass(password: str, text: str) -> str:
    """The certificates of a file as PEM, from the leaf to the root if they are one chain.

    Raises:
        FunctionError: the password is wrong, or the file has no key or no certificate.
    """
    try:
        certificates = _decoded(password, text)[1]
    except FunctionError as err:
        raise FunctionError(f"unable to decode pkcs12 certificate with password: {err}") from None
    # What is no single chain stays in the order of the file.
    with suppress(FunctionError):
        certificates = chain_order(certificates)
    return "".join([certificate.pem() for certificate in certificates])


def pkcs12_cert(text: str) -> str:
    """`pkcs12_cert_pass` with an empty password."""
    return pkcs12_cert_pass("", text)


def _first_certificate(text: bytes) -> ChainCertificate:
    block = first_block(text)
    if block is None:
        raise FunctionError(_NO_BLOCK)
    return load_certificate(block.content)


def _all_certificates(text: bytes) -> list[ChainCertificate]:
    """The certificates of a text that must have nothing behind the last block, not even an empty line."""
    found: list[ChainCertificate] = []
    rest = text
    for block, rest in blocks(text):  # noqa: B007
        found.append(load_certificate(block.content))
    if rest:
        raise FunctionError(_NO_BLOCK)
    return found


def pem_to_pkcs12_pass(certificate: str, key: str, password: str) -> str:
    """A file of the first certificate and a key, in Base64.

    Raises:
        FunctionError: one of them cannot be read.
    """
    leaf = _first_certificate(to_bytes(certificate)).certificate
    return base64.b64encode(key_store(load_any_key(key), leaf, [], password)).decode("ascii")


def pem_to_pkcs12(certificate: str, key: str) -> str:
    """`pem_to_pkcs12_pass` with an empty password."""
    return pem_to_pkcs12_pass(certificate, key, "")


def full_pem_to_pkcs12_pass(chain: str, key: str, password: str) -> str:
    """A file of a chain, the leaf first, and a key, in Base64.

    Raises:
        FunctionError: one of them cannot be read, or something stands behind the last certificate.
    """
    data = to_bytes(chain)
    leaf = _first_certificate(data)
    others = [found.certificate for found in _all_certificates(data)[1:]]
    return base64.b64encode(key_store(load_any_key(key), leaf.certificate, others, password)).decode("ascii")


def full_pem_to_pkcs12(chain: str, key: str) -> str:
    """`full_pem_to_pkcs12_pass` with an empty password."""
    return full_pem_to_pkcs12_pass(chain, key, "")


def pem_truststore_to_pkcs12_pass(certificates: str, password: str) -> str:
    """A Java trust store of certificates, in Base64.

    Raises:
        FunctionError: a certificate cannot be read, or something stands behind the last one.
    """
    found = [entry.certificate for entry in _all_certificates(to_bytes(certificates))]
    return base64.b64encode(trust_store(found, password)).decode("ascii")


def pem_truststore_to_pkcs12(certificates: str) -> str:
    """`pem_truststore_to_pkcs12_pass` with an empty password."""
    return pem_truststore_to_pkcs12_pass(certificates, "")
