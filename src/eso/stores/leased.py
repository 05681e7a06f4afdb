"""What a controller holds while it reads from a store: the shared client, with how old answers may be for this caller."""

from __future__ import annotations

from typing import Any

from eso.errors import InvalidSpecError
from eso.providers.base import (
    FindRef,
    Provider,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.stores.policy import reading_since
from eso.stores.selection import AnyStore
from eso.values import SecretMap, SecretValue

__all__ = ["LeasedClient", "UnboundClient"]


class LeasedClient(SecretsClient):
    """A client on loan; it is not closed by who borrows it.

    Attributes:
        store: the store it belongs to.
        provider: the implementation.
    """

    def __init__(
        self, client: SecretsClient, store: AnyStore, provider: Provider[Any], *, asked: float, max_age: float
    ) -> None:
        self._client = client
        self._oldest = asked - max_age
        self._asked = asked
        self.store = store
        self.provider = provider

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """See `SecretsClient.get_secret`."""
        with reading_since(self._oldest):
            return await self._client.get_secret(ref)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """See `SecretsClient.get_secret_map`."""
        with reading_since(self._oldest):
            return await self._client.get_secret_map(ref)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """See `SecretsClient.get_all_secrets`."""
        with reading_since(self._oldest):
            return await self._client.get_all_secrets(ref)

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """See `SecretsClient.push_secret`; what it compares with is read now."""
        with reading_since(self._asked):
            await self._client.push_secret(source, entry)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """See `SecretsClient.delete_secret`."""
        with reading_since(self._asked):
            await self._client.delete_secret(remote)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """See `SecretsClient.secret_exists`; read now."""
        with reading_since(self._asked):
            return await self._client.secret_exists(remote)

    async def validate(self) -> ValidationResult:
        """See `SecretsClient.validate`."""
        with reading_since(self._asked):
            return await self._client.validate()


class UnboundClient(SecretsClient):
    """Client of a cluster store whose credentials come from its consumers, while there is none."""

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """There are no credentials to read with.

        Raises:
            InvalidSpecError: always.
        """
        raise InvalidSpecError("the store takes its credentials from the namespace of its consumer, and there is none")

    async def validate(self) -> ValidationResult:
        """Nothing can be said about it."""
        return ValidationResult.UNKNOWN
