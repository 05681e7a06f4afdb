"""Requests to an OpenBao server: key/value secrets, listings, and what is mounted."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hvac.api.secrets_engines import KvV1, KvV2

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
            answer = await self._kv.read(
                lambda vault: KvV1(vault).read_secret(key, self._mount), (self._mount, key), what
            )
            return read_data(answer, what, nested=False)
        version = _number(version, what) if version else ""
        answer = await self._kv.read(
            lambda vault: KvV2(vault).read_secret_version(
                key, version or None, self._mount, raise_on_deleted_version=True
            ),
            (self._mount, key, version),
            what,
        )
        return read_data(answer, what, nested=True)

    async def read_all(self, keys: list[str]) -> list[dict[str, Any]]:
        """The pairs of several secrets; raises as `read`."""
        return await gathered([self.read(key) for key in keys])

    async def names(self, folder: str) -> list[str]:
        """What is in a folder, one level; folders have a slash at their end. Empty when there is nothing."""
        engine = KvV1 if self._version == 1 else KvV2
        try:
            return await self._kv.names(
                lambda vault: engine(vault).list_secrets(folder, self._mount),
                (self._mount, folder),
                f"listing secrets of {folder or 'the mount'}",
            )
        except NoSecretError:
            return []

    async def check_mount(self) -> None:
        """Make sure that the mount is a key/value engine of the configured version.

        Raises:
            ProviderError: it is not.
        """
        what = f"looking at the mount {self._mount}"
        # hvac knows no method for what a user who may not list all mounts can ask.
        url = f"/v1/sys/internal/ui/mounts/{quote(self._mount)}"
        found = await self._kv.read(lambda vault: vault.get(url), url, what, call="ReadMount")
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
