"""Where Google's sign-in services are, and whether a URL is one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from eso.errors import InvalidSpecError

__all__ = ["GOOGLE", "GoogleEndpoints", "is_endpoint", "universe_of"]

GOOGLE: Final = "googleapis.com"
"""The universe that everybody can use."""

_VARIABLE: Final = "GOOGLE_CLOUD_UNIVERSE_DOMAIN"
"""Where Google's own libraries look up another universe: those of sovereign clouds."""

_DOMAIN: Final = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_VARIANT: Final = r"(\.mtls|\.[a-z]+-[a-z]+[0-9]+\.rep)?"
"""Mutual TLS, or one region. Source: the endpoints listed in the discovery documents of the STS and IAM Credentials APIs.

No other subdomain will do: buckets are subdomains as well, and everybody can make those."""


@dataclass(frozen=True, slots=True)
class GoogleEndpoints:
    """Where Google's services are; tests put servers of their own here.

    Attributes:
        binding: token exchange of GKE.
        sts: Security Token Service.
        iam: IAM Credentials API.
        metadata: metadata server.
        token: OAuth, for user credentials and keys that name no other.
        universe: domain of all services.
    """

    binding: str = "https://securetoken.googleapis.com/v1/identitybindingtoken"
    sts: str = "https://sts.googleapis.com/v1/token"
    iam: str = "https://iamcredentials.googleapis.com"
    metadata: str = "http://metadata.google.internal"
    token: str = "https://oauth2.googleapis.com/token"
    universe: str = GOOGLE

    @classmethod
    def of_universe(cls, domain: str) -> Self:
        """The endpoints in a universe."""
        return cls(
            binding=f"https://securetoken.{domain}/v1/identitybindingtoken",
            sts=f"https://sts.{domain}/v1/token",
            iam=f"https://iamcredentials.{domain}",
            token=f"https://oauth2.{domain}/token",
            universe=domain,
        )


def universe_of(environ: Mapping[str, str]) -> str:
    """The universe the operator works in: Google's own, unless its environment names another.

    Raises:
        InvalidSpecError: what it names is not a domain.
    """
    domain = environ.get(_VARIABLE, "") or GOOGLE
    if not _DOMAIN.fullmatch(domain):
        raise InvalidSpecError(f"{_VARIABLE} of the operator must be a domain such as {GOOGLE}")
    return domain


def is_endpoint(url: str, service: str, universe: str) -> bool:
    """Whether a URL without path is an endpoint of the service, for example of `sts`."""
    return re.fullmatch(rf"https://{re.escape(service)}{_VARIANT}\.{re.escape(universe)}", url) is not None
