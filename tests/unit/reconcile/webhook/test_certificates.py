from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from reconcile.webhook.certificates import CertificateBundle, CertificateError, Policy, check_serving, renewed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "hooks.ns.svc"
POLICY = Policy("external-secrets", [NAME])


@pytest.fixture(scope="module")
def bundle() -> CertificateBundle:
    return renewed(CertificateBundle(), POLICY, NOW)


def _authorities(bundle: CertificateBundle) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(bundle.ca)


def test_what_is_issued_serves_its_name(bundle: CertificateBundle) -> None:
    check_serving(bundle, [NAME], NOW)
    check_serving(bundle, [NAME.upper()], NOW + timedelta(days=3649))
    (ca,) = _authorities(bundle)
    assert ca.not_valid_before_utc == NOW - timedelta(hours=1)
    assert ca.not_valid_after_utc == NOW + timedelta(days=3650)
    assert ca.subject.rfc4514_string() == "O=external-secrets,CN=external-secrets"
    assert bundle.key.startswith(b"-----BEGIN RSA PRIVATE KEY-----")


def test_keys_stay_out_of_the_repr(bundle: CertificateBundle) -> None:
    assert "PRIVATE" not in repr(bundle)


def test_nothing_is_done_while_nothing_must_be(bundle: CertificateBundle) -> None:
    assert renewed(bundle, POLICY, NOW) is bundle
    assert renewed(bundle, POLICY, NOW + timedelta(days=3000)) is bundle


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"certificate": b""}, "empty cert"),
        ({"key": b""}, "empty cert"),
        ({"ca": b""}, "empty cert"),
        ({"ca": b"garbage"}, "bad CA cert"),
        ({"certificate": b"garbage"}, "not a PEM certificate"),
        ({"key": b"garbage"}, "key does not belong"),
    ],
)
def test_damage_is_named(bundle: CertificateBundle, change: dict[str, bytes], problem: str) -> None:
    fields = {name: getattr(bundle, name) for name in ("ca", "ca_key", "certificate", "key")}
    with pytest.raises(CertificateError, match=problem):
        check_serving(CertificateBundle(**{**fields, **change}), [NAME], NOW)


@pytest.mark.parametrize(
    ("names", "at", "problem"),
    [
        (["other.ns.svc"], NOW, "is for hooks.ns.svc, not for other.ns.svc"),
        ([NAME], NOW + timedelta(days=3651), "valid from"),
        ([NAME], NOW - timedelta(hours=2), "valid from"),
    ],
)
def test_wrong_name_or_time_is_named(bundle: CertificateBundle, names: list[str], at: datetime, problem: str) -> None:
    with pytest.raises(CertificateError, match=problem):
        check_serving(bundle, names, at)


def test_a_stranger_is_not_trusted(bundle: CertificateBundle) -> None:
    stranger = renewed(CertificateBundle(), POLICY, NOW)
    mixed = CertificateBundle(stranger.ca, stranger.ca_key, bundle.certificate, bundle.key)
    with pytest.raises(CertificateError, match="not signed by the CA"):
        check_serving(mixed, [NAME], NOW)


def test_only_the_serving_certificate_is_replaced_when_only_it_is_wrong(bundle: CertificateBundle) -> None:
    for broken in (
        CertificateBundle(bundle.ca, bundle.ca_key),
        CertificateBundle(bundle.ca, bundle.ca_key, b"garbage", bundle.key),
    ):
        repaired = renewed(broken, POLICY, NOW)
        assert (repaired.ca, repaired.ca_key) == (bundle.ca, bundle.ca_key)
        check_serving(repaired, [NAME], NOW)
    other = renewed(bundle, Policy("external-secrets", ["new.ns.svc"]), NOW)
    assert other.ca == bundle.ca
    check_serving(other, ["new.ns.svc"], NOW)


@pytest.mark.parametrize("damage", [{"ca": b"garbage"}, {"ca": b""}])
def test_a_damaged_authority_is_replaced_with_its_certificate(
    bundle: CertificateBundle, damage: dict[str, bytes]
) -> None:
    fields = {name: getattr(bundle, name) for name in ("ca", "ca_key", "certificate", "key")}
    repaired = renewed(CertificateBundle(**{**fields, **damage}), POLICY, NOW)
    assert repaired.ca != bundle.ca
    check_serving(repaired, [NAME], NOW)


@pytest.mark.parametrize("key", [b"", b"garbage"])
def test_an_authority_without_its_key_is_replaced_with_overlap(bundle: CertificateBundle, key: bytes) -> None:
    """What is served goes on being trusted until every API server knows the successor."""
    first = renewed(CertificateBundle(bundle.ca, key, bundle.certificate, bundle.key), POLICY, NOW)
    assert _authorities(first)[1:] == _authorities(bundle)
    assert (first.certificate, first.key) == (bundle.certificate, bundle.key)
    assert renewed(first, POLICY, NOW + timedelta(hours=23)) is first
    second = renewed(first, POLICY, NOW + timedelta(hours=24))
    assert second.ca == first.ca
    assert second.certificate != first.certificate
    check_serving(CertificateBundle(first.ca, b"", second.certificate, second.key), [NAME], NOW + timedelta(hours=24))


def test_an_authority_that_ends_is_replaced_with_overlap(bundle: CertificateBundle) -> None:
    """At every step who trusts the bundle of the step before trusts the server."""
    late = NOW + timedelta(days=3600)
    first = renewed(bundle, POLICY, late)
    old, (new, kept) = _authorities(bundle)[0], _authorities(first)
    assert (kept == old, new == old) == (True, False)
    assert first.certificate == bundle.certificate  # still the old one
    check_serving(first, [NAME], late)

    assert renewed(first, POLICY, late + timedelta(hours=23)) is first
    second = renewed(first, POLICY, late + timedelta(hours=24))
    assert second.ca == first.ca
    assert second.certificate != first.certificate
    check_serving(CertificateBundle(first.ca, b"", second.certificate, second.key), [NAME], late + timedelta(days=1))

    assert renewed(second, POLICY, late + timedelta(hours=47)) is second
    third = renewed(second, POLICY, late + timedelta(hours=48))
    assert _authorities(third) == [new]
    assert (third.certificate, third.key) == (second.certificate, second.key)
    assert renewed(third, POLICY, late + timedelta(hours=49)) is third
    check_serving(third, [NAME], late + timedelta(hours=48))


def test_an_authority_that_has_ended_is_dropped(bundle: CertificateBundle) -> None:
    late = NOW + timedelta(days=3600)
    first = renewed(bundle, POLICY, late)
    new, _ = _authorities(first)
    third = renewed(first, POLICY, NOW + timedelta(days=3651))
    assert _authorities(third) == [new]
    check_serving(third, [NAME], NOW + timedelta(days=3651))
