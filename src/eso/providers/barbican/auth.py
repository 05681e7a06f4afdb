"""Signing in at Keystone: user and password become a token, and the catalogue tells where Barbican is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["Credentials", "Keystone", "Scoped"]

_WHAT: Final = "signing in at Keystone"
_SERVICE: Final = "key-manager"
_INTERFACE: Final = "public"
_LIMIT: Final = 4 << 20
"""Bytes of an answer: the catalogue of a cloud with many regions is long."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user, and the project and domain it signs in to; project and domain may be empty."""

    username: str
    password: SecretValue
    project: str
    domain: str


@dataclass(frozen=True, slots=True)
class Scoped:
    """A token for a project, and the URL of Barbican's API, without slash at its end."""

    token: SecretValue = field(repr=False)
    endpoint: str


class _Answer(NamedTuple):
    headers: Mapping[str, str]
    document: Any


class Keystone:
    """The identity service of a cloud.

    Args:
        http: a session of the client.
        url: of the service. The version of its API is 3 unless the path ends with `v2.0`.
        region: whose Barbican is used; empty takes the first one.
        credentials: to sign in with.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, region: str, credentials: Credentials) -> None:
        self._http = http
        self._region = region
        self._credentials = credentials
        base = url.rstrip("/")
        last = base.rpartition("/")[2]
        self._second = last == "v2.0"
        self._base = base if self._second or last == "v3" else f"{base}/v3"
        if not self._second and not credentials.domain:
            raise InvalidSpecError("domainName must be set: Keystone needs the domain of user and project")

    async def sign_in(self) -> tuple[Scoped, float]:
        """A token with the endpoint of Barbican, and the token's end in seconds of the epoch.

        Raises:
            ProviderError: the credentials were refused, or the cloud has no Barbican in this region.
        """
        return await (self._version_2() if self._second else self._version_3())

    async def _version_3(self) -> tuple[Scoped, float]:
        known = self._credentials
        domain = {"name": known.domain}
        user = {"name": known.username, "password": known.password.reveal_text(), "domain": domain}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if known.project:
            auth["scope"] = {"project": {"name": known.project, "domain": domain}}
        answer = await self._post("auth/tokens", {"auth": auth})
        granted = _mapping(_mapping(answer.document).get("token"))
        # The header's name is case-insensitive, so is the mapping.
        text = answer.headers.get("X-Subject-Token", "")
        found = (
            str(endpoint.get("url", ""))
            for endpoint in _endpoints(granted.get("catalog"))
            if endpoint.get("interface") == _INTERFACE and self._in_region(endpoint)
        )
        return self._scoped(text, next(found, "")), _ends(granted.get("expires_at"))

    async def _version_2(self) -> tuple[Scoped, float]:
        known = self._credentials
        auth: dict[str, Any] = {
            "passwordCredentials": {"username": known.username, "password": known.password.reveal_text()}
        }
        if known.project:
            auth["tenantName"] = known.project
        access = _mapping(_mapping((await self._post("tokens", {"auth": auth})).document).get("access"))
        granted = _mapping(access.get("token"))
        found = (
            str(endpoint.get("publicURL", ""))
            for endpoint in _endpoints(access.get("serviceCatalog"))
            if self._in_region(endpoint)
        )
        return self._scoped(str(granted.get("id") or ""), next(found, "")), _ends(granted.get("expires"))

    def _in_region(self, endpoint: Mapping[str, Any]) -> bool:
        return not self._region or self._region in (endpoint.get("region"), endpoint.get("region_id"))

    def _scoped(self, token: str, endpoint: str) -> Scoped:
        if not token or not token.isascii() or not token.isprintable():
            raise ProviderError(f"{_WHAT}: the answer holds no token that can be sent")
        if not endpoint:
            where = f"in region {self._region}" if self._region else "in any region"
            raise InvalidRequestError(
                f"{_WHAT}: the catalogue has no public endpoint of type {_SERVICE} {where}, check region and tenantName"
            )
        return Scoped(SecretValue(token), f"{endpoint.rstrip('/').removesuffix('/v1')}/v1")

    async def _post(self, path: str, document: Any) -> _Answer:
        try:
            url = URL(f"{self._base}/{path}")
        except ValueError as err:
            raise InvalidSpecError("authURL is not a URL") from err
        headers = {"Accept": "application/json"}
        with transport_errors(_WHAT):
            async with self._http.post(url, json=document, headers=headers, allow_redirects=False) as response:
                if not 200 <= response.status < 300:
                    error = error_for_status(response.status, _WHAT, wait=retry_after(response.headers))
                    if isinstance(error, NoSecretError):
                        raise InvalidRequestError(f"{error}, check authURL")
                    raise error
                body = await read_body(response, _WHAT, limit=_LIMIT)
                try:
                    return _Answer(response.headers, loads(body))
                except ValueError as err:
                    raise ProviderError(f"{_WHAT}: the answer is not JSON") from err


def _mapping(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ProviderError(f"{_WHAT}: the answer is not that of Keystone, check authURL")
    return found


def _endpoints(catalogue: Any) -> Iterator[Mapping[str, Any]]:
    """The endpoints of Barbican in a catalogue, which a token without project lacks."""
    for service in catalogue if isinstance(catalogue, list) else []:
        if isinstance(service, dict) and service.get("type") == _SERVICE:
            endpoints = service.get("endpoints")
            yield from (one for one in (endpoints if isinstance(endpoints, list) else []) if isinstance(one, dict))


def _ends(text: Any) -> float:
    """Seconds of the epoch; one whose end is not told is used until it is refused."""
    if text is None:
        return math.inf
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as err:
        raise ProviderError(f"{_WHAT}: the answer does not say when the token ends") from err
    return moment.timestamp()
