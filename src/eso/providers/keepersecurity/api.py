"""The requests to Keeper Secrets Manager: what is shared, records that are made, changed and deleted, files."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from yarl import URL

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
)
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.providers.keepersecurity.protocol import Device, decoded, decrypt, encrypt, encrypt_for, seal
from eso.providers.keepersecurity.records import KeeperFile, Record, Shared, fresh_uid, unlocked
from eso.transform.gojson import dumps, loads

__all__ = ["KeeperAPI"]

_LOG = logging.getLogger(__name__)

_CLIENT: Final = "mp17.3.0"
"""Who speaks, as servers know it: the official SDK for Python whose protocol this is."""

_KEYS_TRIED: Final = 3
"""Server keys that are tried for one request; more would mean that the server asks in a circle."""


class KeeperAPI:
    """The server of one device.

    Args:
        http: a session whose base URL is that of the API.
        files: a session for addresses of files.
        calls: the metered way.
        device: that asks.
        server_keys: public keys of servers by their ids.
        schemes: that an address of a file may have.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        files: aiohttp.ClientSession,
        calls: ProviderCalls,
        device: Device,
        *,
        server_keys: Mapping[str, str],
        schemes: frozenset[str],
    ) -> None:
        self._http = http
        self._files = files
        self._calls = calls
        self._device = device
        self._server_keys = server_keys
        self._schemes = schemes
        known = device.server_key or device.key_id in server_keys
        self._key_id = device.key_id if known else "10"

    async def record(self, uid: str) -> Record | None:
        """The record with this UID; None when the application has none.

        Raises:
            ProviderError: there is one, but it does not unlock.
        """
        what = f"reading record {uid} of Keeper"
        shared = await self._calls.read("GetSecrets", (uid,), lambda: self._shared(what, [uid]))
        found = next((record for record in shared.records if record.uid == uid), None)
        if found is None and shared.locked:
            raise ProviderError(f"{what}: it does not decrypt with the appKey of the device configuration")
        return found

    async def records(self, call: str = "GetSecrets") -> tuple[Record, ...]:
        """All records of the application.

        Args:
            call: the metric label.
        """
        shared = await self._calls.read(call, (), lambda: self._shared("listing the records of Keeper"))
        return shared.records

    async def shared_now(self) -> Shared:
        """As `records`, with their folders, and never an answer of before."""
        return await self._calls.write("GetSecretsByTitle", lambda: self._shared("listing the records of Keeper"))

    async def content(self, file: KeeperFile) -> bytes:
        """The bytes of a file.

        Raises:
            ProviderError: its address is not one of https, or what is there does not decrypt.
        """
        what = f"reading file {file.title} of Keeper"
        address = _address(file.url)
        if address is None or address.scheme not in self._schemes:
            raise ProviderError(f"{what}: the answer has no https address of it")

        async def fetch() -> bytes:
            with transport_errors(what):
                async with self._files.get(address) as response:
                    if response.status != 200:
                        raise _never_missing(response.status, what, response.headers)
                    return await read_body(response, what)

        # The address is signed anew for each answer; the path is what stays.
        locked = await self._calls.read("GetFileData", (address.raw_authority, address.raw_path), fetch)
        try:
            return await asyncio.to_thread(decrypt, locked, file.key)
        except ValueError:
            raise ProviderError(f"{what}: the answer does not decrypt") from None

    async def create(self, document: Mapping[str, Any], folder_uid: str, folder_key: bytes) -> None:
        """Make a record in a shared folder.

        Raises:
            InvalidSpecError: the device configuration lacks what is needed for it.
        """
        owner = self._device.owner_key
        if not owner:
            raise InvalidSpecError(
                "the device configuration of Keeper Secrets Manager has no appOwnerPublicKey, which new records need: "
                "bind a new device"
            )
        key = os.urandom(32)
        try:
            owned = encrypt_for(key, owner)
        except ValueError:
            raise InvalidSpecError(
                "the device configuration of Keeper Secrets Manager has an appOwnerPublicKey that is not a key"
            ) from None
        payload = {
            "recordUid": fresh_uid(),
            "recordKey": _base64(owned),
            "folderUid": folder_uid,
            "folderKey": _base64(encrypt(key, folder_key)),
            "data": _base64(encrypt(dumps(document, escape_html=False).encode(), key)),
        }
        what = f"creating a record in folder {folder_uid} of Keeper"
        await self._calls.write("CreateSecretWithRecordData", lambda: self._post("create_secret", payload, what))

    async def save(self, record: Record, text: str) -> None:
        """Write a record, unless it changed since it was read."""
        payload = {
            "recordUid": record.uid,
            "revision": record.revision,
            "data": _base64(encrypt(text.encode("utf-8", "surrogateescape"), record.key)),
        }
        what = f"updating record {record.uid} of Keeper"
        await self._calls.write("Save", lambda: self._post("update_secret", payload, what))

    async def remove(self, uid: str) -> None:
        """Delete a record.

        Raises:
            ProviderError: the server refuses it.
        """
        what = f"deleting record {uid} of Keeper"

        async def send() -> None:
            said = await self._post("delete_secret", {"recordUids": [uid]}, what)
            answer = _loaded(said, what) if said else {}
            statuses = answer.get("records") if isinstance(answer, dict) else None
            for status in statuses if isinstance(statuses, list) else ():
                code = status.get("responseCode") if isinstance(status, dict) else None
                if code not in (None, "", "ok"):
                    raise AccessDeniedError(
                        f"{what}: the server refuses it, the device must be allowed to edit the folder"
                    )

        await self._calls.write("DeleteSecrets", send)

    async def folders(self) -> dict[str, bytes]:
        """The keys of the shared folders, also of those without records."""
        what = "listing the folders of Keeper"

        async def fetch() -> bytes:
            return await self._post("get_folders", {}, what)

        answer = _loaded(await self._calls.write("GetFolders", fetch), what)
        try:
            return {folder.uid: folder.key for folder in unlocked(answer, self._device.app_key).folders}
        except ValueError:
            raise _malformed(what) from None

    async def _shared(self, what: str, uids: list[str] | None = None) -> Shared:
        answer = await self._post("get_secret", {"requestedRecords": uids} if uids else {}, what)
        # A vault of thousands of records takes its time to decrypt.
        try:
            shared = await asyncio.to_thread(lambda: unlocked(_loaded(answer, what), self._device.app_key))
        except ValueError:
            raise _malformed(what) from None
        if shared.locked and not shared.records and not shared.folders:
            raise AccessDeniedError(f"{what}: nothing decrypts, check the credentials: the appKey of the configuration")
        if shared.locked and not uids:
            # As the official SDKs: one broken record does not hide the others.
            _LOG.warning("%s: passed over what does not decrypt: %s", what, ", ".join(sorted(shared.locked)))
        return shared

    async def _post(self, name: str, payload: Mapping[str, Any], what: str) -> bytes:
        """Send a request; the decrypted answer. A server that wants another of its keys gets it."""
        whole = {"clientVersion": _CLIENT, "clientId": self._device.client_id, **payload}
        for _ in range(_KEYS_TRIED):
            key_id = self._key_id
            try:
                sealed = seal(
                    self._device, whole, key_id, decoded(self._device.server_key or self._server_keys[key_id])
                )
            except ValueError:
                raise InvalidSpecError(
                    "the device configuration of Keeper Secrets Manager has a serverPublicKey that is not a key"
                ) from None
            with transport_errors(what):
                async with self._http.post(
                    name, data=sealed.body, headers=sealed.headers, allow_redirects=False
                ) as response:
                    body = await read_body(response, what)
                    status, headers = response.status, response.headers
            if status == 200:
                try:
                    return decrypt(body, sealed.key) if body else b""
                except ValueError:
                    raise _malformed(what) from None
            self._key_id = self._announced(status, headers, body, what)
        raise ProviderError(f"{what}: the server wants another of its public keys each time")

    def _announced(self, status: int, headers: Mapping[str, str], body: bytes, what: str) -> str:
        """The id of the key that the server wants; everything else it says is an error."""
        try:
            said = loads(body, exact=True)
        except ValueError:
            said = None
        said = said if isinstance(said, dict) else {}
        match said.get("result_code") or said.get("error"):
            case "key":
                wanted = str(said.get("key_id"))
                if not self._device.server_key and wanted not in self._server_keys:
                    raise ProviderError(f"{what}: the server wants a public key that is not known here")
                return wanted
            case "throttled":
                raise ThrottledError(
                    f"{what}: the provider answered too many requests, it is tried again later",
                    retry_after=_seconds(said.get("retry_after")) or retry_after(headers),
                )
        raise _never_missing(status, what, headers)


def _address(text: str) -> URL | None:
    try:
        # As it is written: a signature is over the very text.
        found = URL(text, encoded=True)
        return found if found.host and (found.port or 0) > 0 else None
    except ValueError:
        return None


def _never_missing(status: int, what: str, headers: Mapping[str, str]) -> ProviderError:
    found = error_for_status(status, what, wait=retry_after(headers))
    # No answer of Keeper says that a record is gone, and nothing may be deleted because of it.
    return InvalidRequestError(str(found)) if isinstance(found, NoSecretError) else found


def _seconds(said: Any) -> float | None:
    try:
        found = float(said)
    except (TypeError, ValueError):
        return None
    return min(found, 3600.0) if found > 0 else None


def _loaded(answer: bytes, what: str) -> Any:
    try:
        return loads(answer, exact=True)
    except ValueError:
        raise _malformed(what) from None


def _malformed(what: str) -> ProviderError:
    return ProviderError(f"{what}: the provider's answer is malformed")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
