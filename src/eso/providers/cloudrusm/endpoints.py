"""Where Cloud.ru's services are: in the environment of the operator, or in the directory of Cloud.ru."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from eso.errors import InvalidSpecError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.transform.gojson import loads

__all__ = ["Endpoints", "endpoints"]

_DIRECTORY: Final = "https://api.cloud.ru/endpoints"
_WHAT: Final = "failed to connect cloud.ru services: discover cloud.ru API endpoints"
_LIMIT: Final = 1 << 20


class Endpoints(NamedTuple):
    """Host and port of each service."""

    iam: str
    secret_manager: str


async def endpoints(
    environ: Mapping[str, str], http: Callable[[], aiohttp.ClientSession], calls: ProviderCalls
) -> Endpoints:
    """Both addresses of the environment (`CLOUDRU_IAM_ADDRESS`, `CLOUDRU_CSM_ADDRESS`), or else those of the directory.

    Args:
        environ: of the operator; `CLOUDRU_DISCOVERY_URL` names another directory.
        http: opens a session.
        calls: the metered way.

    Raises:
        InvalidSpecError: the URL of the directory is none.
        ProviderError: the directory does not answer, or does not know a service.
    """
    url = environ.get("CLOUDRU_DISCOVERY_URL") or _DIRECTORY
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    if scheme not in ("http", "https"):
        raise InvalidSpecError("CLOUDRU_DISCOVERY_URL: invalid scheme in discovery URL, expected http or https")
    iam, secret_manager = environ.get("CLOUDRU_IAM_ADDRESS", ""), environ.get("CLOUDRU_CSM_ADDRESS", "")
    if iam and secret_manager:
        return Endpoints(iam, secret_manager)
    session = http()
    found = await calls.write("GetEndpoints", lambda: _listed(session, url))
    return Endpoints(_address(found, "iam"), _address(found, "secret-manager"))


async def _listed(session: aiohttp.ClientSession, url: str) -> Any:
    with transport_errors(_WHAT):
        async with session.get(url, allow_redirects=False) as response:
            if response.status == 404 or response.status in range(300, 400):
                # Not an error of an absent secret, which would delete.
                raise ProviderError(f"{_WHAT}: unexpected status code {response.status}")
            if response.status != 200:
                raise error_for_status(response.status, _WHAT, wait=retry_after(response.headers))
            body = await read_body(response, _WHAT, limit=_LIMIT)
    try:
        answer = loads(body)
    except ValueError:
        raise ProviderError(f"{_WHAT}: the answer is not JSON") from None
    listed = answer.get("endpoints") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise ProviderError(f"{_WHAT}: the answer holds no endpoints")
    return listed


def _address(listed: list[Any], service: str) -> str:
    for endpoint in listed:
        if isinstance(endpoint, dict) and endpoint.get("id") == service:
            address = endpoint.get("address")
            if isinstance(address, str) and address:
                return address
    raise ProviderError(f"failed to connect cloud.ru services: {service} API is not available")
