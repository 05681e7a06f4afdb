"""Secrets Manager in the words of External Secrets Operator."""

from __future__ import annotations

from collections.abc import Mapping

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.identity.aws import AWSConnection
from eso.providers.aws.batching import read_each
from eso.providers.aws.client import AWSSecretsClient, property_of, tags_json
from eso.providers.aws.secretsmanager_api import Filter, SecretsManagerAPI
from eso.providers.aws.secretsmanager_push import SecretPusher
from eso.providers.base import FindRef, PushEntry, PushRemoteRef, RemoteRef, SourceSecret
from eso.providers.common import split_map
from eso.transform.find import name_matcher
from eso.values import SecretMap, SecretValue

__all__ = ["SecretsManagerClient"]


class SecretsManagerClient(AWSSecretsClient):
    """Secrets of one account in one region.

    Args:
        connection: the identity; closed with this.
        api: the service.
        pusher: writes secrets.
        prefix: put before keys.
    """

    def __init__(self, connection: AWSConnection, api: SecretsManagerAPI, pusher: SecretPusher, prefix: str) -> None:
        super().__init__(connection, prefix)
        self._api = api
        self._pusher = pusher

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The value of a version, or a property of it; with `metadataPolicy: Fetch` the tags."""
        key = self._key(ref.key)
        if ref.metadata_policy == "Fetch":
            try:
                described = await self._api.describe(key)
            except NoSecretError as err:
                # Tags of a secret that is missing are a mistake in the manifest, not a reason to delete anything.
                raise ProviderError(str(err)) from err
            return property_of(tags_json(described.tags), ref)
        return property_of(await self._api.value(key, ref.version), ref)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the value."""
        return split_map(await self.get_secret(ref), key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """Secrets by name, by path and by tags, under their full names."""
        if ref.name_regexp is None and not ref.tags:
            raise InvalidRequestError("unexpected find operator: AWS Secrets Manager finds by name or by tags")
        matcher = None if ref.name_regexp is None else name_matcher(ref.name_regexp)
        filters = _filters(ref.path, ref.tags or {})
        if matcher is None or ref.path:
            return {
                name: value
                async for name, value in self._api.values(filters)
                if matcher is None or matcher.search(name)
            }
        names = [name async for name in self._api.names(filters) if matcher.search(name)]
        found = await read_each(names, self._value_if_there)
        return {name: value for name, value in found.items() if value is not None}

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Create the secret, or write a new version of it when the value differs."""
        await self._pusher.push(self._key(entry.remote.remote_key), source, entry)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete the whole secret; one that this operator did not make stays."""
        await self._pusher.delete(self._key(remote.remote_key))

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether it has a value; the property does not count."""
        return await self._value_if_there(self._key(remote.remote_key)) is not None

    async def _value_if_there(self, name: str) -> SecretValue | None:
        try:
            return await self._api.value(name)
        except NoSecretError:
            return None


def _filters(path: str | None, tags: Mapping[str, str]) -> list[Filter]:
    """Filters of Secrets Manager: `name` matches the beginning; keys and values of tags are matched apart, as ESO does."""
    filters: list[Filter] = [{"Key": "name", "Values": [path]}] if path else []
    for key, value in tags.items():
        filters += [{"Key": "tag-key", "Values": [key]}, {"Key": "tag-value", "Values": [value]}]
    return filters
