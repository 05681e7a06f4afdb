"""Secrets of an ngrok vault, in the words of External Secrets Operator. They can only be written."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any, Final, NoReturn

from pydantic import Field

from eso.errors import InvalidRequestError, NoSecretError, ProviderError, UnavailableError
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import parse_push_metadata, pushed_value
from eso.providers.ngrok.api import NgrokAPI
from eso.providers.writers import Writers
from eso.transform.gojson import dumps
from eso.values import SecretMap, SecretValue
from reconcile.api.model import Model

__all__ = ["NgrokClient"]

_DESCRIPTION: Final = "Managed by External Secrets Operator"
_HASH: Final = "_sha256"
_PROBE_SECONDS: Final = 10.0


class _PushOptions(Model):
    """`spec` of the push metadata."""

    description: str = ""
    metadata: dict[str, Any] | None = Field(default=None)


class NgrokClient(SecretsClient):
    """A client of one vault.

    Args:
        api: the account.
        vault: name of the vault.
        vault_id: its id, as it was found.
        patience: seconds that a probe may take.
    """

    def __init__(self, api: NgrokAPI, vault: str, vault_id: str, *, patience: float = _PROBE_SECONDS) -> None:
        self._api = api
        self._vault = vault
        self._vault_id = vault_id
        self._patience = patience
        self._writers = Writers()

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """Refused."""
        _refuse()

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """Refused."""
        _refuse()

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """Refused."""
        _refuse()

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Write a secret; there is nothing to compare it with, so it is written each time."""
        name = entry.remote.remote_key
        options = parse_push_metadata(entry.metadata, _PushOptions) or _PushOptions()
        value = (pushed_value(source, entry) if entry.secret_key else _whole(source)).reveal()
        try:
            text = value.decode()
        except UnicodeDecodeError:
            raise InvalidRequestError(f"{entry.secret_key} cannot be pushed to ngrok: it is not UTF-8") from None
        document = {
            "value": text,
            "metadata": dumps({**(options.metadata or {}), _HASH: hashlib.sha256(value).hexdigest()}),
            "description": options.description or _DESCRIPTION,
        }
        async with self._writers.writing(name):
            vault = await self._current_vault()
            if vault is None:
                raise InvalidRequestError(f"vault {self._vault} of ngrok does not exist, make it first")
            present = await self._api.secret_id(vault, name)
            if present is not None:
                try:
                    await self._api.update(present, document)
                    return
                except NoSecretError:
                    pass  # Deleted a moment ago.
            await self._api.create({"vault_id": vault, "name": name, **document})

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete a secret; already gone, with its vault or without, is success."""
        async with self._writers.writing(remote.remote_key):
            present = await self._find(remote.remote_key)
            if present is not None:
                await self._api.remove(present)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether the vault exists and has the secret."""
        return await self._find(remote.remote_key) is not None

    async def validate(self) -> ValidationResult:
        """List the secrets of the account."""
        try:
            async with asyncio.timeout(self._patience):
                await self._api.probe()
        except TimeoutError as err:
            raise UnavailableError("listing the secrets of ngrok: the provider did not answer in time") from err
        except NoSecretError as err:
            raise InvalidRequestError(f"{err}: check spec.provider.ngrok.apiUrl") from err
        return ValidationResult.READY

    async def _find(self, name: str) -> str | None:
        vault = await self._current_vault()
        return None if vault is None else await self._api.secret_id(vault, name)

    async def _current_vault(self) -> str | None:
        """The id of the vault that has the name now: it may have been made anew, or another one has its name."""
        try:
            if await self._api.vault_name(self._vault_id) == self._vault:
                return self._vault_id
        except ProviderError:
            pass  # Looking for the name tells what is wrong.
        found = await self._api.vault_id(self._vault)
        if found is not None:
            self._vault_id = found
        return found


def _whole(source: SourceSecret) -> SecretValue:
    return SecretValue(dumps({key: base64.b64encode(value.reveal()) for key, value in source.data.items()}))


def _refuse() -> NoReturn:
    raise InvalidRequestError("ngrok is a write-only provider: it cannot read secrets")
