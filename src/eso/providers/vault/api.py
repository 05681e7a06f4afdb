"""Secrets of a key/value mount of Vault: data, metadata, listings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from hvac.api.secrets_engines import KvV1, KvV2

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.identity.vault import VaultConnection
from eso.providers.base import ProviderCalls
from eso.providers.gathering import gathered
from eso.providers.vault.paths import Mount
from eso.providers.vaultkv import DELETE, WRITE, KeyValueAPI, read_data
from eso.transform.gojson import byte_value

__all__ = ["MANAGED_BY", "MARKER", "VaultAPI"]

MANAGED_BY: Final = "managed-by"
MARKER: Final[Mapping[str, str]] = {MANAGED_BY: "external-secrets"}

_AT_ONCE: Final = 16
_DEEPEST: Final = 64
_METADATA: Final = ("created_time", "current_version", "delete_version_after")


class VaultAPI:
    """Requests of the provider.

    Args:
        connection: server and token.
        calls: the metered way there.
        mount: where secrets are.
    """

    def __init__(self, connection: VaultConnection, calls: ProviderCalls, mount: Mount) -> None:
        self._connection = connection
        self._kv = KeyValueAPI(connection, calls)
        self.mount = mount

    async def read(self, relative: str, version: str = "") -> dict[str, Any]:
        """The key/value pairs of a secret; numbers keep their digits.

        Raises:
            NoSecretError: it does not exist, or that version was deleted.
        """
        what = f"reading secret {relative}"
        mount, path = self.mount.data_of(relative)

        if not self.mount.v2:
            answer = await self._kv.read(
                lambda vault: KvV1(vault).read_secret(path, mount), ("data", mount, path), what
            )
            return read_data(answer, what, nested=False)
        answer = await self._kv.read(
            lambda vault: KvV2(vault).read_secret_version(path, version or None, mount, raise_on_deleted_version=True),
            ("data", mount, path, version),
            what,
        )
        return read_data(answer, what, nested=True)

    async def metadata(self, relative: str) -> dict[str, str] | None:
        """What is known of a secret beside its data: times, current version, custom metadata. None when it has none.

        Raises:
            InvalidRequestError: the mount is of version 1.
        """
        if not self.mount.v2:
            raise InvalidRequestError("metadata are available for version v2 only: set version, or metadataPolicy None")
        mount, path = self.mount.metadata_of(relative)
        try:
            found = await self._kv.read(
                lambda vault: KvV2(vault).read_secret_metadata(path, mount),
                ("metadata", mount, path),
                f"reading the metadata of secret {relative}",
            )
        except NoSecretError:
            return None
        texts = {name: _text(found[name]) for name in _METADATA if found.get(name) is not None}
        custom = found.get("custom_metadata") or {}
        if not isinstance(custom, dict):
            raise ProviderError(f"reading the metadata of secret {relative}: custom_metadata is not an object")
        return {**texts, **{name: _text(value) for name, value in custom.items()}}

    async def names(self, folder: str) -> list[str]:
        """Every secret below a folder, with the folder in front; subfolders included.

        Raises:
            NoSecretError: there are none.
        """
        found = await self._names(folder, asyncio.Semaphore(_AT_ONCE), 0)
        if not found:
            raise NoSecretError(f"listing secrets of {folder or 'the mount'}: nothing there")
        return found

    async def _names(self, folder: str, at_once: asyncio.Semaphore, depth: int) -> list[str]:
        if depth > _DEEPEST:
            raise ProviderError(f"listing secrets of {folder}: folders are nested too deeply")
        mount, path = self.mount.folder(folder)
        engine = KvV2 if self.mount.v2 else KvV1
        try:
            async with at_once:
                keys = await self._kv.names(
                    lambda vault: engine(vault).list_secrets(path, mount),
                    (mount, path),
                    f"listing secrets of {folder or 'the mount'}",
                )
        except NoSecretError:
            return []
        below = [key for key in keys if key.endswith("/") and key != "/"]
        parts = await gathered([self._names(f"{folder}{key}", at_once, depth + 1) for key in below])
        nested = dict(zip(below, parts, strict=True))
        found: list[str] = []
        for key in keys:
            found += nested.get(key, []) if key.endswith("/") else [f"{folder}{key}"]
        return found

    async def mark(self, relative: str) -> None:
        """Say in the metadata that this operator manages the secret (version 2)."""
        mount, path = self.mount.metadata_of(relative)
        # hvac's update_metadata always says when versions end as well, and so would undo what somebody has set.
        url = f"/v1/{quote(mount)}/metadata/{quote(path)}"
        body = {"custom_metadata": dict(MARKER)}
        await self._kv.write(lambda vault: vault.post(url, json=body), f"marking secret {relative}")

    async def write(
        self, relative: str, values: Mapping[str, Any], *, expected: int | None = None, call: str = WRITE
    ) -> None:
        """Replace the key/value pairs of a secret.

        Args:
            relative: the secret.
            values: everything it shall hold.
            expected: its current version, 0 for a new one, checked by the server; None checks nothing.
            call: metric label.

        Raises:
            InvalidRequestError: refused, also when the version is another by now.
        """
        mount, path = self.mount.data_of(relative)
        what = f"writing secret {relative}"
        if not self.mount.v2:
            await self._kv.write(
                lambda vault: KvV1(vault).create_or_update_secret(path, dict(values), "PUT", mount), what, call=call
            )
            return
        await self._kv.write(
            lambda vault: KvV2(vault).create_or_update_secret(path, dict(values), expected, mount), what, call=call
        )

    async def remove(self, relative: str) -> None:
        """Delete a secret, with all versions and metadata."""
        what = f"deleting secret {relative}"
        mount, path = self.mount.data_of(relative)
        if not self.mount.v2:
            await self._kv.delete(lambda vault: KvV1(vault).delete_secret(path, mount), what)
            return
        await self._kv.delete(lambda vault: KvV2(vault).delete_latest_version_of_secret(path, mount), what)
        mount, path = self.mount.metadata_of(relative)
        await self._kv.delete(lambda vault: KvV2(vault).delete_metadata_and_all_versions(path, mount), what)

    async def rewrite(self, relative: str, values: Mapping[str, Any], *, expected: int | None) -> None:
        """As `write`, to remove a property; counted as a deletion."""
        await self.write(relative, values, expected=expected, call=DELETE)

    async def valid(self) -> None:
        """Make sure that the token works.

        Raises:
            EsoError: it does not.
        """
        await self._connection.session.valid()

    async def close(self) -> None:
        """Sign out."""
        await self._connection.close()


def _text(value: Any) -> str:
    return byte_value(value).decode("utf-8", "replace")
