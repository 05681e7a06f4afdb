"""Items of data bags as secrets, in the words of External Secrets Operator."""

from __future__ import annotations

from eso.errors import InvalidRequestError, ProviderError
from eso.providers.base import RemoteRef, SecretsClient, ValidationResult
from eso.providers.chef.api import ChefAPI
from eso.providers.gathering import read_all
from eso.transform import property as properties
from eso.values import SecretMap, SecretValue

__all__ = ["ChefClient"]


class ChefClient(SecretsClient):
    """Reads data bags of one organisation.

    Args:
        api: the server.
        user: that signs requests.
    """

    def __init__(self, api: ChefAPI, user: str) -> None:
        self._api = api
        self._user = user

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """An item `bag/item` as JSON, or a text in it; what is missing is a plain error.

        A property that is no text is empty, as in External Secrets Operator.
        """
        bag, item, *_ = (*ref.key.split("/"), "")
        if not (bag and item):
            raise InvalidRequestError(
                "invalid key format in data section. Expected value 'databagName/databagItemName'"
            )
        document = await self._api.item(bag, item)
        if not ref.property:
            return document
        found = properties.find(document.reveal(), ref.property)
        if found is None:
            raise ProviderError(f"property {ref.property} not found in data bag item {item} of data bag {bag}")
        return SecretValue(found.text)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """Every item of a data bag as JSON, by its name."""
        if "/" in ref.key:
            raise InvalidRequestError("invalid key format in dataForm section. Expected only 'databagName'")
        names = await self._api.items(ref.key)
        return await read_all(names, lambda name: self._api.item(ref.key, name))

    async def validate(self) -> ValidationResult:
        """Read the user that signs."""
        await self._api.probe(self._user)
        return ValidationResult.READY
