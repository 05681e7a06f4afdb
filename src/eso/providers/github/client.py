"""Actions secrets, in the words of External Secrets Operator. GitHub never gives a value back."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, NoReturn

from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError, UnavailableError
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import pushed_value
from eso.providers.github.api import GithubAPI, segment
from eso.transform.gojson import dumps
from eso.values import SecretMap, SecretValue

__all__ = ["GithubClient"]

_PROBE_SECONDS = 10.0


class GithubClient(SecretsClient):
    """Writes the secrets of one scope.

    Args:
        api: GitHub.
        scope: path of the scope's secrets, without slash at its end.
        organization: whether they belong to the organization, where visibility counts.
        visibility: of the store; empty keeps what is there.
        cluster_store: such a store is not probed.
    """

    def __init__(self, api: GithubAPI, scope: str, *, organization: bool, visibility: str, cluster_store: bool) -> None:
        self._api = api
        self._scope = scope
        self._organization = organization
        self._visibility = visibility
        self._cluster_store = cluster_store

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """Refused."""
        _refuse()

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """Refused."""
        _refuse()

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """Refused."""
        _refuse()

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Seal the value for GitHub and write it, under the name as GitHub spells it."""
        name = entry.remote.remote_key
        value = pushed_value(source, entry) if entry.secret_key else _whole(source)
        present = await self._find(name)
        if present is not None:
            name = str(present.get("name") or name)
        number, key = await self._public_key()
        document: dict[str, Any] = {"encrypted_value": _sealed(value, key), "key_id": number}
        if self._organization:
            document["visibility"] = self._visibility or str((present or {}).get("visibility") or "all")
            if document["visibility"] == "selected":
                document["selected_repository_ids"] = await self._repositories(name)
        await self._api.send(
            "CreateOrUpdateSecret", "PUT", self._path(name), f"writing secret {name} to GitHub", document
        )

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete it; already gone is success."""
        what = f"deleting secret {remote.remote_key} at GitHub"
        try:
            await self._api.send("DeleteSecret", "DELETE", self._path(remote.remote_key), what)
        except NoSecretError:
            return

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether GitHub has a secret of that name."""
        return await self._find(remote.remote_key) is not None

    async def validate(self) -> ValidationResult:
        """List the secrets of the scope."""
        if self._cluster_store:
            return ValidationResult.UNKNOWN
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._api.get("ListSecrets", f"{self._scope}?per_page=1", "listing secrets of GitHub")
        except NoSecretError as err:
            raise InvalidSpecError(f"{err}: check organization, repository and environment") from err
        except TimeoutError as err:
            raise UnavailableError("listing secrets of GitHub: it did not answer in time") from err
        return ValidationResult.READY

    async def _find(self, name: str) -> dict[str, Any] | None:
        try:
            found = await self._api.get("GetSecret", self._path(name), f"looking for secret {name} at GitHub")
        except NoSecretError:
            return None
        return found if isinstance(found, dict) else {}

    async def _public_key(self) -> tuple[str, PublicKey]:
        what = "reading the public key of GitHub"
        try:
            found = await self._api.get("GetPublicKey", f"{self._scope}/public-key", what)
            return str(found["key_id"]), PublicKey(base64.b64decode(found["key"], validate=True))
        except NoSecretError as err:
            raise InvalidSpecError(f"{err}: check organization, repository and environment") from err
        except (TypeError, KeyError, ValueError, CryptoError):
            raise ProviderError(f"{what}: the answer is no key") from None

    async def _repositories(self, name: str) -> list[Any]:
        # Without them GitHub would clear the list.
        found = await self._api.listed(
            "ListSelectedRepositories",
            f"{self._path(name)}/repositories",
            "repositories",
            f"listing the repositories of secret {name}",
        )
        return [repository["id"] for repository in found]

    def _path(self, name: str) -> str:
        if not name:
            raise InvalidSpecError("remoteRef.remoteKey is required")
        return f"{self._scope}/{segment(name)}"


def _whole(source: SourceSecret) -> SecretValue:
    return SecretValue(dumps({key: base64.b64encode(value.reveal()) for key, value in source.data.items()}))


def _sealed(value: SecretValue, key: PublicKey) -> str:
    return base64.b64encode(SealedBox(key).encrypt(value.reveal())).decode()


def _refuse() -> NoReturn:
    raise InvalidRequestError("github is a write-only provider: it cannot read secrets")
