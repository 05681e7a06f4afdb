from __future__ import annotations

import ssl

import pytest

from eso.webhook.tls import CIPHERS, minimum_version, openssl_ciphers


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("", ssl.TLSVersion.TLSv1_2),
        ("1.0", ssl.TLSVersion.TLSv1_2),
        ("1.1", ssl.TLSVersion.TLSv1_2),
        ("1.2", ssl.TLSVersion.TLSv1_2),
        ("1.3", ssl.TLSVersion.TLSv1_3),
        ("9", ssl.TLSVersion.TLSv1_3),
    ],
)
def test_minimum_version(name: str, version: ssl.TLSVersion) -> None:
    assert minimum_version(name) is version


@pytest.mark.parametrize("name", CIPHERS)
def test_every_cipher_is_one_that_openssl_knows(name: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(openssl_ciphers(name))
    assert CIPHERS[name] in {cipher["name"] for cipher in context.get_ciphers()}


def test_unknown_cipher_is_named() -> None:
    with pytest.raises(ValueError, match=r"^cipher TLS_NULL was not found$"):
        openssl_ciphers("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_NULL")


def test_ciphers_of_the_newest_tls_only_leave_nothing_for_older_ones() -> None:
    assert minimum_version("1.2", "TLS_AES_128_GCM_SHA256") is ssl.TLSVersion.TLSv1_3
