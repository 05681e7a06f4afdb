"""What the vendor's client demands of its input, checked before anything is sent."""

from __future__ import annotations

import re
from typing import Final

from eso.errors import InvalidSpecError
from eso.providers.beyondtrust.auth import Credentials
from eso.providers.beyondtrust.spec import BeyondtrustServer
from eso.providers.common import is_url
from eso.values import SecretValue

__all__ = ["check_certificate", "check_credentials", "check_server", "seconds"]

_TIMEOUT: Final = 45
"""Seconds for a request where the store does not say; source: External Secrets Operator."""

_LONGEST_TIMEOUT: Final = 300
_VERSION: Final = 3
_API_KEY: Final = (128, 263)
_CLIENT_ID: Final = (36, 36)
_CLIENT_SECRET: Final = (36, 64)
_LONGEST_PEM: Final = 4096
"""Limits in characters, where nothing else is said; source: the vendor's Go client."""

_ROUTE: Final = "/BeyondTrust/api/public/v"
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----", re.DOTALL)
_KEY: Final = re.compile(r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----.*-----END ([A-Z]+ )?PRIVATE KEY-----", re.DOTALL)


def seconds(server: BeyondtrustServer) -> float:
    """For a whole request."""
    return float(server.client_time_out_seconds or _TIMEOUT)


def check_server(server: BeyondtrustServer) -> None:
    """URL, version and timeout.

    Raises:
        InvalidSpecError: one of them cannot work; the text names the field.
    """
    if not is_url(server.api_url, schemes=("https",)):
        raise InvalidSpecError("server.apiUrl must be an https URL with a host")
    if _ROUTE not in server.api_url:
        raise InvalidSpecError(f"server.apiUrl must contain {_ROUTE} as part of its path")
    if server.api_version and len(server.api_version) != _VERSION:
        raise InvalidSpecError(f"server.apiVersion must have {_VERSION} characters, for example 3.1")
    if not 1 <= seconds(server) <= _LONGEST_TIMEOUT:
        raise InvalidSpecError(f"server.clientTimeOutSeconds must be between 1 and {_LONGEST_TIMEOUT}")


def check_credentials(credentials: Credentials) -> None:
    """Lengths of the API key, or of client id and secret.

    Raises:
        InvalidSpecError: one has another length; the text names the field, not the value.
    """
    if credentials.api_key is not None:
        _check_length("apiKey", credentials.api_key, _API_KEY)
        text = credentials.api_key.reveal_text()
        if not (text.isascii() and text.isprintable()):
            raise InvalidSpecError("auth.apiKey must be printable ASCII without line breaks")
        return
    _check_length("clientId", credentials.client_id, _CLIENT_ID)
    _check_length("clientSecret", credentials.client_secret, _CLIENT_SECRET)


def check_certificate(certificate: SecretValue, key: SecretValue) -> tuple[bytes, bytes]:
    """The pair, without white space around it.

    Raises:
        InvalidSpecError: one is too long, or no PEM; the text does not show it.
    """
    pair = []
    for field, value, form in (("certificate", certificate, _CERTIFICATE), ("certificateKey", key, _KEY)):
        text = value.reveal_text().strip()
        if len(text) > _LONGEST_PEM:
            raise InvalidSpecError(f"auth.{field} is longer than {_LONGEST_PEM} characters")
        if not form.fullmatch(text):
            raise InvalidSpecError(f"auth.{field} must be PEM, from its BEGIN line to its END line")
        pair.append(text.encode("utf-8", "surrogateescape"))
    return pair[0], pair[1]


def _check_length(field: str, value: SecretValue | None, limits: tuple[int, int]) -> None:
    least, most = limits
    if value is None or not least <= len(value.reveal_text()) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise InvalidSpecError(f"auth.{field} must have {wanted} characters; check it for line breaks")
