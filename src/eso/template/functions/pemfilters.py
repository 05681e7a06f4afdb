"""Functions that pick blocks and certificates out of PEM text."""

from __future__ import annotations

import ipaddress

from cryptography import x509

from eso.template.functions.certchain import certificates_of, chain_order, load_certificate
from eso.template.functions.pem import blocks, encode, first_block
from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import NilStringList, StringList, from_bytes, to_bytes

__all__ = ["cert_sans", "filter_cert_chain", "filter_pem"]


def filter_pem(label: str, text: str) -> str:
    """The blocks with a label, written anew; letter case does not matter.

    Raises:
        FunctionError: there is none, and something stands behind the last block.
    """
    found: list[str] = []
    rest = data = to_bytes(text)
    for block, rest in blocks(data):  # noqa: B007
        if from_bytes(block.label).casefold() == label.casefold():
            found.append(encode(block.label, block.content, block.headers))
    if not found and rest:
        raise FunctionError("error filtering pem: found junk")
    return "".join(found)


def filter_cert_chain(part: str, text: str) -> str:
    """The `leaf`, `intermediate` or `root` certificates of a chain in any order; empty for any other part.

    Raises:
        FunctionError: a block is no certificate, or they are no chain.
    """
    chain = chain_order(certificates_of(to_bytes(text)))
    if part == "leaf":
        return "" if chain[0].is_root else chain[0].pem()
    if part == "root":
        return chain[-1].pem() if chain[-1].is_root else ""
    found: list[str] = []
    if part == "intermediate":
        for certificate in chain[1:]:
            if certificate.is_root:
                break
            found.append(certificate.pem())
    return "".join(found)


def _address_text(address: object) -> str:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def cert_sans(text: str) -> StringList:
    """The alternative names of the first certificate: DNS names, addresses, e-mail addresses, URIs, in that order.

    Raises:
        FunctionError: there is no block, or no certificate in it.
    """
    block = first_block(to_bytes(text))
    if block is None:
        raise FunctionError("failed to decode PEM block")
    try:
        certificate = load_certificate(block.content).certificate
    except FunctionError as err:
        raise FunctionError(f"failed to parse certificate: {err}") from None
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return NilStringList()
    found = StringList(names.get_values_for_type(x509.DNSName))
    found += [_address_text(address) for address in names.get_values_for_type(x509.IPAddress)]
    found += names.get_values_for_type(x509.RFC822Name)
    found += names.get_values_for_type(x509.UniformResourceIdentifier)
    return found or NilStringList()
