"""An identity token of Google: it proves to Akeyless which service account the operator runs as."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import jwt

from eso.errors import InvalidSpecError
from eso.identity.gcp import GoogleEndpoints, universe_of
from eso.identity.gcp.http import answer_to, text_of
from eso.identity.gcp.key import member_of
from eso.identity.gcp.metadata import MetadataServer
from eso.providers.akeyless.surroundings import Surroundings
from eso.transform.gojson import loads

__all__ = ["google_identity"]

_FILE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME: Final = 3600
"""Seconds; the longest that Google accepts."""

_BY_KEY: Final = "getting an identity token with the Google service account key"


async def google_identity(around: Surroundings, http: aiohttp.ClientSession, audience: str) -> str:
    """An identity token, by the key that the environment names, else from the metadata server.

    Args:
        around: environment and endpoints.
        http: carries the requests.
        audience: whom the token is for.

    Raises:
        InvalidSpecError: the file cannot be read, or holds no key of a service account.
        ProviderError: Google refused, or there is no metadata server.
    """
    endpoints = around.google or GoogleEndpoints.of_universe(universe_of(around.environ))
    file = around.environ.get(_FILE)
    if file:
        key = await asyncio.to_thread(_key_in, file)
        url = member_of(key, "token_uri") if key.get("token_uri") else endpoints.token
        form = {"grant_type": _GRANT, "assertion": _signed(key, url, audience, around.now())}
        answer = await answer_to(http, "POST", url, _BY_KEY, form=form)
        if answer.status != 200:
            raise answer.error(_BY_KEY)
        return text_of(answer, "id_token", _BY_KEY)
    host = around.environ.get("GCE_METADATA_HOST")
    server = MetadataServer(http, f"http://{host}" if host else endpoints.metadata)
    answer = await server.answer("instance/service-accounts/default/identity", {"audience": audience, "format": "full"})
    if answer.status != 200 or not answer.text:
        raise answer.error("asking the Google metadata server for an identity token")
    return answer.text


def _key_in(file: str) -> dict[str, Any]:
    try:
        document = Path(file).read_bytes()
    except OSError as err:
        raise InvalidSpecError(f"{_FILE} cannot be read: {err.strerror}") from err
    try:
        info = loads(document)
    except ValueError:
        info = None
    if not isinstance(info, dict) or info.get("type") != "service_account":
        raise InvalidSpecError(f"{_FILE} does not name the key of a service account, which identity tokens need")
    return info


def _signed(key: dict[str, Any], url: str, audience: str, now: datetime) -> str:
    # Source: Google Cloud documentation, "Get an ID token", by a self-signed JWT with target_audience.
    issued = int(now.timestamp())
    email = member_of(key, "client_email")
    claims = {
        "iss": email,
        "sub": email,
        "aud": url,
        "target_audience": audience,
        "iat": issued,
        "exp": issued + _LIFETIME,
    }
    headers = {"kid": key["private_key_id"]} if isinstance(key.get("private_key_id"), str) else None
    try:
        return jwt.encode(claims, member_of(key, "private_key"), algorithm="RS256", headers=headers)
    except (ValueError, TypeError, jwt.PyJWTError):
        raise InvalidSpecError(f"the key that {_FILE} names holds no RSA private key") from None
