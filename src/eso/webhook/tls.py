"""The TLS flags of the webhook: names as Go and IANA write them, values as OpenSSL takes them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

__all__ = ["CIPHERS", "minimum_version", "openssl_ciphers"]

# Source: the suites of TLS 1.2 that Go's crypto/tls counts as secure, with OpenSSL's name of each.
CIPHERS: Final[Mapping[str, str]] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
_ALWAYS: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""The suites of TLS 1.3, which are in use whenever TLS 1.3 is."""


def minimum_version(name: str, ciphers: str = "") -> ssl.TLSVersion:
    """The oldest version of TLS to speak.

    Nothing older than 1.2 is spoken: OpenSSL has switched it off, and no API server needs it. A list of ciphers that are
    all of TLS 1.3 leaves none for 1.2.

    Args:
        name: `1.0`, `1.1`, `1.2` or empty; anything else means 1.3.
        ciphers: the list of cipher names.
    """
    only_newest = bool(ciphers) and not openssl_ciphers(ciphers)
    if name in ("", "1.0", "1.1", "1.2") and not only_newest:
        return ssl.TLSVersion.TLSv1_2
    return ssl.TLSVersion.TLSv1_3


def openssl_ciphers(names: str) -> str:
    """OpenSSL's cipher list for TLS 1.2; empty when none is named.

    Args:
        names: comma separated IANA names.

    Raises:
        ValueError: a name is unknown, or of a suite that is not secure.
    """
    found: list[str] = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name in CIPHERS:
            found.append(CIPHERS[name])
        elif name not in _ALWAYS:
            raise ValueError(f"cipher {name} was not found")
    return ":".join(found)
