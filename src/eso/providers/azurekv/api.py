"""The data plane of a key vault: requests, paging, errors. The SDK's pipeline signs, retries and sends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.policies import AsyncRetryPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.keyvault.secrets.aio import SecretClient

from eso.errors import InvalidRequestError, NoSecretError, ProviderError, UnavailableError
from eso.providers.azurekv.auth import SignedIn, unreachable
from eso.providers.base import ProviderCalls
from eso.providers.http import BODY_LIMIT, error_for_status, pages, retry_after
from eso.transform.gojson import dumps, loads

__all__ = ["KINDS", "KeyVault", "Patience", "own_path"]

KINDS: Final[Mapping[str, str]] = {"secret": "secrets", "cert": "certificates", "key": "keys"}
"""Prefix of a remote key -> collection of the vault."""

_READ: Final = {"secret": "GetSecret", "cert": "GetCertificate", "key": "GetKey"}
_DELETE: Final = {"secret": "DeleteSecret", "cert": "DeleteCertificate", "key": "DeleteKey"}
_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}")
_VERSION: Final = re.compile(r"[0-9A-Za-z-]{0,127}")
"""Source: "Objects, identifiers, and versioning" of Azure Key Vault. Nothing else may get into a path."""

_LONGEST_PAUSE: Final = 5.0


class Patience(AsyncRetryPolicy[Any, Any]):
    """The SDK's retries, except where the vault asks for a long pause: that is reported, and the caller comes back later."""

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """See the base class."""
        wait = retry_after(response.http_response.headers)
        return (wait is None or wait <= _LONGEST_PAUSE) and bool(super().is_retry(settings, response))


