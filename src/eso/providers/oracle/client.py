"""Secrets of an OCI vault, in the words of External Secrets Operator."""

from __future__ import annotations

from typing import Final

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError, ValidationUnknownError
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import find_property, pushed_value
from eso.providers.gathering import read_all
from eso.providers.oracle.api import Bundle, OracleAPI, Summary
from eso.providers.oracle.spec import OracleSpec
from eso.providers.oracle.transport import UnseenError
from eso.transform.find import name_matcher
from eso.transform.gojson import dumps, loads
from eso.values import SecretMap, SecretValue

__all__ = ["OracleClient"]

_STAGES: Final = ("CURRENT", "PENDING", "LATEST", "PREVIOUS", "DEPRECATED")


class OracleClient(SecretsClient):
    """A client of one vault.

    Args:
        spec: of the store.
        api: Oracle.
    """

    def __init__(self, spec: OracleSpec, api: OracleAPI) -> None:
        self._spec = spec
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The content of a secret, or a property of it.

        Raises:
            ProviderError: it does not exist; never a NoSecretError, for Oracle says the same of what may not be seen.
        """
        stage = ref.version.upper()
        if stage and stage not in _STAGES:
            raise InvalidRequestError(f"remoteRef.version of {ref.key} must be a stage: {', '.join(_STAGES)}")
        try:
            value = (await self._api.bundle(ref.key, stage)).content
        except NoSecretError as err:
            raise InvalidRequestError(str(err)) from err
        if not ref.property:
            return value
        found = find_property(value, ref.property)
        if found is None:
            raise ProviderError(f"missing Key in secret {ref.key}: it has no property {ref.property}")
        return found

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in a secret; they must be texts."""
        whole = await self.get_secret(ref)
        try:
            members = loads(whole.reveal())
        except ValueError:
            raise ProviderError(f"unable to unmarshal secret {ref.key} from JSON: it is not JSON") from None
        if not isinstance(members, dict) or not all(isinstance(value, str | None) for value in members.values()):
            raise ProviderError(f"unable to unmarshal secret {ref.key} from JSON: it is not an object of texts")
        return {key: SecretValue(value or "") for key, value in members.items()}

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The secrets whose name matches; without a name those that have any of the tags. None are an empty answer."""
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp is not None else None
        tags = (ref.tags or {}).items()
        if matcher is None and not tags:
            return {}

        def wanted(secret: Summary) -> bool:
            if matcher is not None:
                return matcher.search(secret.name)
            return any(secret.tags.get(key) == value for key, value in tags)

        found = await self._api.listed(self._compartment("dataFrom.find"))
        names = list(dict.fromkeys(secret.name for secret in found if not secret.ending and wanted(secret)))
        return await read_all(names, lambda name: self.get_secret(RemoteRef(name)))

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Create a secret, or give it a new version where its content differs."""
        key = self._spec.encryption_key
        if not key:
            raise InvalidSpecError("SecretStore must reference encryption key: set encryptionKey")
        name = entry.remote.remote_key
        value = pushed_value(source, entry) if entry.secret_key else _whole(source)
        found = await self._existing(name)
        if found is None:
            await self._api.create(name, self._compartment("PushSecret"), key, value)
        elif found.content != value:
            await self._api.update(_identity(found, name), name, value)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Schedule a secret's deletion; none, or one that is scheduled already, is success."""
        found = await self._existing(remote.remote_key)
        if found is None or found.ending:
            return
        await self._api.schedule_deletion(_identity(found, remote.remote_key), remote.remote_key)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether there is such a secret; the property does not matter."""
        return await self._existing(remote.remote_key) is not None

    async def validate(self) -> ValidationResult:
        """Read what the vault is, which needs more permissions than its secrets do.

        Raises:
            ValidationUnknownError: the identity is accepted, but may not see the vault.
        """
        try:
            await self._api.probe()
        except UnseenError as err:
            raise ValidationUnknownError(str(err)) from err
        except NoSecretError as err:
            raise InvalidRequestError(str(err)) from err
        return ValidationResult.READY

    async def _existing(self, name: str) -> Bundle | None:
        try:
            return await self._api.bundle(name, fresh=True)
        except NoSecretError:
            return None

    def _compartment(self, what: str) -> str:
        if not self._spec.compartment:
            raise InvalidSpecError(f"{what} needs the compartment of the vault's secrets: set compartment")
        return self._spec.compartment


def _whole(source: SourceSecret) -> SecretValue:
    return SecretValue(dumps({key: value.reveal() for key, value in source.data.items()}))


def _identity(found: Bundle, name: str) -> str:
    if not found.identity:
        raise ProviderError(f"the answer for secret {name} does not name its OCID")
    return found.identity
