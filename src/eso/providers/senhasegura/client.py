"""Secrets of senhasegura DSM, in the words of External Secrets Operator."""

from __future__ import annotations

from eso.errors import NoSecretError, ProviderError
from eso.providers.base import RemoteRef, SecretsClient, ValidationResult
from eso.providers.senhasegura.api import SenhaseguraAPI
from eso.transform.gojson import dumps
from eso.values import SecretMap, SecretValue, wrap_all

__all__ = ["SenhaseguraClient"]


class SenhaseguraClient(SecretsClient):
    """Reads the secrets that an application may see.

    Args:
        api: senhasegura.
    """

    def __init__(self, api: SenhaseguraAPI) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The objects of the secret as JSON, or the value that one of them has under the exact name of the property.

        Raises:
            NoSecretError: no secret has this identity, or none of its objects this property.
        """
        secrets = await self._entries(ref.key)
        if not ref.property:
            return SecretValue(dumps(secrets[0]))
        for entry in secrets:
            for each in entry:
                if ref.property in each:
                    return SecretValue(each[ref.property])
        raise NoSecretError(f"property {ref.property} does not exist in secret {ref.key}")

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The keys and values of all objects of the secret; of equal keys the last one counts.

        Raises:
            NoSecretError: no secret has this identity.
        """
        found: SecretMap = {}
        for entry in await self._entries(ref.key):
            for each in entry:
                found |= wrap_all(each)
        return found

    async def validate(self) -> ValidationResult:
        """Read the secrets of the application."""
        await self._api.secrets(fresh=True)
        return ValidationResult.READY

    async def _entries(self, key: str) -> list[list[dict[str, str]]]:
        """The objects of each secret with an identity: at least one."""
        found = [entry.data for entry in await self._api.secrets() if entry.identity == key]
        if not found:
            raise NoSecretError(f"no secret that the application of the store may see has the identity {key}")
        whole = [data for data in found if data is not None]
        if len(whole) < len(found):
            raise ProviderError(f"the data of secret {key} in senhasegura's answer is no list of objects")
        return whole
