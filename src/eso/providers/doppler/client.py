"""Secrets of a Doppler config, in the words of External Secrets Operator."""

from __future__ import annotations

from typing import Final

from eso.errors import InvalidRequestError
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import pushed_value, split_map
from eso.providers.doppler.api import DopplerAPI, json_of
from eso.providers.doppler.spec import DopplerSpec
from eso.transform.find import name_matcher
from eso.transform.gojson import byte_value
from eso.values import SecretMap, SecretValue

__all__ = ["DopplerClient"]

_FILE: Final = "DOPPLER_SECRETS_FILE"


class DopplerClient(SecretsClient):
    """A client of one config.

    Args:
        spec: of the store.
        api: Doppler.
    """

    def __init__(self, spec: DopplerSpec, api: DopplerAPI) -> None:
        self._spec = spec
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The text of one secret; `property` does not matter."""
        return SecretValue(await self._api.secret(ref.key))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in a secret."""
        return split_map(await self.get_secret(ref), key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The secrets whose name matches and begins with the path; with a `format` one file with all of them."""
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp is not None else None
        form = self._spec.format or ""
        body = await self._api.everything(self._spec.name_transformer or "", form)
        if form:
            found = {_FILE: SecretValue(body)}
        else:
            members = json_of(body, "reading the Doppler config")
            found = {name: SecretValue(byte_value(value)) for name, value in members.items()}
        return {
            name: value
            for name, value in found.items()
            if (matcher is None or matcher.search(name)) and name.startswith(ref.path or "")
        }

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Write one secret; without `secretKey` it becomes empty."""
        text = pushed_value(source, entry).utf8() if entry.secret_key else ""
        if text is None:
            raise InvalidRequestError(f"{entry.secret_key} cannot be pushed to Doppler: it is not UTF-8")
        await self._api.update(entry.remote.remote_key, text)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete one secret."""
        await self._api.remove(remote.remote_key)

    async def validate(self) -> ValidationResult:
        """List projects with the token."""
        await self._api.probe()
        return ValidationResult.READY
