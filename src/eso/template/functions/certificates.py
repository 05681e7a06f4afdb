"""Keys and certificates that are made while a template renders."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from datetime import UTC, datetime, timedelta
from warnings import catch_warnings, simplefilter

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from eso.template.functions.certchain import ChainCertificate, load_certificate
from eso.template.functions.certificate import CertificateRecord
from eso.template.functions.encoding import DecodeError, decode_base64
from eso.template.functions.pem import CERTIFICATE, encode, first_block
from eso.template.functions.privatekeys import SigningKey, load_labelled_key, traditional_pem
from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import Value, from_bytes, to_bytes

__all__ = [
    "build_custom_cert",
    "gen_ca",
    "gen_ca_with_key",
    "gen_private_key",
    "gen_self_signed_cert",
    "gen_self_signed_cert_with_key",
    "gen_signed_cert",
    "gen_signed_cert_with_key",
]

_SERIAL_BITS = 128


def _new_rsa(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def gen_private_key(kind: str) -> str:
    """A new key as PEM: `rsa` (4096 bits), `dsa`, `ecdsa` (P-256) or `ed25519`; the text of an error for another kind."""
    if kind in ("", "rsa"):
        return traditional_pem(_new_rsa(4096))
    if kind == "dsa":
        return traditional_pem(dsa.generate_private_key(2048))
    if kind == "ecdsa":
        return traditional_pem(ec.generate_private_key(ec.SECP256R1()))
    if kind == "ed25519":
        return traditional_pem(ed25519.Ed25519PrivateKey.generate())
    return f"Unknown type {kind}"


def _loaded(key: str) -> SigningKey:
    try:
        loaded = load_labelled_key(key)
    except FunctionError as err:
        raise FunctionError(f"parsing private key: {err}") from None
    if isinstance(loaded, dsa.DSAPrivateKey):
        raise FunctionError("error creating certificate: x509: only RSA, ECDSA and Ed25519 keys supported")
    return loaded


def _address(value: Value) -> x509.IPAddress:
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        address = ipaddress.ip_address(value)
    except ValueError:
        raise FunctionError("error parsing ip: an element is no text of an address") from None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return x509.IPAddress(mapped or address)


def _dns_name(value: Value) -> x509.DNSName:
    try:
        if not isinstance(value, str):
            raise ValueError
        return x509.DNSName(value)
    except ValueError:
        raise FunctionError("error processing alternate dns name: an element is no ASCII text") from None


def _name(common_name: str) -> x509.Name:
    if not common_name:
        return x509.Name([])
    try:
        with catch_warnings():
            # The library warns of names longer than the standard's 64 characters; Go takes them.
            simplefilter("ignore")
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name, _validate=False)])
    except (ValueError, UnicodeEncodeError):
        raise FunctionError("error creating certificate: the common name is no valid text") from None


def _key_id(key: SigningKey) -> bytes:
    """The identifier of a public key: its SHA-256, cut to 160 bits. Source: crypto/x509 since Go 1.25, RFC 7093."""
    public = key.public_key()
    # The bits of the key without its algorithm, which the library only digests with SHA-1.
    if isinstance(public, rsa.RSAPublicKey):
        bits = public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        bits = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    else:
        bits = public.public_bytes_raw()
    return hashlib.sha256(bits).digest()[:20]


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _digest(key: SigningKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """The hash that Go signs with by default."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return (
            hashes.SHA384()
            if key.curve.key_size == 384
            else hashes.SHA512()
            if key.curve.key_size == 521
            else hashes.SHA256()
        )
    return hashes.SHA256()


