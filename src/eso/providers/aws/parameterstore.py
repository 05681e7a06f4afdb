"""Parameter Store in the words of External Secrets Operator."""

from __future__ import annotations

import base64
from typing import Any, Final, Literal

from pydantic import Field

from eso.errors import AccessDeniedError, InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.identity.aws import AWSConnection
from eso.providers.aws.batching import read_each
from eso.providers.aws.client import (
    MANAGED_BY,
    MANAGER,
    AWSSecretsClient,
    is_managed,
    property_of,
    tag_changes,
    tags_json,
)
from eso.providers.aws.parameterstore_api import ParameterStoreAPI
from eso.providers.base import FindRef, PushEntry, PushRemoteRef, RemoteRef, SourceSecret
from eso.providers.common import parse_push_metadata, pushed_value, split_map
from eso.transform.find import name_matcher
from eso.transform.gojson import dumps
from eso.values import SecretMap, SecretValue
from reconcile.api.model import Model

__all__ = ["ParameterStoreClient"]

_ENCRYPTED: Final = b"sensitive"
"""What stands in place of a value that was not decrypted; comparing with it would write on every sync."""


class _Tier(Model):
    type: Literal["Standard", "Advanced"] = "Standard"
    policies: Any = None


class _Options(Model):
    """`spec` of the PushSecretMetadata."""

    secret_type: Literal["String", "StringList", "SecureString"] = "String"
    kms_key_id: str = Field(default="alias/aws/ssm", alias="kmsKeyID")
    tier: _Tier = _Tier()
    encode_as_decoded: bool = False
    tags: dict[str, str] = Field(default_factory=dict)
    description: str = ""

    def parameters(self) -> dict[str, Any]:
        """Type, key, tier and description as PutParameter takes them."""
        found: dict[str, Any] = {"Type": self.secret_type, "Description": self.description or None}
        if self.secret_type == "SecureString":
            found["KeyId"] = self.kms_key_id
        if self.tier.type == "Advanced":
            found["Tier"] = "Advanced"
            if self.tier.policies is not None:
                policies = self.tier.policies
                found["Policies"] = policies if isinstance(policies, str) else dumps(policies, escape_html=False)
        return found


class ParameterStoreClient(AWSSecretsClient):
    """Parameters of one account in one region.

    Args:
        connection: the identity; closed with this.
        api: the service.
        prefix: put before names.
    """

    def __init__(self, connection: AWSConnection, api: ParameterStoreAPI, prefix: str) -> None:
        super().__init__(connection, prefix)
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The value of a version, or a property of it; with `metadataPolicy: Fetch` the tags."""
        name = self._key(ref.key)
        if ref.metadata_policy == "Fetch":
            try:
                return property_of(tags_json(await self._api.tags(name, ref.version)), ref)
            except NoSecretError as err:
                raise ProviderError(str(err)) from err
        return property_of(await self._api.value(name, ref.version), ref)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the value."""
        return split_map(await self.get_secret(ref), key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """Parameters below a path by name, or by tags, under their full names."""
        if ref.name_regexp is not None:
            return await self._find_by_name(ref.name_regexp, ref.path)
        if ref.tags:
            return await self._read([name async for name in self._api.names(ref.path, ref.tags)])
        raise InvalidRequestError("unexpected find operator: AWS Parameter Store finds by name or by tags")

    async def _find_by_name(self, pattern: str, path: str | None) -> SecretMap:
        matcher = name_matcher(pattern)
        try:
            return {name: value async for name, value in self._api.by_path(path or "/") if matcher.search(name)}
        except AccessDeniedError:
            # Not every policy allows to read whole trees; names may still be listed and read one by one.
            return await self._read([name async for name in self._api.names(path, {}) if matcher.search(name)])

    async def _read(self, names: list[str]) -> SecretMap:
        async def read(name: str) -> SecretValue | None:
            try:
                return await self._api.value(name)
            except NoSecretError:
                return None

        found = await read_each(names, read)
        return {name: value for name, value in found.items() if value is not None}

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Create the parameter, or write a new version of it when the value differs."""
        name = self._key(entry.remote.remote_key)
        options = parse_push_metadata(entry.metadata, _Options) or _Options()
        if MANAGED_BY in options.tags:
            raise InvalidSpecError(f"metadata tags may not hold {MANAGED_BY}: external-secrets sets it")
        value = _pushed(source, entry, options)
        parameters = {"Name": name, "Value": _text(value), **options.parameters()}
        try:
            present = await self._api.value(name)
        except NoSecretError:
            tags = [{"Key": key, "Value": text} for key, text in {**options.tags, MANAGED_BY: MANAGER}.items()]
            await self._api.change("PutParameter", "put_parameter", name, Overwrite=False, Tags=tags, **parameters)
            return
        tags_now = await self._api.tags(name)
        if not is_managed(tags_now):
            raise ProviderError(f"parameter {name} is not managed by external-secrets: it lacks the tag {MANAGED_BY}")
        if present.reveal() == _ENCRYPTED:
            raise ProviderError(f"parameter {name} cannot be compared: its value was not decrypted")
        if present == value:
            return
        await self._api.change("PutParameter", "put_parameter", name, Overwrite=True, **parameters)
        await self._api.change_tags(name, *tag_changes(tags_now, options.tags))

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete the parameter; one that this operator did not make stays."""
        name = self._key(remote.remote_key)
        try:
            if not is_managed(await self._api.tags(name)):
                return
            await self._api.change("DeleteParameter", "delete_parameter", name, Name=name)
        except NoSecretError:
            return

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether there is such a parameter; the property does not count."""
        return await self._api.exists(self._key(remote.remote_key))


def _pushed(source: SourceSecret, entry: PushEntry, options: _Options) -> SecretValue:
    if entry.secret_key or options.encode_as_decoded:
        return pushed_value(source, entry)
    encoded = {key: base64.b64encode(value.reveal()).decode() for key, value in source.data.items()}
    return SecretValue(dumps(encoded, escape_html=False))


def _text(value: SecretValue) -> str:
    try:
        return value.reveal().decode()
    except UnicodeDecodeError:
        raise InvalidSpecError("a parameter holds text: the pushed value is not UTF-8") from None
