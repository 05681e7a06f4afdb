"""Secrets of an Onboardbase environment, in the words of External Secrets Operator."""

from __future__ import annotations

from eso.errors import InvalidRequestError, ProviderError
from eso.providers.base import FindRef, RemoteRef, SecretsClient, ValidationResult
from eso.providers.common import split_map
from eso.providers.onboardbase.api import OnboardbaseAPI
from eso.providers.tcpprobe import tcp_probe
from eso.transform import property as properties
from eso.transform.find import name_matcher
from eso.values import SecretMap, SecretValue

__all__ = ["OnboardbaseClient"]


class OnboardbaseClient(SecretsClient):
    """A client of one environment.

    Args:
        api: Onboardbase.
        url: of its API.
    """

    def __init__(self, api: OnboardbaseAPI, url: str) -> None:
        self._api = api
        self._url = url

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """A secret, or a property of it as the JSON text it is written in: texts keep their quotes."""
        value = (await self._api.secrets()).get(ref.key)
        if not value:
            # Never a NoSecretError: as in External Secrets Operator nothing is deleted.
            raise InvalidRequestError(
                f"could not get secret {ref.key}: it does not exist in this environment, or is empty"
            )
        if not ref.property:
            return value
        found = properties.find(value.reveal(), ref.property)
        if found is None:
            raise ProviderError(f"cannot find property {ref.property} in secret data for key: {ref.key}")
        return SecretValue(found.raw)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in a secret, or in a property of it."""
        return split_map(await self.get_secret(ref), key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The secrets whose key matches and begins with the path."""
        if ref.tags:
            raise InvalidRequestError("find by tags not supported: use find.name or find.path")
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp is not None else None
        return {
            key: value
            for key, value in (await self._api.secrets()).items()
            if (matcher is None or matcher.search(key)) and key.startswith(ref.path or "")
        }

    async def validate(self) -> ValidationResult:
        """Connect to the API, and list the members of the team with the API key."""
        await tcp_probe(self._url, "the API of Onboardbase")
        await self._api.probe()
        return ValidationResult.READY
