"""Passbolt resources as secrets, in the words of External Secrets Operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eso.errors import InvalidSpecError
from eso.providers.base import FindRef, RemoteRef, SecretsClient, ValidationResult
from eso.providers.gathering import gathered, read_all
from eso.providers.passbolt.api import PassboltAPI, text_of
from eso.providers.passbolt.auth import PassboltSession
from eso.providers.passbolt.record import name_of, property_of, read_record, record_json
from eso.transform.find import name_matcher
from eso.values import SecretMap, SecretValue

__all__ = ["PassboltClient"]


class PassboltClient(SecretsClient):
    """Reads resources.

    Args:
        session: that ends with the client.
        api: Passbolt.
    """

    def __init__(self, session: PassboltSession, api: PassboltAPI) -> None:
        self._session = session
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The five fields of a resource as JSON, or one of them; `version` does not matter."""
        record = await read_record(self._api, await self._api.resource(ref.key))
        return property_of(record, ref.property) if ref.property else record_json(record)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The resources whose name matches, by their ids; `path` and `tags` do not matter."""
        if not ref.name_regexp:
            raise InvalidSpecError("missing: find.name.regexp")
        matcher = name_matcher(ref.name_regexp)
        listed = await gathered([self._whole(each) for each in await self._api.resources()])
        names = await gathered([name_of(self._api, each) for each in listed])
        chosen = {
            text_of(each, "id", "listing the resources of Passbolt"): each
            for each, name in zip(listed, names, strict=True)
            if matcher.search(name)
        }

        async def read(identity: str) -> SecretValue:
            return record_json(await read_record(self._api, chosen[identity]))

        return await read_all(list(chosen), read)

    async def validate(self) -> ValidationResult:
        """Nothing is asked: that the client exists says that signing in works."""
        return ValidationResult.UNKNOWN

    async def close(self) -> None:
        """Sign out."""
        await self._session.end()

    async def _whole(self, resource: Mapping[str, Any]) -> Mapping[str, Any]:
        """A resource of a list; read by its id where the list tells neither name nor metadata."""
        if resource.get("name") or resource.get("metadata"):
            return resource
        return await self._api.resource(text_of(resource, "id", "listing the resources of Passbolt"))
