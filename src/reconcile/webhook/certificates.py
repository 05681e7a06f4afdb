"""Certificates of webhooks as values: issue, judge, renew. Pure functions over a wall clock that is passed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reconcile.errors import ReconcileError

__all__ = ["CertificateBundle", "CertificateError", "Policy", "check_serving", "renewed"]

_HOUR = timedelta(hours=1)


class CertificateError(ReconcileError):
    """A certificate or its key is missing, damaged, expired, or for another name; the message says which. Holds no key."""


@dataclass(frozen=True, slots=True)
class CertificateBundle:
    """What a webhook server and those who call it need, all PEM. An empty field is missing.

    Attributes:
        ca: certificates to trust, the newest authority first.
        ca_key: the key of the newest authority.
        certificate: the serving certificate.
        key: its key.
    """

    ca: bytes = b""
    ca_key: bytes = field(default=b"", repr=False)
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """How certificates are made and when they are renewed.

    Attributes:
        name: common name and organisation of the authority.
        dns_names: what the server is called; the first is its common name.
        lifetime: of authority and serving certificate.
        renew_before: an authority or certificate that ends within this time is renewed.
        overlap: a new authority is trusted for this long before a certificate of it is served, so that every API server
            knows it by then; and the old one for this long after that, until no server shows the old certificate.
    """

    name: str
    dns_names: Sequence[str]
    lifetime: timedelta = timedelta(days=3650)
    renew_before: timedelta = timedelta(days=90)
    overlap: timedelta = timedelta(hours=24)


def renewed(bundle: CertificateBundle, policy: Policy, now: datetime) -> CertificateBundle:
    """The bundle as it should be; the very same when nothing is to be done.

    An authority that nears its end, or whose key is lost, gets a successor: first both are trusted and the old certificate is
    served on; after `overlap` a certificate of the successor is served; after another `overlap` the old one is not trusted any
    more. When no authority is left, or none vouches for the certificate that is served, both are replaced at once.
    """
    at = now + policy.renew_before
    authorities = [ca for ca in _authorities(bundle.ca) if ca.not_valid_after_utc > now]
    if not authorities:
        ca, ca_key = _new_authority(policy, now)
        return _with_serving(CertificateBundle(ca, ca_key), policy, now)
    if authorities[0].not_valid_after_utc <= at or not _is_key_of(bundle.ca_key, authorities[0]):
        ca, ca_key = _new_authority(policy, now)
        bundle = CertificateBundle(ca + _pem(*authorities), ca_key, bundle.certificate, bundle.key)
        authorities = _authorities(bundle.ca)
    elif len(authorities) < len(_authorities(bundle.ca)):
        bundle = CertificateBundle(_pem(*authorities), bundle.ca_key, bundle.certificate, bundle.key)
    try:
        check_serving(bundle, policy.dns_names, now)
    except CertificateError:
        return _with_serving(bundle, policy, now)
    leaf = x509.load_pem_x509_certificates(bundle.certificate)[0]
    if leaf.not_valid_after_utc <= at or not _issued(authorities[0], leaf):
        # Certificates begin an hour in the past, for clocks that are behind.
        known_for = now - (authorities[0].not_valid_before_utc + _HOUR)
        if known_for >= policy.overlap or len(authorities) == 1:
            return _with_serving(bundle, policy, now)
    elif len(authorities) > 1 and now - (leaf.not_valid_before_utc + _HOUR) >= policy.overlap:
        return replace(bundle, ca=_pem(authorities[0]))
    return bundle


def check_serving(bundle: CertificateBundle, dns_names: Sequence[str], at: datetime) -> None:
    """Check that a server with this bundle is trusted at that time, under all of the names, by who trusts `bundle.ca`.

    An intermediate certificate may follow the serving one.

    Raises:
        CertificateError: it is not; the message says why.
    """
    if not (bundle.ca and bundle.certificate and bundle.key):
        raise CertificateError("empty cert")
    authorities = _authorities(bundle.ca)
    if not authorities:
        raise CertificateError("bad CA cert")
    try:
        chain = x509.load_pem_x509_certificates(bundle.certificate)
    except ValueError as err:
        raise CertificateError("the serving certificate is not a PEM certificate") from err
    leaf = chain[0]
    if not _is_key_of(bundle.key, leaf):
        raise CertificateError("the key does not belong to the serving certificate")
    _check_chain(chain, authorities, at)
    names = _dns_names(leaf)
    for name in dns_names:
        if not any(_matches(pattern, name) for pattern in names):
            raise CertificateError(f"the serving certificate is for {', '.join(names) or 'no name'}, not for {name}")


def _check_chain(chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], at: datetime) -> None:
    current, used = chain[0], [chain[0]]
    for _ in chain:
        issuer = next((ca for ca in authorities if _issued(ca, current)), None)
        if issuer is not None:
            used.append(issuer)
            break
        step = next((link for link in chain[1:] if link not in used and _issued(link, current)), None)
        if step is None:
            raise CertificateError("the serving certificate is not signed by the CA")
        used.append(step)
        current = step
    for certificate in used:
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise CertificateError(
                f"the certificate {certificate.subject.rfc4514_string()} is valid from"
                f" {certificate.not_valid_before_utc.isoformat()} to {certificate.not_valid_after_utc.isoformat()},"
                f" not at {at.isoformat()}"
            )


def _authorities(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []


def _pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_key_of(key: bytes, certificate: x509.Certificate) -> bool:
    try:
        loaded = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError):
        return False
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return loaded.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)


def _dns_names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)


def _matches(pattern: str, name: str) -> bool:
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name


def _new_authority(policy: Policy, now: datetime) -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, policy.name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, policy.name),
        ]
    )
    certificate = (
        _builder(name, name, key, policy, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(policy.name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate), _key_pem(key)


def _with_serving(bundle: CertificateBundle, policy: Policy, now: datetime) -> CertificateBundle:
    authority = _authorities(bundle.ca)[0]
    ca_key = serialization.load_pem_private_key(bundle.ca_key, None)
    if not isinstance(ca_key, rsa.RSAPrivateKey):
        raise CertificateError("the CA key is not an RSA key")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, policy.dns_names[0][:64])])
    certificate = (
        _builder(subject, authority.subject, key, policy, now, until=authority.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in policy.dns_names]), critical=False)
        # Old and new authority have one name: this says which of them signed.
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return CertificateBundle(bundle.ca, bundle.ca_key, _pem(certificate), _key_pem(key))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPrivateKey,
    policy: Policy,
    now: datetime,
    until: datetime | None = None,
) -> x509.CertificateBuilder:
    end = now + policy.lifetime
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _HOUR)
        .not_valid_after(end if until is None else min(end, until))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    # PKCS#1, which is what every consumer of such a Secret has seen so far.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
