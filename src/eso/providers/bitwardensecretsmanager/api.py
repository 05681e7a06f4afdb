"""The requests to bitwarden-sdk-server: one secret, the list of an organisation, changes. Every body is JSON, also of a GET."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import aiohttp

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.transform.gojson import dumps, loads
from eso.values import SecretValue

__all__ = ["BitwardenAPI", "Secret"]

T = TypeVar("T")

_SECRET: Final = "rest/api/1/secret"
_SECRETS: Final = "rest/api/1/secrets"


class Secret(NamedTuple):
    """A secret.

    Attributes:
        identity: its UUID.
        project: UUID of the project it belongs to; empty for none.
    """

    identity: str
    key: str
    value: SecretValue
    note: str
    project: str


class BitwardenAPI:
    """One organisation, as one machine account.

    Args:
        http: a session whose base URL is the server's and whose headers say who asks.
        calls: the metered way.
        organization: UUID of the organisation.
    """

    def __init__(self, http: aiohttp.ClientSession, calls: ProviderCalls, organization: str) -> None:
        self._http = http
        self._calls = calls
        self._organization = organization

    async def secret(self, identity: str, *, fresh: bool = False) -> Secret:
        """One secret by its id.

        Args:
            identity: UUID.
            fresh: do not share the answers of others.

        Raises:
            InvalidRequestError: the server does not have it, or refuses the request.
        """
        what = f"reading secret {identity}"

        async def fetch() -> Secret:
            return _secret(await self._sent("GET", _SECRET, {"id": identity}, what), what)

        return await self._read("GetSecret", identity, fetch, fresh=fresh)

    async def identities(self, *, fresh: bool = False) -> list[tuple[str, str]]:
        """Id and key of each secret of the organisation that the account may see."""
        what = "listing secrets"

        async def fetch() -> list[tuple[str, str]]:
            listed = _listed(await self._sent("GET", _SECRETS, {"organizationID": self._organization}, what), what)
            return [(_id(item, what), str(item.get("key") or "")) for item in listed]

        return await self._read("ListSecrets", "", fetch, fresh=fresh)

    async def create(self, key: str, value: str, note: str, project: str) -> None:
        """Add a secret."""
        body = self._content(key, value, note, project)
        await self._calls.write("CreateSecret", lambda: self._sent("POST", _SECRET, body, f"creating secret {key}"))

    async def update(self, identity: str, key: str, value: str, note: str, project: str) -> None:
        """Write a secret anew."""
        body = {"id": identity, **self._content(key, value, note, project)}
        await self._calls.write("UpdateSecret", lambda: self._sent("PUT", _SECRET, body, f"writing secret {identity}"))

    async def delete(self, identity: str) -> None:
        """Remove a secret.

        Raises:
            ProviderError: the server says that it could not.
        """
        what = f"deleting secret {identity}"

        async def send() -> None:
            listed = _listed(await self._sent("DELETE", _SECRET, {"ids": [identity]}, what), what)
            failed = [str(item.get("id") or identity) for item in listed if item.get("error") is not None]
            if failed:
                raise ProviderError(
                    f"there were one or more errors deleting secrets: {', '.join(failed)}; may the machine account write?"
                )

        await self._calls.write("DeleteSecret", send)

    def _content(self, key: str, value: str, note: str, project: str) -> dict[str, Any]:
        return {
            "key": key,
            "note": note,
            "organizationId": self._organization,
            "projectIds": [project],
            "value": value,
        }

    async def _read(self, call: str, key: Hashable, fetch: Callable[[], Awaitable[T]], *, fresh: bool) -> T:
        return await (self._calls.write(call, fetch) if fresh else self._calls.read(call, key, fetch))

    async def _sent(self, method: str, path: str, body: Mapping[str, Any], what: str) -> dict[str, Any]:
        """The JSON object that the server answers."""
        sent = dumps(body, escape_html=False).encode()
        headers = {"Content-Type": "application/json"}
        with transport_errors(what):
            async with self._http.request(method, path, data=sent, headers=headers, allow_redirects=False) as response:
                if response.status != 200:
                    found = error_for_status(response.status, what, wait=retry_after(response.headers))
                    # Bitwarden's own 404 never comes this far: one is about the server's address.
                    raise InvalidRequestError(str(found)) if isinstance(found, NoSecretError) else found
                answer = await read_body(response, what)
        try:
            found = loads(answer)
        except ValueError:
            raise ProviderError(f"{what}: the provider's answer is not JSON") from None
        if not isinstance(found, dict):
            raise ProviderError(f"{what}: the answer is not a JSON object")
        return found


def _listed(answer: Mapping[str, Any], what: str) -> list[dict[str, Any]]:
    found = answer.get("data")
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ProviderError(f"{what}: the answer has no list")
    return found


def _id(item: Mapping[str, Any], what: str) -> str:
    if not isinstance(item.get("id"), str):
        raise ProviderError(f"{what}: the answer holds a secret without id")
    return str(item["id"])


def _secret(answer: Mapping[str, Any], what: str) -> Secret:
    texts = {name: answer.get(name) or "" for name in ("key", "value", "note", "projectId")}
    if not isinstance(answer.get("value"), str) or not all(isinstance(text, str) for text in texts.values()):
        raise ProviderError(f"{what}: the answer is not a secret")
    value = SecretValue(texts["value"])
    return Secret(_id(answer, what), texts["key"], value, texts["note"], texts["projectId"])
