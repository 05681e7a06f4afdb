"""Secret Manager in the words of the operator: reading, finding; what is pushed is the pusher's business."""

from __future__ import annotations

from typing import Final

from eso.errors import InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import find_property, split_map
from eso.providers.gathering import read_all
from eso.providers.gcpsm.api import SecretManager
from eso.providers.gcpsm.errors import NotEnabledError
from eso.providers.gcpsm.push import Pusher, is_managed
from eso.transform.conversion import convert_keys
from eso.transform.find import name_matcher
from eso.transform.gojson import dumps
from eso.transform.jsontext import is_valid
from eso.values import SecretMap, SecretValue

__all__ = ["GCPSMClient"]

_LATEST: Final = "latest"


class GCPSMClient(SecretsClient):
    """A client of one project or location.

    Args:
        api: Secret Manager.
        pusher: writes to it.
        fetch_enabled: where the latest version cannot be read, read the newest one that can.
    """

    def __init__(self, api: SecretManager, pusher: Pusher, *, fetch_enabled: bool) -> None:
        self._api = api
        self._pusher = pusher
        self._fetch_enabled = fetch_enabled

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The payload, a property of it, or labels and annotations.

        Raises:
            NoSecretError: no such secret or version.
            ProviderError: it is empty, is not JSON, or has no such property, label or annotation.
        """
        if ref.metadata_policy == "Fetch":
            return await self._metadata(ref)
        payload = await self._payload(ref)
        if not ref.property:
            if not payload:
                raise ProviderError(f"secret {ref.key} is empty")
            return SecretValue(payload)
        if not is_valid(payload.decode("utf-8", "surrogateescape")):
            raise ProviderError(f"secret {ref.key} is not JSON, so it has no property {ref.property}")
        found = find_property(payload, ref.property, order="escaped-first")
        if found is None:
            raise ProviderError(f"key {ref.property} does not exist in secret {ref.key}")
        return found

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of a payload that is a JSON object."""
        return split_map(await self.get_secret(ref), key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The secrets whose id matches, or whose labels do when no name is asked for; each at its latest version."""
        filters = [f"name:{ref.path}"] if ref.path else []
        matcher = None
        if ref.name_regexp is not None:
            matcher = name_matcher(ref.name_regexp)
        elif ref.tags:
            filters = [*(f"labels.{key}={value}" for key, value in ref.tags.items()), *filters]
        else:
            raise InvalidSpecError("dataFrom.find needs a name or tags")
        keys = [
            key
            for key in await self._api.secrets(" ".join(filters))
            if key.startswith(ref.path or "") and (matcher is None or matcher.search(key))
        ]
        try:
            found = await read_all(keys, lambda key: self.get_secret(RemoteRef(key)))
        except NoSecretError as err:
            # It has no version, or was deleted meanwhile, which says nothing about the others.
            raise ProviderError(f"{err}, though the list had it") from err
        return convert_keys(found, ref.conversion_strategy)

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Write a secret or a property of one; an equal value is left alone."""
        await self._pusher.push(source, entry)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete the secret with all its versions, if this operator made it."""
        try:
            present = await self._api.secret(remote.remote_key, shared=False)
        except NoSecretError:
            return
        if is_managed(present):
            await self._api.delete(remote.remote_key, present.etag)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether the secret has a version.

        Raises:
            ProviderError: it has some, but all of them are disabled or destroyed: somebody did that on purpose.
        """
        try:
            await self._api.access(remote.remote_key, await self._newest_enabled(remote.remote_key), shared=False)
        except NoSecretError:
            return False
        return True

    async def validate(self) -> ValidationResult:
        """Whether a token can be had; no secret is asked for."""
        await self._api.sign_in()
        return ValidationResult.READY

    async def close(self) -> None:
        """Close the connection."""
        await self._api.close()

    async def _payload(self, ref: RemoteRef) -> bytes:
        try:
            return await self._api.access(ref.key, ref.version or _LATEST)
        except NotEnabledError:
            if ref.version or not self._fetch_enabled:
                raise
        return await self._api.access(ref.key, await self._newest_enabled(ref.key))

    async def _newest_enabled(self, key: str) -> str:
        versions = await self._api.enabled_versions(key)
        return versions[0].name.rpartition("/")[2] if versions else _LATEST

    async def _metadata(self, ref: RemoteRef) -> SecretValue:
        # Like upstream, a secret without labels or annotations has null there.
        secret = await self._api.secret(ref.key)
        parts = {"annotations": dict(secret.annotations), "labels": dict(secret.labels)}
        if not ref.property:
            return SecretValue(dumps({name: held or None for name, held in parts.items()}))
        part, dot, name = ref.property.partition(".")
        if part not in parts:
            raise ProviderError(f"invalid property {ref.property}: metadata has annotations and labels")
        if not dot:
            return SecretValue(dumps(parts[part] or None))
        if name not in parts[part]:
            raise ProviderError(f"secret {ref.key} has no {ref.property}")
        return SecretValue(parts[part][name])
