"""Secrets of OKMS, in the words of External Secrets Operator."""

from __future__ import annotations

from typing import Any, Final

from eso.errors import EsoError, InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import find_property
from eso.providers.gathering import read_all
from eso.providers.ovh.api import OvhAPI, Stored
from eso.providers.writers import Writers
from eso.transform.find import name_matcher
from eso.transform.gojson import byte_value, dumps, loads
from eso.values import SecretMap, SecretValue

__all__ = ["OvhClient"]

_LATEST: Final = 2**32 - 1
"""The largest number of a version that can be asked for."""


class OvhClient(SecretsClient):
    """Reads and writes secrets.

    Args:
        api: OKMS.
        cas: whether writes name the version that they replace.
    """

    def __init__(self, api: OvhAPI, cas: bool) -> None:
        self._api = api
        self._cas = cas
        self._writers = Writers()

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The data of a secret as JSON, or a property of it."""
        data = await self._data(ref)
        if not ref.property:
            return data
        found = find_property(data, ref.property)
        if found is None:
            raise ProviderError(f'secret property "{ref.property}" not found in secret {ref.key}')
        return found

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the data, or of an object in it that the property selects."""
        try:
            members = loads((await self.get_secret(ref)).reveal() or b"{}")
        except ValueError:
            members = None
        if not isinstance(members, dict):
            raise ProviderError(f"property {ref.property} of secret {ref.key} is not a JSON object")
        return {name: SecretValue(byte_value(member)) for name, member in members.items()}

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The data of all secrets below a path whose whole path matches; `tags` do not matter.

        Raises:
            InvalidRequestError: there are none, so that a search that finds nothing empties no Secret.
        """
        folder = _folder(ref.path or "")
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp is not None else None
        paths = [path for path in await self._api.paths(folder) if matcher is None or matcher.search(path)]
        gone: set[str] = set()

        async def read(path: str) -> SecretValue:
            try:
                return await self.get_secret(RemoteRef(path))
            except NoSecretError:
                gone.add(path)  # It was deleted since it was listed.
                return SecretValue(b"")

        found = await read_all(list(dict.fromkeys(paths)), read)
        left = {path: value for path, value in found.items() if path not in gone}
        if not left:
            raise InvalidRequestError(f'no secret at path "{ref.path or ""}" matches: check find, and what may be seen')
        return left

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Write a secret whose data are the chosen keys of the source; with a property, under its name."""
        path = entry.remote.remote_key
        try:
            wanted = _wanted(source, entry)
            async with self._writers.writing(path):
                await self._write(path, wanted)
        except EsoError as err:
            raise _prefixed(err, f'failed to push secret at path "{path}"') from err

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Remove the whole secret; none is success."""
        try:
            await self._api.delete(remote.remote_key)
        except NoSecretError:
            return

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether there is such a secret; the property does not matter."""
        return await self._api.exists(remote.remote_key)

    async def validate(self) -> ValidationResult:
        """List secrets."""
        await self._api.probe()
        return ValidationResult.READY

    async def _data(self, ref: RemoteRef) -> SecretValue:
        if not ref.key:
            raise InvalidSpecError("remote key cannot be empty (spec.data.remoteRef.key)")
        if ref.metadata_policy == "Fetch":
            raise InvalidSpecError("fetch metadata policy not supported")
        return _present(await self._api.secret(ref.key, _version(ref.version)), ref.key)

    async def _write(self, path: str, wanted: dict[str, Any]) -> None:
        try:
            stored = await self._api.secret(path)
        except NoSecretError:
            await self._api.create(path, wanted)
            return
        current = _present(stored, path)
        # As texts: in Python true equals 1.
        if dumps(loads(dumps(wanted))) == current.reveal_text():
            return
        await self._api.update(path, wanted, stored.version if self._cas else None)


def _present(stored: Stored, key: str) -> SecretValue:
    if not stored.data:
        raise ProviderError(f"secret {key}: secret version data is missing")
    return stored.data


def _version(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > _LATEST:
        raise InvalidSpecError(f'invalid secret version "{text}": it must be a number that is not negative')
    return int(text)


def _folder(path: str) -> str:
    """The folder that a search begins in."""
    folder = path.removesuffix("/")
    if folder.startswith("/") or "//" in path:
        raise InvalidSpecError(f'find.path "{path}" must not begin with a slash, or have two in a row')
    return folder


def _wanted(source: SourceSecret, entry: PushEntry) -> dict[str, Any]:
    """The data that a push asks for; values that are JSON count as such."""
    if not source.data:
        raise InvalidRequestError("provided secret is empty")
    keys = [entry.secret_key] if entry.secret_key else list(source.data)
    if keys[0] not in source.data:
        raise InvalidRequestError(f'secretKey "{entry.secret_key}" not found in secret data')
    values = {key: _decoded(source.data[key]) for key in keys}
    return {entry.remote.property: values} if entry.remote.property else values


def _decoded(value: SecretValue) -> Any:
    try:
        return loads(value.reveal(), exact=True)
    except ValueError:
        return value.reveal()


def _prefixed(err: EsoError, prefix: str) -> EsoError:
    """The same error with a longer text, so that it is treated alike."""
    return type(err)(f"{prefix}: {err}", **{key: held for key, held in vars(err).items() if key == "retry_after"})
