"""Requests to an OpenBao server: key/value secrets, listings, and what is mounted."""

from __future__ import annotations

from typing import Any

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.identity.vault import VaultConnection
from eso.providers.base import ProviderCalls
from eso.providers.gathering import gathered
from eso.providers.vaultkv import KeyValueAPI, read_data

__all__ = ["OpenBaoAPI"]


class OpenBaoAPI:
    """Requests of the provider.

    Args:
        connection: server and token.
        calls: the metered way there.
        mount: path of the engine.
        version: of the engine, 1 or 2.
    """

    def __init__(self, connection: VaultConnection, calls: ProviderCalls, mount: str, version: int) -> None:
        self._connection = connection
        self._kv = KeyValueAPI(connection, calls)
        self._mount = mount
        self._version = version

    async def read(self, key: str, version: str = "") -> dict[str, Any]:
        """The key/value pairs of a secret; numbers keep their digits.

        Raises:
            NoSecretError: it does not exist.
            InvalidRequestError: the version is not a number, or the engine has none.
        """
        what = f"reading secret {key}"
        if self._version == 1:
            if version:
                raise InvalidRequestError(f"{what}: remoteRef.version needs an engine of version v2")
            return read_data(await self._kv.get(f"{self._mount}/{key}", what), what, nested=False)
        if version:
            version = _number(version, what)
        return read_data(await self._kv.get(f"{self._mount}/data/{key}", what, version), what, nested=True)

    async def read_all(self, keys: list[str]) -> list[dict[str, Any]]:
        """The pairs of several secrets; raises as `read`."""
        return await gathered([self.read(key) for key in keys])

    async def names(self, folder: str) -> list[str]:
        """What is in a folder, one level; folders have a slash at their end. Empty when there is nothing."""
        path = f"{self._mount}/{folder}" if self._version == 1 else f"{self._mount}/metadata/{folder}"
        try:
            return await self._kv.list(path, f"listing secrets of {folder or 'the mount'}")
        except NoSecretError:
            return []

    async def check_mount(self) -> None:
        """Make sure that the mount is a key/value engine of the configured version.

        Raises:
            ProviderError: it is not.
        """
        what = f"looking at the mount {self._mount}"
        found = await self._kv.get(f"sys/internal/ui/mounts/{self._mount}", what, call="ReadMount")
        if found.get("type") != "kv":
            raise ProviderError(f"{what}: it is not a kv engine; set path to one")
        options = found.get("options")
        version = options.get("version") if isinstance(options, dict) else None
        if version is None:
            raise ProviderError(f"{what}: it does not say its version; mount it with options version={self._version}")
        if str(version) != str(self._version):
            raise ProviderError(f"{what}: it is not of version v{self._version}; set version accordingly")

    async def close(self) -> None:
        """Sign out."""
        await self._connection.close()


def _number(version: str, what: str) -> str:
    text = version.strip()
    if not (text.isascii() and text.removeprefix("-").removeprefix("+").isdigit()):
        raise InvalidRequestError(f"{what}: remoteRef.version must be an integer")
    return str(int(text))
