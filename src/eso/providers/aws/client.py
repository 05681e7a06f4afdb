"""What the clients of the three services share: the identity, keys with a prefix, values and tags in ESO's form."""

from __future__ import annotations

from collections.abc import Mapping

from eso.errors import ProviderError
from eso.identity.aws import AWSConnection
from eso.providers.base import RemoteRef, SecretsClient, ValidationResult
from eso.providers.common import find_property
from eso.transform.gojson import dumps
from eso.values import SecretValue

__all__ = ["MANAGED_BY", "MANAGER", "AWSSecretsClient", "is_managed", "property_of", "tag_changes", "tags_json"]

MANAGED_BY = "managed-by"
MANAGER = "external-secrets"
"""The tag on everything that was pushed; nothing without it is changed."""


class AWSSecretsClient(SecretsClient):
    """A client of one service.

    Args:
        connection: signs the requests; closed with this.
        prefix: put before keys.
    """

    def __init__(self, connection: AWSConnection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix

    async def validate(self) -> ValidationResult:
        """Whether credentials can be had; no service is asked."""
        await self._connection.keys()
        return ValidationResult.READY

    async def close(self) -> None:
        """Release the connection."""
        await self._connection.close()

    def _key(self, key: str) -> str:
        return f"{self._prefix}{key}"


def property_of(value: SecretValue | bytes, ref: RemoteRef) -> SecretValue:
    """The value, or the property the reference names: taken literally first, then as a path.

    Raises:
        ProviderError: there is no such property. It is not "no secret": the secret is there.
    """
    if not ref.property:
        return value if isinstance(value, SecretValue) else SecretValue(value)
    found = find_property(value, ref.property, order="escaped-first")
    if found is None:
        raise ProviderError(f"key {ref.property} does not exist in secret {ref.key}")
    return found


def tags_json(tags: Mapping[str, str]) -> bytes:
    """Tags as one JSON object, for `metadataPolicy: Fetch`."""
    return dumps(tags).encode()


def is_managed(tags: Mapping[str, str]) -> bool:
    """Whether this operator made it."""
    return tags.get(MANAGED_BY) == MANAGER


def tag_changes(
    present: Mapping[str, str], wanted: Mapping[str, str], reserved: frozenset[str] = frozenset((MANAGED_BY,))
) -> tuple[dict[str, str], list[str]]:
    """Tags to set and names of tags to remove; reserved ones stay as they are."""
    changed = {key: value for key, value in wanted.items() if key not in reserved and present.get(key) != value}
    return changed, [key for key in present if key not in wanted and key not in reserved]
