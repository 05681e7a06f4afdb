"""Secret Manager over gRPC: names, requests, paging, errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import grpc.aio
from google.api_core import exceptions as google_errors
from google.api_core.retry import AsyncRetry, if_exception_type
from google.cloud.secretmanager_v1.services.secret_manager_service import SecretManagerServiceAsyncClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcAsyncIOTransport,
)
from google.cloud.secretmanager_v1.types import (
    AccessSecretVersionResponse,
    ListSecretsRequest,
    ListSecretVersionsRequest,
    Secret,
    SecretPayload,
    SecretVersion,
)
from google.protobuf.field_mask_pb2 import FieldMask

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import ProviderCalls
from eso.providers.gcpsm.auth import Tokens
from eso.providers.http import pages

__all__ = ["NotEnabledError", "SecretManager", "service"]

T = TypeVar("T")

_KINDS: Final[Sequence[tuple[type[Exception], type[ProviderError]]]] = (
    (google_errors.NotFound, NoSecretError),
    (google_errors.Unauthenticated, AccessDeniedError),
    (google_errors.PermissionDenied, AccessDeniedError),
    (google_errors.ResourceExhausted, ThrottledError),
    (google_errors.InvalidArgument, InvalidRequestError),
    (google_errors.AlreadyExists, ProviderError),
    (google_errors.Aborted, UnavailableError),
    (google_errors.ServerError, UnavailableError),
    (google_errors.RetryError, UnavailableError),
    (google_errors.ClientError, InvalidRequestError),
)
"""What Google's errors mean here; the first that fits counts."""


class NotEnabledError(ProviderError):
    """The version is disabled or destroyed."""


def service(channel: grpc.aio.Channel) -> SecretManagerServiceAsyncClient:
    """The SDK's client of a channel; requests carry their token themselves."""
    transport = SecretManagerServiceGrpcAsyncIOTransport(channel=channel)
    return SecretManagerServiceAsyncClient(transport=transport)


