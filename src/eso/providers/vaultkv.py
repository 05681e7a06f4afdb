"""Key/value secrets of Vault and OpenBao: the requests that both providers make, each with a token that works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from eso.errors import NoSecretError, ProviderError
from eso.identity.vault import Token, VaultConnection
from eso.providers.base import ProviderCalls

__all__ = ["KeyValueAPI", "read_data"]

T = TypeVar("T")

READ: Final = "ReadSecretData"
WRITE: Final = "WriteSecretData"
DELETE: Final = "DeleteSecret"
LIST: Final = "ListSecrets"


class KeyValueAPI:
    """Requests below a mount.

    Args:
        connection: server and token.
        calls: the metered way there.
    """

    def __init__(self, connection: VaultConnection, calls: ProviderCalls) -> None:
        self._transport = connection.transport
        self._session = connection.session
        self._calls = calls

    async def get(self, path: str, what: str, version: str = "", *, call: str = READ) -> dict[str, Any]:
        """The `data` of an answer; empty when it has none.

        Args:
            path: below `/v1/`.
            what: the operation, for messages.
            version: of the secret; empty for the newest.
            call: metric label.

        Raises:
            NoSecretError: 404.
            ProviderError: another status, or an answer that is not an object.
        """
        query = {"version": version} if version else None

        # Signing in is a call of its own and comes before: inside this one it would wait for itself at a half-open circuit.
        async def send(token: Token) -> dict[str, Any]:
            return await self._calls.read(
                call,
                (token.serial, path, version),
                lambda: self._transport.request("GET", path, what, token=token.value, query=query),
            )

        return _object(await self._session.authorized(send), "data", what)

    async def list(self, path: str, what: str) -> list[str]:
        """The names below a path, folders with a slash at the end.

        Raises:
            NoSecretError: there are none.
            ProviderError: another status, or an answer without names.
        """

        async def send(token: Token) -> dict[str, Any]:
            return await self._calls.read(
                LIST,
                (token.serial, path),
                lambda: self._transport.request("LIST", path, what, token=token.value),
            )

        data = _object(await self._session.authorized(send), "data", what)
        keys = data.get("keys")
        if keys is None:
            raise NoSecretError(f"{what}: nothing there")
        if not isinstance(keys, list) or not all(type(key) is str for key in keys):
            raise ProviderError(f"{what}: the answer's list of keys is malformed")
        return list(keys)

    async def put(self, path: str, what: str, body: Mapping[str, Any], *, call: str = WRITE) -> None:
        """Write.

        Raises:
            InvalidRequestError: 400; also when check-and-set failed.
            ProviderError: another status.
        """
        await self._session.authorized(
            lambda token: self._calls.write(
                call, lambda: self._transport.request("PUT", path, what, token=token.value, body=body)
            )
        )

    async def delete(self, path: str, what: str) -> None:
        """Delete; gone already is success."""
        try:
            await self._session.authorized(
                lambda token: self._calls.write(
                    DELETE, lambda: self._transport.request("DELETE", path, what, token=token.value)
                )
            )
        except NoSecretError:
            return


def read_data(answer: Mapping[str, Any], what: str, *, nested: bool) -> dict[str, Any]:
    """The key/value pairs of a secret.

    Args:
        answer: what `KeyValueAPI.get` returned.
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
