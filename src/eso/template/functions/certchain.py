"""Certificates read from PEM, and put into the order of their chain."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from eso.template.functions.pem import CERTIFICATE, blocks, encode
from eso.template.gotext.function import FunctionError

__all__ = ["ChainCertificate", "certificates_of", "chain_order", "load_certificate"]


@dataclass(slots=True)
class ChainCertificate:
    """A certificate with the identifiers that chains are built from; a missing one is empty.

    Attributes:
        authority: of the key that signed it; None when the certificate has none.
        subject: of its own key.
    """

    certificate: x509.Certificate
    authority: bytes | None
    subject: bytes

    @property
    def is_root(self) -> bool:
        """Whether it was signed with its own key, or does not say with which."""
        return self.authority is None or self.authority == self.subject

    def pem(self) -> str:
        """The certificate as PEM."""
        return encode(CERTIFICATE, self.certificate.public_bytes(Encoding.DER))


def load_certificate(der: bytes) -> ChainCertificate:
    """A certificate from DER.

    Raises:
        FunctionError: it is none.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
    except (ValueError, TypeError, x509.UnsupportedGeneralNameType):
        raise FunctionError("x509: malformed certificate") from None
    except x509.DuplicateExtension:
        raise FunctionError("x509: certificate contains duplicate extensions") from None
    authority: bytes | None = None
    subject = b""
    for extension in extensions:
        if isinstance(extension.value, x509.AuthorityKeyIdentifier):
            authority = extension.value.key_identifier
        elif isinstance(extension.value, x509.SubjectKeyIdentifier):
            subject = extension.value.digest
    return ChainCertificate(certificate, authority, subject)


def certificates_of(text: bytes) -> list[ChainCertificate]:
    """The certificates of all PEM blocks.

    Raises:
        FunctionError: a block holds none.
    """
    return [load_certificate(block.content) for block, _ in blocks(text)]


def _parents(certificates: list[ChainCertificate]) -> list[int | None]:
    """For each certificate the first other one whose key it names. Missing identifiers match each other, as in Go."""
    parents: list[int | None] = []
    for index, child in enumerate(certificates):
        parents.append(
            next(
                (
                    other
                    for other, candidate in enumerate(certificates)
                    if other != index and (child.authority or b"") == candidate.subject
                ),
                None,
            )
        )
    return parents


def chain_order(certificates: list[ChainCertificate]) -> list[ChainCertificate]:
    """The certificates from the leaf to the root, by their key identifiers; signatures are not looked at.

    Raises:
        FunctionError: there is no leaf or more than one, or the chain has no end.
    """
    parents = _parents(certificates)
    leaves = [index for index in range(len(certificates)) if index not in parents]
    if not leaves:
        raise FunctionError("no leaf certificate found")
    if len(leaves) > 1:
        raise FunctionError("found multiple leaf or disjunct certificates")
    chain: list[ChainCertificate] = []
    at: int | None = leaves[0]
    while at is not None:
        if len(chain) == len(certificates):
            raise FunctionError("constructing chain resulted in cycle")
        chain.append(certificates[at])
        at = parents[at]
    return chain
