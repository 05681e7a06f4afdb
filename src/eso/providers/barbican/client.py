"""Barbican secrets, in the words of External Secrets Operator."""

from __future__ import annotations

from eso.errors import InvalidRequestError, InvalidSpecError, ProviderError
from eso.providers.barbican.api import BarbicanAPI
from eso.providers.base import FindRef, RemoteRef, SecretsClient, ValidationResult
from eso.providers.gathering import read_all
from eso.transform.find import name_matcher
from eso.transform.jsontext import is_valid, members
from eso.values import SecretMap, SecretValue

__all__ = ["BarbicanClient"]


class BarbicanClient(SecretsClient):
    """Reads payloads.

    Args:
        api: Barbican.
    """

    def __init__(self, api: BarbicanAPI) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The payload, or one member of the JSON object in it as it is written there: a text keeps its quotes."""
        payload = SecretValue(await self._api.payload(ref.key))
        if not ref.property:
            return payload
        found = _members(payload, ref.key).get(ref.property)
        if found is None:
            raise ProviderError(f"property {ref.property} not found in the payload of secret {ref.key}")
        return found

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in a payload, as they are written there."""
        return _members(await self.get_secret(ref), ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The payloads of secrets whose name matches, by their ids; `path` and `tags` do not matter.

        Raises:
            InvalidRequestError: none does, so that a search that finds nothing empties no Secret.
        """
        if not ref.name_regexp:
            raise InvalidSpecError("missing field find.name.regexp")
        matcher = name_matcher(ref.name_regexp)
        chosen = [identity for identity, name in await self._api.names() if matcher.search(name)]
        if not chosen:
            raise InvalidRequestError("no secrets found: check find.name.regexp, and what the user may see")

        async def read(identity: str) -> SecretValue:
            return SecretValue(await self._api.payload(identity))

        return await read_all(list(dict.fromkeys(chosen)), read)

    async def validate(self) -> ValidationResult:
        """Nothing is asked: that the client exists says that signing in works."""
        return ValidationResult.UNKNOWN


def _members(payload: SecretValue, key: str) -> SecretMap:
    """The members of a JSON object, each as the JSON text it was written in.

    Raises:
        ProviderError: it is not a JSON object.
    """
    text = payload.reveal_text().strip(" \t\r\n")
    if text == "null":
        return {}
    if not text.startswith("{") or not is_valid(text):
        raise ProviderError(f"the payload of secret {key} is not a JSON object")
    return {name: SecretValue(value.raw) for _, name, value in members(text)}
