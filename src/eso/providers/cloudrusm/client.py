"""Secrets of Cloud.ru in the words of External Secrets Operator."""

from __future__ import annotations

import re
from typing import Final

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import FindRef, RemoteRef, SecretsClient, ValidationResult
from eso.providers.cloudrusm.api import SecretManager
from eso.providers.cloudrusm.uuids import is_uuid
from eso.providers.gathering import read_all
from eso.transform.conversion import convert_keys
from eso.transform.property import find, raw_map
from eso.values import SecretMap, SecretValue

__all__ = ["CloudruSMClient"]

_LATEST: Final = "latest"
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,11}")
_HIGHEST: Final = 2**31 - 1


class CloudruSMClient(SecretsClient):
    """Reads secrets of one project; signing in waits for the first read.

    Args:
        api: Secret Manager.
    """

    def __init__(self, api: SecretManager) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The payload, or the text at a GJSON path of it; what is there and is not a text counts as an empty one.

        Raises:
            NoSecretError: there is no such secret or version.
            ProviderError: the payload is not a JSON object, or has nothing at the path.
        """
        payload = await self._payload(ref.key, ref.version)
        path = ref.property.strip()
        if not path:
            return SecretValue(payload)
        try:
            raw_map(payload)
        except ValueError:
            raise ProviderError(
                f'expecting the secret "{ref.key}" in JSON format, could not access property "{ref.property}"'
            ) from None
        node = find(payload, path)
        if node is None:
            raise ProviderError(f'the requested property "{path}" does not exist in secret "{ref.key}"')
        return SecretValue(node.text)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of a payload that is a JSON object, as the text that they are written in, without quotes around it."""
        try:
            members = raw_map(await self._payload(ref.key, ref.version))
        except ValueError:
            raise ProviderError(f'expecting the secret "{ref.key}" in JSON format') from None
        return {name: SecretValue(text.strip(b'"')) for name, text in members.items()}

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The newest payloads of the secrets that one search finds, by their paths.

        Raises:
            InvalidSpecError: nothing says what to look for.
        """
        if not ref.tags and ref.name_regexp is None and ref.path is None:
            raise InvalidSpecError("at least one of the following fields must be set: tags, name, path")
        found = await self._api.search(ref.name_regexp or "", ref.tags or {}, ref.path or "")
        ids = {secret.path: secret.id for secret in found}
        gone: set[str] = set()

        async def read(path: str) -> SecretValue:
            try:
                return SecretValue(await self._payload(ids[path], _LATEST))
            except NoSecretError:
                gone.add(path)
                return SecretValue(b"")

        values = await read_all(list(ids), read)
        kept = {path: value for path, value in values.items() if path not in gone}
        return convert_keys(kept, ref.conversion_strategy)

    async def validate(self) -> ValidationResult:
        """Nobody is asked: whether the access key works shows at the first read."""
        return ValidationResult.UNKNOWN

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _payload(self, key: str, version: str) -> bytes:
        if is_uuid(key):
            return await self._api.by_id(key, version or _LATEST)
        return await self._api.by_path(key, _number(version))


def _number(version: str) -> int | None:
    if version in ("", _LATEST):
        return None
    if not _NUMBER.fullmatch(version) or not -_HIGHEST - 1 <= int(version) <= _HIGHEST:
        raise InvalidRequestError("invalid secret version: should be a valid int32 value or 'latest' keyword")
    return int(version)
