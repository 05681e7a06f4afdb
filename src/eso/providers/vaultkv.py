"""Key/value secrets of Vault and OpenBao: the requests that both providers make, each with a token that works."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Mapping
from typing import Any, Final

from eso.errors import NoSecretError, ProviderError
from eso.identity.vault import Request, Token, VaultAdapter, VaultConnection
from eso.providers.base import ProviderCalls

__all__ = ["KeyValueAPI", "read_data"]

READ: Final = "ReadSecretData"
WRITE: Final = "WriteSecretData"
DELETE: Final = "DeleteSecret"
LIST: Final = "ListSecrets"


class KeyValueAPI:
    """Requests to a key/value engine, as hvac's API classes make them.

    Args:
        connection: server and token.
        calls: the metered way there.
    """

    def __init__(self, connection: VaultConnection, calls: ProviderCalls) -> None:
        self._transport = connection.transport
        self._session = connection.session
        self._calls = calls

    async def read(self, request: Request, key: Hashable, what: str, *, call: str = READ) -> dict[str, Any]:
        """The `data` of an answer; empty when it has none.

        Args:
            request: makes the request.
            key: what is read: the same for the same request, whoever makes it.
            what: the operation, for messages.
            call: metric label.

        Raises:
            NoSecretError: 404.
            ProviderError: another status, or an answer that is not an object.
        """

        # Signing in is a call of its own and comes before: inside this one it would wait for itself at a half-open circuit.
        async def send(token: Token) -> dict[str, Any]:
            return await self._calls.read(
                call, (token.serial, key), lambda: request(VaultAdapter(self._transport, what, token.value))
            )

        return _object(await self._session.authorized(send), "data", what)

    async def names(self, request: Request, key: Hashable, what: str) -> list[str]:
        """The names that a listing gives, folders with a slash at the end; arguments as of `read`.

        Raises:
            NoSecretError: there are none.
            ProviderError: another status, or an answer without names.
        """
        data = await self.read(request, key, what, call=LIST)
        keys = data.get("keys")
        if keys is None:
            raise NoSecretError(f"{what}: nothing there")
        if not isinstance(keys, list) or not all(type(key) is str for key in keys):
            raise ProviderError(f"{what}: the answer's list of keys is malformed")
        return list(keys)

    async def write(self, request: Request, what: str, *, call: str = WRITE) -> None:
        """Write, or delete.

        Raises:
            InvalidRequestError: 400; also when check-and-set failed.
            NoSecretError: 404.
            ProviderError: another status.
        """
        await self._session.authorized(
            lambda token: self._calls.write(call, lambda: request(VaultAdapter(self._transport, what, token.value)))
        )

    async def delete(self, request: Request, what: str) -> None:
        """Delete; gone already is success."""
        with contextlib.suppress(NoSecretError):
            await self.write(request, what, call=DELETE)


def read_data(answer: Mapping[str, Any], what: str, *, nested: bool) -> dict[str, Any]:
    """The key/value pairs of a secret.

    Args:
        answer: what `KeyValueAPI.read` returned.
        what: the operation, for messages.
        nested: version 2, where they stand in a `data` of their own.

    Raises:
        NoSecretError: the version was deleted or destroyed, or there is nothing.
        ProviderError: the answer has another shape.
    """
    if not answer:
        raise NoSecretError(f"{what}: it is empty")
    if not nested:
        return dict(answer)
    if "data" not in answer:
        raise ProviderError(f"{what}: the answer has no data field; is the mount of version 2?")
    if answer["data"] is None:
        raise NoSecretError(f"{what}: the version was deleted")
    return _object(answer, "data", what)


def _object(answer: Mapping[str, Any], field: str, what: str) -> dict[str, Any]:
    found = answer.get(field)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the answer's {field} is not an object")
    return found