class _Request:
    """What a certificate shall say."""

    def __init__(
        self, name: str, addresses: list[Value], dns_names: list[Value], days: int, authority: bool = False
    ) -> None:
        self.subject = _name(name)
        self.alternatives = [*map(_dns_name, dns_names), *map(_address, addresses)]
        self.days = days
        self.authority = authority

    def issued(self, key: SigningKey, parent: ChainCertificate | None, signer: SigningKey) -> CertificateRecord:
        """The certificate, signed; without a parent it is self-signed."""
        try:
            certificate = self._builder(key, parent).sign(signer, _digest(signer))
        except (ValueError, TypeError, OverflowError):
            raise FunctionError("error creating certificate: its lifetime or its names cannot be written") from None
        return CertificateRecord(encode(CERTIFICATE, certificate.public_bytes(Encoding.DER)), traditional_pem(key))

    def _builder(self, key: SigningKey, parent: ChainCertificate | None) -> x509.CertificateBuilder:
        start = datetime.now(UTC)
        issuer = self.subject if parent is None else parent.certificate.subject
        builder = (
            x509.CertificateBuilder()
            .serial_number(secrets.randbelow(1 << _SERIAL_BITS) or 1)
            .subject_name(self.subject)
            .issuer_name(issuer)
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=self.days))
            .public_key(key.public_key())
            .add_extension(_usage(self.authority), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.BasicConstraints(ca=self.authority, path_length=None), critical=True)
        )
        if self.authority:
            builder = builder.add_extension(x509.SubjectKeyIdentifier(_key_id(key)), critical=False)
        if parent is not None and parent.subject and issuer != self.subject:
            builder = builder.add_extension(x509.AuthorityKeyIdentifier(parent.subject, None, None), critical=False)
        if self.alternatives:
            empty = not list(self.subject)
            builder = builder.add_extension(x509.SubjectAlternativeName(self.alternatives), critical=empty)
        return builder


def gen_ca(name: str, days: int) -> CertificateRecord:
    """A certificate authority with a new RSA key of 2048 bits.

    Raises:
        FunctionError: it cannot be made.
    """
    return _authority(name, days, _new_rsa(2048))


def gen_ca_with_key(name: str, days: int, key: str) -> CertificateRecord:
    """A certificate authority with a given key.

    Raises:
        FunctionError: it cannot be made.
    """
    return _authority(name, days, _loaded(key))


def _authority(name: str, days: int, key: SigningKey) -> CertificateRecord:
    return _Request(name, [], [], days, authority=True).issued(key, None, key)


def gen_self_signed_cert(name: str, addresses: list[Value], dns_names: list[Value], days: int) -> CertificateRecord:
    """A self-signed certificate with a new RSA key of 2048 bits.

    Raises:
        FunctionError: it cannot be made.
    """
    key = _new_rsa(2048)
    return _Request(name, addresses, dns_names, days).issued(key, None, key)


def gen_self_signed_cert_with_key(
    name: str, addresses: list[Value], dns_names: list[Value], days: int, key: str
) -> CertificateRecord:
    """A self-signed certificate with a given key.

    Raises:
        FunctionError: it cannot be made.
    """
    loaded = _loaded(key)
    return _Request(name, addresses, dns_names, days).issued(loaded, None, loaded)


def _signed(request: _Request, authority: CertificateRecord, key: SigningKey) -> CertificateRecord:
    block = first_block(to_bytes(authority.cert))
    if block is None:
        raise FunctionError("unable to decode certificate")
    try:
        parent = load_certificate(block.content)
    except FunctionError as err:
        raise FunctionError(f"error parsing certificate: {err}") from None
    signer = _loaded(authority.key)
    if parent.certificate.public_key() != signer.public_key():
        raise FunctionError("error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey")
    return request.issued(key, parent, signer)


def gen_signed_cert(
    name: str, addresses: list[Value], dns_names: list[Value], days: int, authority: CertificateRecord
) -> CertificateRecord:
    """A certificate with a new RSA key of 2048 bits, signed by an authority.

    Raises:
        FunctionError: it cannot be made.
    """
    return _signed(_Request(name, addresses, dns_names, days), authority, _new_rsa(2048))


def gen_signed_cert_with_key(
    name: str, addresses: list[Value], dns_names: list[Value], days: int, authority: CertificateRecord, key: str
) -> CertificateRecord:
    """A certificate with a given key, signed by an authority.

    Raises:
        FunctionError: it cannot be made.
    """
    return _signed(_Request(name, addresses, dns_names, days), authority, _loaded(key))


def build_custom_cert(certificate: str, key: str) -> CertificateRecord:
    """A certificate and a key given as Base64 of PEM.

    Raises:
        FunctionError: one of them cannot be read.
    """
    try:
        cert_pem = decode_base64(certificate)
    except DecodeError:
        raise FunctionError("unable to decode base64 certificate") from None
    try:
        key_pem = from_bytes(decode_base64(key))
    except DecodeError:
        raise FunctionError("unable to decode base64 private key") from None
    block = first_block(cert_pem)
    if block is None:
        raise FunctionError("unable to decode certificate")
    try:
        load_certificate(block.content)
    except FunctionError as err:
        raise FunctionError(f"error parsing certificate: {err}") from None
    try:
        load_labelled_key(key_pem)
    except FunctionError as err:
        raise FunctionError(f"error parsing private key: {err}") from None
    return CertificateRecord(from_bytes(cert_pem), key_pem)
