"""What Passbolt holds: resources, their types and secrets, and the keys that metadata is encrypted with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from eso.errors import InvalidRequestError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.passbolt.auth import PassboltSession
from eso.providers.passbolt.openpgp import PrivateKey
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["PassboltAPI", "text_of"]

_SHARED_KEYS: Final = {"contain[metadata_private_keys]": "1"}
_DOTS: Final = ("", ".", "..")


class PassboltAPI:
    """One Passbolt, as one user.

    Args:
        session: of the user.
        key: of the user.
        calls: the metered way.
    """

    def __init__(self, session: PassboltSession, key: PrivateKey, calls: ProviderCalls) -> None:
        self._session = session
        self._key = key
        self._calls = calls
        self._slugs: dict[str, str] = {}
        self._shared: dict[str, PrivateKey] = {}
        self._unlocking = asyncio.Lock()

    async def resource(self, identity: str) -> Mapping[str, Any]:
        """A resource as the server has it.

        Raises:
            InvalidRequestError: there is none that the user may see; never a NoSecretError, so that nothing is deleted.
        """
        what = f"reading resource {identity} from Passbolt"
        return _object(await self._read("GetResource", f"resources/{_segment(identity)}.json", what), what)

    async def resources(self) -> list[Mapping[str, Any]]:
        """Every resource that the user may see."""
        what = "listing the resources of Passbolt"
        return _objects(await self._read("ListResources", "resources.json", what), what)

    async def slug(self, type_id: str) -> str:
        """The name of a type of resources; it never changes, so it is asked for once."""
        if type_id not in self._slugs:
            what = f"reading resource type {type_id} from Passbolt"
            found = _object(await self._read("GetResourceType", f"resource-types/{_segment(type_id)}.json", what), what)
            self._slugs[type_id] = text_of(found, "slug", what)
        return self._slugs[type_id]

    async def secret(self, identity: str) -> SecretValue:
        """What is secret of a resource, decrypted.

        Raises:
            ProviderError: it cannot be read, or not be decrypted.
        """
        what = f"reading the secret of resource {identity} from Passbolt"
        found = _object(await self._read("GetSecret", f"secrets/resource/{_segment(identity)}.json", what), what)
        return await self._key.decrypt(text_of(found, "data", what), what)

    async def metadata(self, resource: Mapping[str, Any]) -> Mapping[str, Any]:
        """The decrypted metadata of a resource that has such.

        Raises:
            ProviderError: the user has no key to it, or it is not JSON.
        """
        what = f"reading the metadata of resource {resource.get('id')} from Passbolt"
        key = self._key
        if resource.get("metadata_key_type") != "user_key":
            key = await self._shared_key(text_of(resource, "metadata_key_id", what), what)
        return _decoded(await key.decrypt(text_of(resource, "metadata", what), what), what)

    async def _shared_key(self, identity: str, what: str) -> PrivateKey:
        async with self._unlocking:
            if identity not in self._shared:
                self._shared[identity] = await self._unlocked(identity, what)
            return self._shared[identity]

    async def _unlocked(self, identity: str, what: str) -> PrivateKey:
        user = await self._session.start()
        listing = "listing the metadata keys of Passbolt"
        keys = _objects(await self._read("ListMetadataKeys", "metadata/keys.json", listing, _SHARED_KEYS), listing)
        copies = [
            copy
            for key in keys
            if key.get("id") == identity
            for copy in _objects(key.get("metadata_private_keys") or [], listing)
        ]
        # The server gives a user their own copies; one that names nobody may be theirs too.
        copies.sort(key=lambda copy: copy.get("user_id") != user)
        if not copies:
            raise InvalidRequestError(f"{what}: metadata key {identity} is not shared with the user of the store")
        held = _decoded(await self._key.decrypt(text_of(copies[0], "data", listing), listing), listing)
        armored, passphrase = (SecretValue(text_of(held, name, listing)) for name in ("armored_key", "passphrase"))
        return await PrivateKey.unlocked(armored, passphrase, f"metadata key {identity} of Passbolt")

    async def _read(self, call: str, path: str, what: str, query: Mapping[str, str] | None = None) -> Any:
        return await self._calls.read(call, path, lambda: self._session.get(path, what, query))


def text_of(document: Mapping[str, Any], name: str, what: str) -> str:
    """A text in a JSON object; empty where it is absent or null.

    Raises:
        ProviderError: it is something else.
    """
    found = document.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ProviderError(f"{what}: the answer has a field {name} that is no text")
    # Half of a surrogate pair cannot be written; Go reads it as U+FFFD.
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _segment(identity: str) -> str:
    """An id as one segment of a path."""
    if identity in _DOTS:
        raise InvalidRequestError(f"{identity!r} is not the id of anything at Passbolt, which are UUIDs")
    return quote(identity, safe="")


def _object(found: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the answer is not a JSON object")
    return found


def _objects(found: Any, what: str) -> list[Mapping[str, Any]]:
    if not isinstance(found, list):
        raise ProviderError(f"{what}: the answer is not a JSON list")
    return [_object(each, what) for each in found]


def _decoded(content: SecretValue, what: str) -> Mapping[str, Any]:
    try:
        return _object(loads(content.reveal()), what)
    except ValueError:
        raise ProviderError(f"{what}: the answer, decrypted, is not JSON") from None
