"""Secret Manager over gRPC: names, requests, paging, errors.

The messages are the SDK's. Its client is not used: at debug level it writes payloads and tokens into the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import grpc
import grpc.aio
from google.cloud.secretmanager_v1.types import (
    AccessSecretVersionRequest,
    AccessSecretVersionResponse,
    AddSecretVersionRequest,
    CreateSecretRequest,
    DeleteSecretRequest,
    GetSecretRequest,
    ListSecretsRequest,
    ListSecretsResponse,
    ListSecretVersionsRequest,
    ListSecretVersionsResponse,
    Secret,
    SecretPayload,
    SecretVersion,
    UpdateSecretRequest,
)
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import DecodeError

from eso.errors import InvalidRequestError, NoSecretError, ProviderError, UnavailableError
from eso.identity.gcp import AccessToken
from eso.providers.base import ProviderCalls
from eso.providers.gcpsm.errors import error_of
from eso.providers.http import BODY_LIMIT, pages
from eso.providers.renewed import Renewed

__all__ = ["MESSAGE_LIMIT", "SecretManager"]

_SERVICE: Final = "/google.cloud.secretmanager.v1.SecretManagerService"
_RETRIES: Final = 3

MESSAGE_LIMIT: Final = 4 * BODY_LIMIT
"""Bytes of an answer that a channel takes in. Above `BODY_LIMIT`, so that a long answer is told from throttling: gRPC reports what
it does not take in as RESOURCE_EXHAUSTED."""


class SecretManager:
    """Secrets of one project, or of one location of it.

    Args:
        channel: to the service; closed with this.
        tokens: what requests carry.
        calls: the metered way out.
        parent: `projects/P` or `projects/P/locations/L`.
        backoff: seconds before the first retry, doubled for each further one.
        timeout: seconds for a request with its retries.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        tokens: Renewed[AccessToken],
        calls: ProviderCalls,
        parent: str,
        *,
        backoff: float,
        timeout: float,
    ) -> None:
        self._channel = channel
        self._tokens = tokens
        self._calls = calls
        self.parent = parent
        self._timeout = timeout
        self._backoff = backoff

    async def access(self, key: str, version: str, *, shared: bool = True) -> bytes:
        """The payload of a version.

        Args:
            key: id of the secret.
            version: number, alias or `latest`.
            shared: whether an answer to somebody else's equal request will do.

        Raises:
            NoSecretError: no such secret or version.
            NotEnabledError: the version is disabled or destroyed.
        """
        name = f"{self._name(key)}/versions/{version}"
        what = f"reading version {version} of secret {key}"

        async def send() -> bytes:
            request = AccessSecretVersionRequest(name=name)
            answer = await self._request("AccessSecretVersion", request, AccessSecretVersionResponse, what)
            return bytes(answer.payload.data)

        if shared:
            return await self._calls.read("AccessSecretVersion", name, send)
        return await self._calls.write("AccessSecretVersion", send)

    async def secret(self, key: str, *, shared: bool = True) -> Secret:
        """The secret without its payload; raises as `access`."""
        request = GetSecretRequest(name=self._name(key))

        async def send() -> Secret:
            found: Secret = await self._request("GetSecret", request, Secret, f"reading secret {key}")
            return found

        if shared:
            return await self._calls.read("GetSecret", ("secret", key), send)
        return await self._calls.write("GetSecret", send)

    async def secrets(self, filter_: str) -> list[str]:
        """Ids of the secrets that a server-side filter lets through."""

        async def page(token: str) -> tuple[Sequence[str], str]:
            request = ListSecretsRequest(parent=self.parent, filter=filter_, page_token=token)

            async def send() -> tuple[list[str], str]:
                answer = await self._request("ListSecrets", request, ListSecretsResponse, "listing secrets")
                return [item.name.rpartition("/")[2] for item in answer.secrets], answer.next_page_token

            return await self._calls.read("ListSecrets", ("list", filter_, token), send)

        return [key async for key in pages(page)]

    async def enabled_versions(self, key: str) -> list[SecretVersion]:
        """Versions that can be read, newest first."""
        what = f"listing versions of secret {key}"

        async def page(token: str) -> tuple[Sequence[SecretVersion], str]:
            request = ListSecretVersionsRequest(parent=self._name(key), filter="state:ENABLED", page_token=token)

            async def send() -> tuple[list[SecretVersion], str]:
                answer = await self._request("ListSecretVersions", request, ListSecretVersionsResponse, what)
                return list(answer.versions), answer.next_page_token

            return await self._calls.write("ListSecretVersions", send)

        found = [version async for version in pages(page)]
        return sorted(found, key=lambda version: version.create_time.timestamp(), reverse=True)

    async def create(self, key: str, secret: Secret) -> Secret:
        """Make a secret without versions."""
        self._name(key)
        request = CreateSecretRequest(parent=self.parent, secret_id=key, secret=secret)
        made: Secret = await self._write("CreateSecret", request, Secret, f"creating secret {key}")
        return made

    async def update(self, key: str, secret: Secret, fields: Sequence[str]) -> None:
        """Change fields of a secret, as long as its etag is that of `secret`."""
        request = UpdateSecretRequest(secret=secret, update_mask=FieldMask(paths=fields))
        await self._write("UpdateSecret", request, Secret, f"updating secret {key}")

    async def add_version(self, key: str, payload: bytes) -> None:
        """Make the payload the newest version."""
        request = AddSecretVersionRequest(parent=self._name(key), payload=SecretPayload(data=payload))
        await self._write("AddSecretVersion", request, SecretVersion, f"writing secret {key}")

    async def delete(self, key: str, etag: str) -> None:
        """Delete a secret with all versions, as long as it has that etag. Gone already is success."""
        request = DeleteSecretRequest(name=self._name(key), etag=etag)
        try:
            await self._write("DeleteSecret", request, None, f"deleting secret {key}")
        except NoSecretError:
            return

    async def sign_in(self) -> None:
        """Have a token.

        Raises:
            EsoError: the sign-in failed.
        """
        await self._tokens.get()

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def _name(self, key: str) -> str:
        if not key or "/" in key:
            raise InvalidRequestError(f"{key!r} is not a valid secret id: it must be the id alone, without slashes")
        return f"{self.parent}/secrets/{key}"

    async def _write(self, method: str, request: Any, answer: Any, what: str) -> Any:
        async def send() -> Any:
            return await self._request(method, request, answer, what)

        return await self._calls.write(method, send)

    async def _request(self, method: str, request: Any, answer: Any, what: str) -> Any:
        """One request: with a fresh token where the first is refused, and again where the service is away."""
        call = self._channel.unary_unary(f"{_SERVICE}/{method}", request_serializer=type(request).serialize)
        try:
            async with asyncio.timeout(self._timeout):
                content = await self._patiently(call, request)
        except TimeoutError:
            raise UnavailableError(f"{what}: Google did not answer in time") from None
        except grpc.aio.AioRpcError as err:
            raise error_of(err, what) from ConnectionError(err.code().name)
        if len(content) > BODY_LIMIT:
            raise InvalidRequestError(f"{what}: the answer is longer than {BODY_LIMIT} bytes")
        try:
            return Empty.FromString(content) if answer is None else answer.deserialize(content)
        except DecodeError:
            raise ProviderError(f"{what}: Google's answer could not be understood") from None

    async def _patiently(self, call: grpc.aio.UnaryUnaryMultiCallable[Any, bytes], request: Any) -> bytes:
        fresh, retries = False, 0
        while True:
            token = await self._tokens.get()
            metadata = (("authorization", f"Bearer {token.value}"), ("x-goog-request-params", _routing(request)))
            try:
                content: bytes = await call(request, metadata=metadata)
                return content
            except grpc.aio.AioRpcError as err:
                if err.code() is grpc.StatusCode.UNAUTHENTICATED and not fresh:
                    # The token may have been revoked before its end.
                    fresh = True
                    self._tokens.forget(token)
                elif err.code() is grpc.StatusCode.UNAVAILABLE and retries < _RETRIES:
                    await asyncio.sleep(self._backoff * 2**retries)
                    retries += 1
                else:
                    raise


def _routing(request: Any) -> str:
    """The field that leads a request to its region, as the SDK sends it."""
    if isinstance(request, UpdateSecretRequest):
        return f"secret.name={quote(request.secret.name, safe='')}"
    named = isinstance(request, AccessSecretVersionRequest | GetSecretRequest | DeleteSecretRequest)
    field = "name" if named else "parent"
    return f"{field}={quote(getattr(request, field), safe='')}"