class KeyVault:
    """One vault.

    Args:
        client: the SDK's client; only its pipeline is used, the same serves secrets, keys and certificates. Closed with this.
        credential: of that client.
        calls: the metered way out.
        timeout: seconds for a request with its retries.
    """

    def __init__(
        self, client: SecretClient, credential: SignedIn, calls: ProviderCalls, *, timeout: float = 30.0
    ) -> None:
        self._client = client
        self._credential = credential
        self._calls = calls
        self._timeout = timeout

    async def get(self, kind: str, name: str, version: str = "", *, shared: bool = True) -> dict[str, Any]:
        """A secret, certificate or key as the vault describes it.

        Args:
            kind: of `KINDS`.
            name: of the object.
            version: empty for the latest.
            shared: whether an answer to somebody else's equal request will do.

        Raises:
            NoSecretError: there is none.
        """
        path = f"/{KINDS[kind]}/{_checked(name, _NAME, 'name')}/{_checked(version, _VERSION, 'version')}"
        what = f"reading {kind} {name}"

        async def fetch() -> dict[str, Any]:
            return await self._request("GET", path, what)

        if shared:
            return await self._calls.read(_READ[kind], (kind, name, version), fetch)
        return await self._calls.write(_READ[kind], fetch)

    async def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """The object as it is now, or None."""
        try:
            return await self.get(kind, name, shared=False)
        except NoSecretError:
            return None

    async def secrets(self) -> AsyncIterator[dict[str, Any]]:
        """Every secret of the vault, without its value."""

        async def page(link: str) -> tuple[Sequence[dict[str, Any]], str]:
            target = own_path(link, self._client.vault_url) if link else "/secrets"

            async def fetch() -> dict[str, Any]:
                return await self._request("GET", target, "listing secrets")

            answer = await self._calls.read("GetSecrets", target, fetch)
            return answer.get("value") or [], str(answer.get("nextLink") or "")

        async for item in pages(page):
            yield item

    async def set_secret(self, name: str, body: Mapping[str, Any]) -> None:
        """Write a new version of a secret."""
        await self._write(
            "SetSecret", "PUT", f"/secrets/{_checked(name, _NAME, 'name')}", f"writing secret {name}", body
        )

    async def import_certificate(self, name: str, body: Mapping[str, Any]) -> None:
        """Write a new version of a certificate."""
        path = f"/certificates/{_checked(name, _NAME, 'name')}/import"
        await self._write("ImportCertificate", "POST", path, f"importing certificate {name}", body)

    async def import_key(self, name: str, body: Mapping[str, Any]) -> None:
        """Write a new version of a key."""
        await self._write("ImportKey", "PUT", f"/keys/{_checked(name, _NAME, 'name')}", f"importing key {name}", body)

    async def delete(self, kind: str, name: str) -> None:
        """Delete an object; a vault with soft delete keeps it recoverable. Gone already is success."""
        path = f"/{KINDS[kind]}/{_checked(name, _NAME, 'name')}"
        try:
            await self._write(_DELETE[kind], "DELETE", path, f"deleting {kind} {name}", None)
        except NoSecretError:
            return

    async def close(self) -> None:
        """Let go of the pipeline and of the token."""
        await self._client.close()
        await self._credential.close()

    async def _write(self, call: str, method: str, path: str, what: str, body: Mapping[str, Any] | None) -> None:
        async def send() -> dict[str, Any]:
            return await self._request(method, path, what, body)

        await self._calls.write(call, send)

    async def _request(
        self, method: str, path: str, what: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        token = self._credential.token
        response, text = await self._sent(method, path, what, body)
        if response.status_code == 401 and token is not None:
            # The token may have been revoked before its end.
            self._credential.forget(token)
            response, text = await self._sent(method, path, what, body)
        return _answer(response, text, what)

    async def _sent(
        self, method: str, path: str, what: str, body: Mapping[str, Any] | None
    ) -> tuple[AsyncHttpResponse, bytes]:
        headers = {"Accept": "application/json"}
        content = None if body is None else dumps(body, escape_html=False).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        request = HttpRequest(method, path, headers=headers, content=content)
        try:
            async with asyncio.timeout(self._timeout):
                async with await self._client.send_request(request, stream=True) as response:
                    return response, await _read(response, what)
        except TimeoutError:
            raise UnavailableError(f"{what}: the vault did not answer in time") from None
        except AzureError as err:
            raise unreachable(err, what, "the vault") from ConnectionError(type(err).__name__)


def own_path(link: str, vault: str) -> str:
    """The path and query of a next link; a link to elsewhere would carry our token there.

    Args:
        link: as the vault answered; Azure writes the port into it, and its own spelling of the host.
        vault: URL of the vault, as the store has it.

    Raises:
        ProviderError: the link does not lead into the vault.
    """
    if _origin(link) != _origin(vault):
        raise ProviderError("listing secrets: the next page is not in this vault")
    there = urlsplit(link)
    return f"{there.path}?{there.query}"


def _origin(url: str) -> tuple[str, str | None, int] | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or 443
    except ValueError:
        return None


async def _read(response: AsyncHttpResponse, what: str) -> bytes:
    chunks = bytearray()
    async for chunk in response.iter_bytes():
        chunks += chunk
        if len(chunks) > BODY_LIMIT:
            raise InvalidRequestError(f"{what}: the answer is longer than {BODY_LIMIT} bytes")
    return bytes(chunks)


def _answer(response: AsyncHttpResponse, text: bytes, what: str) -> dict[str, Any]:
    status = response.status_code
    if status == 409 and "ObjectIsDeletedButRecoverable" in _codes(text):
        raise InvalidRequestError(f"{what}: a deleted object holds the name; recover or purge it in the vault")
    if status >= 300:
        raise error_for_status(status, what, wait=retry_after(response.headers))
    if not text:
        return {}
    try:
        answer = loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ProviderError(f"{what}: the vault's answer is not a JSON object")
    return answer


def _codes(text: bytes) -> set[str]:
    """Error codes of an answer, from the outer to the inner one."""
    found: set[str] = set()
    try:
        error = loads(text).get("error")
    except (ValueError, AttributeError):
        return found
    while isinstance(error, dict):
        found.add(str(error.get("code")))
        error = error.get("innererror")
    return found


def _checked(text: str, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.fullmatch(text):
        raise InvalidRequestError(f"{text!r} is not a valid {what} in a key vault: letters, digits and dashes only")
    return text
