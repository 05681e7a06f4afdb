"""Secrets of Infisical, in the words of External Secrets Operator."""

from __future__ import annotations

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import find_property, pushed_value, split_map
from eso.providers.infisical.api import Address, InfisicalAPI
from eso.providers.writers import Writers
from eso.transform import sjson
from eso.transform.find import name_matcher
from eso.transform.gojson import loads
from eso.values import SecretMap, SecretValue

__all__ = ["InfisicalClient"]


class InfisicalClient(SecretsClient):
    """A client of one environment.

    Args:
        api: Infisical.
        folder: that keys are relative to.
    """

    def __init__(self, api: InfisicalAPI, folder: str) -> None:
        self._api = api
        self._folder = folder
        self._writers = Writers()

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """A secret, or a property of it."""
        value = SecretValue(await self._api.value(Address.of(ref.key, self._folder)))
        if not ref.property:
            return value
        found = find_property(value, ref.property)
        if found is None:
            raise ProviderError(f"property {ref.property} does not exist in secret {ref.key}")
        return found

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in a secret, or in a property of it."""
        return split_map(await self.get_secret(ref), key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The secrets whose name matches, in folders whose path begins so."""
        if ref.tags is not None:
            raise InvalidRequestError("find.tags is not supported by infisical: use find.name or find.path")
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp is not None else None
        found: SecretMap = {}
        for path, name, value, imported in await self._api.secrets():
            wanted = (matcher is None or matcher.search(name)) and path.startswith(ref.path or "")
            # Of equal names the last folder wins, and a folder over what is imported.
            if wanted and not (imported and name in found):
                found[name] = SecretValue(value)
        return found

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Write a secret, or one property of it; what is equal already is not written."""
        address = self._address(entry.remote)
        value = pushed_value(source, entry).reveal()
        async with self._writers.writing("/".join(address)):
            current = await self._current(address)
            if entry.remote.property:
                document = _object(current or "{}", entry.remote.remote_key)
                try:
                    value = sjson.set_string(document, entry.remote.property, value)
                except ValueError as err:
                    raise InvalidRequestError(f"property {entry.remote.property} cannot be set: {err}") from None
            try:
                text = value.decode()
            except UnicodeDecodeError:
                raise InvalidRequestError(
                    f"{entry.secret_key} cannot be pushed to Infisical: it is not UTF-8"
                ) from None
            if current is None:
                await self._api.create(address, text)
            elif current != text:
                await self._api.update(address, text)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete a secret, or remove one property; the secret goes with the last of them."""
        address = self._address(remote)
        async with self._writers.writing("/".join(address)):
            current = await self._current(address)
            if current is None:
                return
            left = ""
            if remote.property:
                document = _object(current, remote.remote_key)
                left = sjson.delete(document, remote.property).decode("utf-8", "surrogateescape")
                if left == current:
                    return
                left = left if loads(left) else ""
            if left:
                await self._api.update(address, left)
                return
            try:
                await self._api.remove(address)
            except NoSecretError:
                return

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether there is the secret, and the property where one is named."""
        current = await self._current(self._address(remote))
        if current is None or not remote.property:
            return current is not None
        return find_property(_object(current, remote.remote_key), remote.property) is not None

    async def validate(self) -> ValidationResult:
        """List the secrets of the scope."""
        await self._api.secrets(fresh=True)
        return ValidationResult.READY

    async def close(self) -> None:
        """Revoke the access token that was got by signing in."""
        await self._api.close()

    def _address(self, remote: PushRemoteRef) -> Address:
        if not remote.remote_key:
            raise InvalidRequestError("remoteRef.remoteKey is required by infisical")
        return Address.of(remote.remote_key, self._folder)

    async def _current(self, address: Address) -> str | None:
        """What is stored in the folder itself: an imported secret is somebody else's."""
        try:
            return await self._api.own_value(address)
        except NoSecretError:
            return None


def _object(text: str, key: str) -> bytes:
    try:
        found = loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidRequestError(f"secret {key} does not hold a JSON object: it has no properties")
    return text.encode("utf-8", "surrogateescape")
