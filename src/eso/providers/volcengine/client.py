"""Volcengine's secrets, in the words of External Secrets Operator."""

from __future__ import annotations

from eso.errors import InvalidRequestError, ProviderError
from eso.providers.base import PushRemoteRef, RemoteRef, SecretsClient
from eso.providers.volcengine.api import VolcengineAPI
from eso.transform.gojson import loads
from eso.transform.property import raw_map
from eso.values import SecretMap, SecretValue, wrap_all

__all__ = ["VolcengineClient"]


class VolcengineClient(SecretsClient):
    """Reads secrets of a region. Its validation asks nobody, as in External Secrets Operator.

    Args:
        api: Volcengine.
    """

    def __init__(self, api: VolcengineAPI) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The text of a secret, or a member of the JSON object in it; what is missing is a plain error.

        A property is the name of a member, not a path. Texts are unquoted, null is empty, everything else is JSON.
        """
        value = await self._api.value(ref.key, ref.version)
        if not ref.property:
            return value
        raw = _members(value, ref.key).get(ref.property)
        if raw is None:
            raise ProviderError(f'property "{ref.property}" not found in secret {ref.key}')
        member = loads(raw)
        if member is None:
            return SecretValue(b"")
        return SecretValue(member if isinstance(member, str) else raw)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in a secret, as JSON: texts keep their quotes."""
        return wrap_all(_members(await self.get_secret(ref), ref.key))

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """True, or an error: Volcengine does not tell what is missing from what is forbidden.

        Raises:
            ProviderError: it does not exist, or could not be looked for.
        """
        if not remote.remote_key:
            raise InvalidRequestError("secret name is empty")
        await self._api.describe(remote.remote_key)
        return True


def _members(value: SecretValue, key: str) -> dict[str, bytes]:
    try:
        return raw_map(value.reveal())
    except ValueError:
        raise ProviderError(f"failed to unmarshal secret {key}: it is not a JSON object") from None
