"""Static secrets of Workload Credentials, in the words of External Secrets Operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eso.errors import NoSecretError, ProviderError
from eso.providers.base import FindRef, RemoteRef, SecretsClient, ValidationResult
from eso.providers.beyondtrustworkloadcredentials.api import WorkloadCredentialsAPI
from eso.providers.gathering import gathered
from eso.providers.tcpprobe import tcp_probe
from eso.transform.find import name_matcher, tags_match
from eso.transform.gojson import dumps
from eso.values import SecretMap, SecretValue

__all__ = ["BeyondtrustWorkloadCredentialsClient"]

_AT_ONCE: Final = 20


class BeyondtrustWorkloadCredentialsClient(SecretsClient):
    """Reads the secrets of one folder.

    Args:
        api: the site.
        folder: of the store; empty for the root.
        server: URL of the server.
    """

    def __init__(self, api: WorkloadCredentialsAPI, folder: str, server: str) -> None:
        self._api = api
        self._folder = folder
        self._server = server

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The secret as JSON, or one of its members, by its exact name.

        Raises:
            NoSecretError: there is no such secret. A member that does not exist is a plain error.
        """
        members = await self._members(ref)
        if not ref.property:
            return SecretValue(dumps(members))
        if ref.property not in members:
            raise ProviderError(f"property {ref.property} not found in secret {ref.key}")
        return _value(members[ref.property])

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the secret; the property does not matter."""
        return {name: _value(member) for name, member in (await self._members(ref)).items()}

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The members of the secrets whose names match and that have all tags, each under the path of its secret.

        Raises:
            NoSecretError: there are none.
        """
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp else None
        folder = self._folder if ref.path is None else ref.path.removesuffix("/")
        paths = [
            path
            for path in await self._api.listed(folder)
            if matcher is None or matcher.search(path.rpartition("/")[2])
        ]
        found: SecretMap = {}
        for start in range(0, len(paths), _AT_ONCE):
            some = [self._hit(path, folder, ref.tags or {}) for path in paths[start : start + _AT_ONCE]]
            for members in await gathered(some):
                found |= members
        if not found:
            raise NoSecretError(f"no secret in folder {folder or '/'} of BeyondTrust matches")
        return found

    async def validate(self) -> ValidationResult:
        """Connect, and ask whether the token is valid."""
        await tcp_probe(self._server, "the server of BeyondTrust")
        await self._api.check_session()
        return ValidationResult.READY

    async def _members(self, ref: RemoteRef) -> Mapping[str, Any]:
        members = (await self._api.secret(ref.key, self._folder)).members
        if members is None:
            raise ProviderError(f"secret {ref.key} of BeyondTrust has no value")
        return members

    async def _hit(self, path: str, folder: str, tags: Mapping[str, str]) -> SecretMap:
        """The members of a secret in a list, under their keys; none where it is gone, empty, or has other tags."""
        place, _, name = path.rpartition("/")
        try:
            secret = await self._api.secret(name, place.removesuffix("/") or folder)
        except NoSecretError:
            return {}
        if secret.members is None or not tags_match(tags, secret.tags):
            return {}
        return {f"{path}/{member}": _value(value) for member, value in secret.members.items()}


def _value(member: Any) -> SecretValue:
    return SecretValue(member if isinstance(member, str) else dumps(member))
