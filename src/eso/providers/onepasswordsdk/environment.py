"""A 1Password Environment, in the words of External Secrets Operator; it is read only."""

from __future__ import annotations

from eso.errors import InvalidRequestError, ProviderError
from eso.providers.base import FindRef, PushEntry, PushRemoteRef, RemoteRef, SecretsClient, SourceSecret
from eso.providers.onepasswordsdk.api import OnePasswordAPI
from eso.providers.onepasswordsdk.cache import ValueCache
from eso.providers.onepasswordsdk.client import refuse_version
from eso.transform.find import name_matcher
from eso.values import SecretMap, SecretValue

__all__ = ["EnvironmentClient"]


class EnvironmentClient(SecretsClient):
    """A client of one Environment.

    Args:
        api: the service account.
        environment: its id.
        cache: of values.
    """

    def __init__(self, api: OnePasswordAPI, environment: str, cache: ValueCache) -> None:
        self._api = api
        self._environment = environment
        self._cache = cache

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """A variable; the property does not matter."""
        refuse_version(ref)
        return await self._variable(ref.key)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """All variables, or the one that is named by the property; the key does not matter."""
        refuse_version(ref)
        if ref.property:
            return {ref.property: await self._variable(ref.property)}
        return dict(await self._variables())

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The variables whose names match; variables have neither path nor tags."""
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp is not None else None
        found = await self._variables()
        return {name: value for name, value in found.items() if matcher is None or matcher.search(name)}

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Refused."""
        raise _read_only("PushSecret")

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Refused."""
        raise _read_only("deletionPolicy Delete")

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Refused."""
        raise _read_only("updatePolicy IfNotExists")

    async def close(self) -> None:
        """Let go of the session in the SDK's library."""
        self._api.close()

    async def _variable(self, name: str) -> SecretValue:
        found = await self._variables()
        if name not in found:
            raise ProviderError(f"Environment {self._environment} of 1Password has no variable {name}")
        return found[name]

    async def _variables(self) -> SecretMap:
        return await self._cache.get_or(("variables",), lambda: self._api.variables(self._environment))


def _read_only(what: str) -> InvalidRequestError:
    return InvalidRequestError(f"{what} is not possible: 1Password Environments are read-only, use a vault")
