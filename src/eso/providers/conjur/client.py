"""Conjur variables as secrets, in the words of External Secrets Operator."""

from __future__ import annotations

from eso.errors import InvalidRequestError, ProviderError
from eso.providers.base import FindRef, RemoteRef, SecretsClient
from eso.providers.common import find_property
from eso.providers.conjur.api import ConjurAPI
from eso.transform.find import name_matcher, tags_match
from eso.transform.gojson import loads
from eso.values import SecretMap, SecretValue

__all__ = ["ConjurClient"]


class ConjurClient(SecretsClient):
    """Reads variables. Its validation asks nobody, as in External Secrets Operator: signing in waits for the first read.

    Args:
        api: Conjur.
    """

    def __init__(self, api: ConjurAPI) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The value of a variable, or a property of it; what is missing is a plain error."""
        value = SecretValue(await self._api.variable(ref.key))
        if not ref.property:
            return value
        found = find_property(value, ref.property)
        if found is None:
            raise ProviderError(f"property {ref.property} does not exist in key {ref.key}")
        return found

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in a variable; they must be texts."""
        whole = await self.get_secret(ref)
        try:
            members = loads(whole.reveal())
        except ValueError:
            raise ProviderError(f"unable to unmarshal secret {ref.key}: it is not JSON") from None
        if not isinstance(members, dict) or not all(isinstance(value, str | None) for value in members.values()):
            raise ProviderError(f"unable to unmarshal secret {ref.key}: it is not a JSON object of texts")
        return {key: SecretValue(value or "") for key, value in members.items()}

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The variables whose id matches; without a name those whose annotations have all tags.

        Raises:
            InvalidRequestError: none does, so that a search that finds nothing empties no Secret.
        """
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp is not None else None
        tags = ref.tags or {}
        chosen = [
            identity
            for identity, annotations in await self._api.variables()
            if (matcher.search(identity) if matcher is not None else tags_match(tags, annotations))
        ]
        if not chosen:
            raise InvalidRequestError(
                "no variable that may be seen matches: check find and the permissions of the identity"
            )
        return await self._api.values(chosen)