class SecretManager:
    """Secrets of one project, or of one location of it.

    Args:
        client: the SDK's; its channel is closed with this.
        channel: of the client.
        tokens: what requests carry.
        calls: the metered way out.
        parent: `projects/P` or `projects/P/locations/L`.
        backoff: seconds before the first retry, doubled for each further one.
        timeout: seconds for a request with its retries.
    """

    def __init__(
        self,
        client: SecretManagerServiceAsyncClient,
        channel: grpc.aio.Channel,
        tokens: Tokens,
        calls: ProviderCalls,
        parent: str,
        *,
        backoff: float,
        timeout: float,
    ) -> None:
        self._client = client
        self._channel = channel
        self._tokens = tokens
        self._calls = calls
        self.parent = parent
        self._timeout = timeout
        # A service that stays away is reported after a third of the time; the caller comes back later.
        self._retry = AsyncRetry(
            predicate=if_exception_type(google_errors.ServiceUnavailable),
            initial=backoff,
            maximum=4.0,
            timeout=timeout / 3,
        )

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
            answer: AccessSecretVersionResponse = await self._request(
                what, lambda options: self._client.access_secret_version(name=name, **options)
            )
            return bytes(answer.payload.data)

        if shared:
            return await self._calls.read("AccessSecretVersion", name, send)
        return await self._calls.write("AccessSecretVersion", send)

    async def secret(self, key: str, *, shared: bool = True) -> Secret:
        """The secret without its payload; raises as `access`."""

        async def send() -> Secret:
            found: Secret = await self._request(
                f"reading secret {key}", lambda options: self._client.get_secret(name=self._name(key), **options)
            )
            return found

        if shared:
            return await self._calls.read("GetSecret", ("secret", key), send)
        return await self._calls.write("GetSecret", send)

    async def secrets(self, filter_: str) -> list[str]:
        """Ids of the secrets that a server-side filter lets through."""

        async def page(token: str) -> tuple[Sequence[str], str]:
            request = ListSecretsRequest(parent=self.parent, filter=filter_, page_token=token)

            async def send() -> tuple[list[str], str]:
                answer: Any = await self._request(
                    "listing secrets", lambda options: self._client.list_secrets(request=request, **options)
                )
                return [item.name.rpartition("/")[2] for item in answer.secrets], answer.next_page_token

            return await self._calls.read("ListSecrets", ("list", filter_, token), send)

        return [key async for key in pages(page)]

    async def enabled_versions(self, key: str) -> list[SecretVersion]:
        """Versions that can be read, newest first."""

        async def page(token: str) -> tuple[Sequence[SecretVersion], str]:
            request = ListSecretVersionsRequest(parent=self._name(key), filter="state:ENABLED", page_token=token)

            async def send() -> tuple[list[SecretVersion], str]:
                answer: Any = await self._request(
                    f"listing versions of secret {key}",
                    lambda options: self._client.list_secret_versions(request=request, **options),
                )
                return list(answer.versions), answer.next_page_token

            return await self._calls.write("ListSecretVersions", send)

        found = [version async for version in pages(page)]
        return sorted(found, key=lambda version: version.create_time.timestamp(), reverse=True)

    async def create(self, key: str, secret: Secret) -> Secret:
        """Make a secret without versions."""

        async def send() -> Secret:
            made: Secret = await self._request(
                f"creating secret {key}",
                lambda options: self._client.create_secret(parent=self.parent, secret_id=key, secret=secret, **options),
            )
            return made

        return await self._calls.write("CreateSecret", send)

    async def update(self, key: str, secret: Secret, fields: Sequence[str]) -> None:
        """Change fields of a secret, as long as its etag is that of `secret`."""

        async def send() -> Any:
            return await self._request(
                f"updating secret {key}",
                lambda options: self._client.update_secret(
                    secret=secret, update_mask=FieldMask(paths=fields), **options
                ),
            )

        await self._calls.write("UpdateSecret", send)

    async def add_version(self, key: str, payload: bytes) -> None:
        """Make the payload the newest version."""

        async def send() -> Any:
            return await self._request(
                f"writing secret {key}",
                lambda options: self._client.add_secret_version(
                    parent=self._name(key), payload=SecretPayload(data=payload), **options
                ),
            )

        await self._calls.write("AddSecretVersion", send)

    async def delete(self, key: str, etag: str) -> None:
        """Delete a secret with all versions, as long as it has that etag. Gone already is success."""

        async def send() -> Any:
            return await self._request(
                f"deleting secret {key}",
                lambda options: self._client.delete_secret(request={"name": self._name(key), "etag": etag}, **options),
            )

        try:
            await self._calls.write("DeleteSecret", send)
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

    async def _request(self, what: str, send: Callable[[Mapping[str, Any]], Awaitable[Any]]) -> Any:
        token = await self._tokens.get()
        try:
            return await self._sent(what, token.value, send)
        except google_errors.Unauthenticated:
            # The token may have been revoked before its end.
            self._tokens.forget(token)
        token = await self._tokens.get()
        try:
            return await self._sent(what, token.value, send)
        except google_errors.Unauthenticated:
            raise AccessDeniedError(f"{what}: Google refused the token") from None

    async def _sent(self, what: str, token: str, send: Callable[[Mapping[str, Any]], Awaitable[Any]]) -> Any:
        options = {
            "metadata": [("authorization", f"Bearer {token}")],
            "retry": self._retry,
            "timeout": self._timeout,
        }
        try:
            async with asyncio.timeout(self._timeout):
                return await send(options)
        except google_errors.Unauthenticated:
            raise
        except TimeoutError:
            raise UnavailableError(f"{what}: Google did not answer in time") from None
        except google_errors.FailedPrecondition as err:
            raise NotEnabledError(f"{what}: its state does not allow it") from _nameless(err)
        except google_errors.GoogleAPIError as err:
            kind = next((ours for theirs, ours in _KINDS if isinstance(err, theirs)), ProviderError)
            raise kind(f"{what}: Google answered {type(err).__name__}") from _nameless(err)


def _nameless(err: Exception) -> Exception:
    """What happened without what Google said about it."""
    return ConnectionError(type(err).__name__)
