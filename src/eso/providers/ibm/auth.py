"""Signing in at IBM Cloud IAM: an API key, or the token of a compute resource, becomes a bearer token."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from eso.errors import AccessDeniedError, InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_json, retry_after, transport_errors
from eso.providers.ibm.spec import IBMAuthContainerAuth
from eso.providers.renewed import Renewed
from eso.values import SecretValue

__all__ = ["IAM", "Proof", "api_key", "check_token_file", "compute_resource", "tokens"]

IAM: Final = "https://iam.cloud.ibm.com"
"""Source: the vendor's documentation, "Generating an IBM Cloud IAM token"."""

_OPERATION: Final = "/identity/token"
_USED: Final = 0.8
"""Part of its lifetime for which a token is used; source: the vendor's SDKs."""

_LIFETIME: Final = 3600.0
"""Seconds that a token lives when the answer does not say; source: as `IAM`."""

_TOKEN_FILE: Final = "/var/run/secrets/tokens/vault-token"
_OWN: Final = Path("/var/run/secrets/kubernetes.io")
_LARGEST_FILE: Final = 1 << 16
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_WHAT: Final = "signing in at IBM Cloud IAM"

Proof = Callable[[], Awaitable[Mapping[str, str]]]
"""Fields of the form that show who signs in."""


def api_key(key: SecretValue) -> Proof:
    """An API key of a user or a service ID.

    Raises:
        InvalidSpecError: it is not text.
    """
    try:
        text = key.reveal().decode()
    except UnicodeDecodeError:
        raise InvalidSpecError("auth.secretRef.secretApiKeySecretRef: the API key is not UTF-8") from None

    async def proof() -> Mapping[str, str]:
        return {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": text}

    return proof


def compute_resource(auth: IBMAuthContainerAuth) -> Proof:
    """The token in a file of the operator's Pod, for a trusted profile; the file is read at each sign-in."""

    async def proof() -> Mapping[str, str]:
        return {
            "grant_type": "urn:ibm:params:oauth:grant-type:cr-token",
            "cr_token": await asyncio.to_thread(_content, auth.token_location or _TOKEN_FILE),
            "profile_name": auth.profile,
        }

    return proof


def check_token_file(auth: IBMAuthContainerAuth) -> None:
    """Whether the file of the token is there and may be read.

    Raises:
        InvalidSpecError: it is not.
    """
    file = auth.token_location or _TOKEN_FILE
    if not os.path.isfile(file) or not os.access(file, os.R_OK):  # noqa: PTH113 - Path raises for a NUL in the name
        raise InvalidSpecError(f"cannot read container auth token {file}: mount it into the operator's Pod")


def _content(file: str) -> str:
    """The token in a file.

    Raises:
        InvalidSpecError: the file cannot be read, or holds something else than a token, which would be given away. So would the
            operator's own token for the API server.
    """
    where = f"auth.containerAuth.tokenLocation {file}"
    try:
        path = Path(file).resolve()
        if _OWN.resolve() in path.parents:
            raise InvalidSpecError(f"{where}: the operator's own token is not sent, mount one with the audience iam")
        if not path.is_file():
            raise InvalidSpecError(f"{where}: it is not a file, mount the token into the operator's Pod")
        with path.open("rb") as opened:
            content = opened.read(_LARGEST_FILE).decode().strip()
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is not text, or not a path"
        raise InvalidSpecError(f"{where}: the file cannot be read: {reason}") from None
    if not _TOKEN.fullmatch(content):
        raise InvalidSpecError(f"{where}: the file does not hold a token")
    return content


def tokens(
    http: aiohttp.ClientSession, endpoint: str, proof: Proof, calls: ProviderCalls, clock: Callable[[], float]
) -> Renewed[SecretValue]:
    """The bearer token of one identity, signed in when it is needed.

    Args:
        http: a session.
        endpoint: base URL of IAM.
        proof: who signs in.
        calls: the metered way to IAM.
        clock: seconds; measures the age of tokens.
    """
    url = endpoint.rstrip("/").removesuffix(_OPERATION) + _OPERATION

    async def fresh() -> tuple[SecretValue, float]:
        form = {**await proof(), "response_type": "cloud_iam"}
        asked = clock()
        token, lifetime = _read(await calls.write("GetToken", lambda: _post(http, url, form)))
        return token, asked + lifetime * _USED

    return Renewed(fresh, clock, early=0.0)


async def _post(http: aiohttp.ClientSession, url: str, form: Mapping[str, str]) -> Any:
    with transport_errors(_WHAT):
        async with http.post(url, data=form, headers={"Accept": "application/json"}, allow_redirects=False) as response:
            if response.status == 400:
                # How IAM refuses keys and profiles that it does not know.
                raise AccessDeniedError(f"{_WHAT}: IAM answered 400, check the credentials of the store")
            if response.status >= 300:
                found = error_for_status(response.status, _WHAT, wait=retry_after(response.headers))
                if isinstance(found, NoSecretError):
                    raise InvalidRequestError(f"{found}, check iamEndpoint")
                raise found
            return await read_json(response, _WHAT)


def _read(answer: Any) -> tuple[SecretValue, float]:
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise ProviderError(f"{_WHAT}: the answer has no access_token")
    lifetime = answer.get("expires_in")
    return SecretValue(token), lifetime if isinstance(lifetime, float) and lifetime > 0 else _LIFETIME
