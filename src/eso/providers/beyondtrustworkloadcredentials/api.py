"""The requests to BeyondTrust Workload Credentials, also those of its generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.identity.context import SignInContext
from eso.providers.base import ProviderCalls
from eso.providers.beyondtrustworkloadcredentials.spec import BeyondtrustWorkloadCredentialsSpec
from eso.providers.http import error_for_status, json_object, read_body, retry_after, transport_errors

__all__ = ["CALLS", "Secret", "WorkloadCredentialsAPI", "connect"]

CALLS: Final = "BeyondTrust/WorkloadCredentials"
"""The metric label of this vendor's calls."""

_HEADERS: Final[Mapping[str, str]] = {
    "bt-secrets-api-version": "2026-04-28",
    "Content-Type": "application/json",
    "Accept": "application/json",
}
"""Source: the API's documentation."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A static secret.

    Attributes:
        members: its keys and values, decoded; None where it has none.
        tags: of its metadata.
    """

    members: Mapping[str, Any] | None = field(repr=False)
    tags: Mapping[str, Any]


class WorkloadCredentialsAPI:
    """One site.

    Args:
        http: a session that sends the token.
        base: URL of the site's secrets.
        calls: the metered way.
    """

    def __init__(self, http: aiohttp.ClientSession, base: str, calls: ProviderCalls) -> None:
        self._http = http
        self._base = base
        self._calls = calls

    async def check_session(self) -> None:
        """Make sure that the token is valid.

        Raises:
            ProviderError: it is not, or there was no answer.
        """
        what = "checking the session at BeyondTrust"

        async def send() -> None:
            try:
                await self._sent("GET", "session", {}, what)
            except NoSecretError as err:
                raise InvalidRequestError(f"{err}, check server.apiUrl and server.siteId") from err

        await self._calls.write("CheckSession", send)

    async def secret(self, name: str, folder: str) -> Secret:
        """A static secret.

        Raises:
            NoSecretError: there is none.
        """
        what = f"reading secret {name} in folder {folder or '/'} of BeyondTrust"
        path = f"static/{_segment(name)}"

        async def fetch() -> Secret:
            found = json_object(await self._sent("GET", path, {"folder": folder}, what), what)
            members, metadata = found.get("secret"), found.get("metadata")
            if members is not None and not isinstance(members, dict):
                raise ProviderError(f"{what}: the answer holds no object as secret")
            tags = metadata.get("tags") if isinstance(metadata, dict) else None
            return Secret(members, tags if isinstance(tags, dict) else {})

        return await self._calls.read("GetSecret", (name, folder), fetch)

    async def listed(self, folder: str) -> list[str]:
        """The paths of the static secrets in a folder and in those below.

        Raises:
            NoSecretError: there is no such folder.
        """
        what = f"listing the secrets in folder {folder or '/'} of BeyondTrust"

        async def fetch() -> list[str]:
            found = json_object(await self._sent("GET", "static", {"path": folder, "recursive": "true"}, what), what)
            if found.get("error"):
                raise ProviderError(f"{what}: the answer reports an error")
            items = found.get("data") or []
            paths = [item.get("path") if isinstance(item, dict) else None for item in _list(items, what)]
            if not all(isinstance(path, str) and path for path in paths):
                raise ProviderError(f"{what}: the answer holds an entry without path")
            return [str(path) for path in paths]

        return await self._calls.read("ListSecrets", folder, fetch)

    async def generated(self, name: str, folder: str) -> Mapping[str, Any]:
        """Lease a dynamic secret.

        Raises:
            ProviderError: BeyondTrust refused, or its answer is empty; never a NoSecretError.
        """
        what = "generating a dynamic secret at BeyondTrust"
        path = f"dynamic/{_segment(name)}/generate"

        async def send() -> Mapping[str, Any]:
            try:
                body = await self._sent("POST", path, {"folder": folder}, what, success=(200, 201))
            except NoSecretError as err:
                # A definition that is missing is no secret that is missing.
                raise InvalidRequestError(str(err)) from err
            secret = json_object(body, what).get("secret")
            if not isinstance(secret, dict) or not secret:
                raise ProviderError(f"{what}: the answer holds no secret")
            return secret

        return await self._calls.write("GenerateDynamicSecret", send)

    async def _sent(
        self, method: str, path: str, query: Mapping[str, str], what: str, *, success: tuple[int, ...] = (200,)
    ) -> bytes:
        given = {name: value for name, value in query.items() if value}
        # Names are escaped as a whole, which must not be undone.
        url = URL(f"{self._base}/{path}" + (f"?{urlencode(given, safe='/')}" if given else ""), encoded=True)
        with transport_errors(what):
            async with self._http.request(method, url, headers=_HEADERS, allow_redirects=False) as response:
                if response.status not in success:
                    raise error_for_status(response.status, what, wait=retry_after(response.headers))
                return await read_body(response, what)


async def connect(
    spec: BeyondtrustWorkloadCredentialsSpec, server: str, context: SignInContext, calls: ProviderCalls
) -> WorkloadCredentialsAPI:
    """The API of the site that a store or a generator names.

    Args:
        spec: of the store.
        server: its `apiUrl`, checked.
        context: resolves the token and the CA.
        calls: the metered way.

    Raises:
        EsoError: a reference cannot be resolved.
    """
    token = await context.resolve(spec.auth.apikey.token)
    ca = await context.resolve_ca(spec.ca_bundle, spec.ca_provider)
    base = f"{server.rstrip('/')}/{quote(spec.server.site_id, safe='')}/secrets"
    return WorkloadCredentialsAPI(context.http(bearer=token, ca=ca), base, calls)


def _segment(name: str) -> str:
    """A name as one part of a path.

    Raises:
        InvalidRequestError: it would be another part of the API.
    """
    if name in ("", ".", ".."):
        raise InvalidRequestError(f"{name!r} is not the name of a secret")
    return quote(name, safe="")


def _list(found: Any, what: str) -> list[Any]:
    if not isinstance(found, list):
        raise ProviderError(f"{what}: the answer holds no list of secrets")
    return found
