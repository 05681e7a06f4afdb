"""Security objects of Fortanix DSM as secrets, in the words of External Secrets Operator."""

from __future__ import annotations

from eso.errors import ProviderError
from eso.providers.base import RemoteRef, SecretsClient
from eso.providers.fortanix.api import FortanixAPI
from eso.transform.gojson import loads
from eso.values import SecretMap, SecretValue

__all__ = ["FortanixClient"]


class FortanixClient(SecretsClient):
    """Reads security objects. Its validation asks nobody, as in External Secrets Operator.

    Args:
        api: DSM.
    """

    def __init__(self, api: FortanixAPI) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The value of a security object, or one member of the JSON object of texts in it."""
        value = await self._api.value(ref.key)
        if not ref.property:
            return value
        members = _texts(value, ref.key)
        if ref.property not in members:
            raise ProviderError(f"unable to get value for key {ref.property} of security object {ref.key}")
        return members[ref.property]

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object of texts in a security object; `property` does not matter."""
        return _texts(await self._api.value(ref.key), ref.key)


def _texts(value: SecretValue, key: str) -> SecretMap:
    try:
        members = loads(value.reveal())
    except ValueError:
        raise ProviderError(f"unable to unmarshal secret {key}, is it a valid JSON?") from None
    if members is None:
        return {}
    if not isinstance(members, dict) or not all(isinstance(member, str | None) for member in members.values()):
        raise ProviderError(f"unable to unmarshal secret {key}: it is not a JSON object of texts")
    return {name: SecretValue(member or "") for name, member in members.items()}
