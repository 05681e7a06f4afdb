"""Secrets of Secret Server, in the words of External Secrets Operator."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from pydantic import Field

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import (
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import find_property, parse_push_metadata, pushed_value
from eso.providers.secretserver.api import SecretServerAPI
from eso.providers.secretserver.model import Item, Secret
from eso.transform.gojson import byte_value, loads
from eso.values import SecretMap, SecretValue
from reconcile.api.model import Model

__all__ = ["SecretServerClient"]

_FOLDER: Final = re.compile(r"folderId:0*([1-9][0-9]{0,17})/(.+)", re.DOTALL)
_ID: Final = re.compile(r"0*[1-9][0-9]{0,17}")
_NOBODY: Final = "__external_secrets_validation__"
"""A name that no secret has."""

_SITE: Final = 1
"""The site that every Secret Server has, for new secrets."""

_AMBIGUOUS: Final = (
    "multiple secrets found with the same name across different folders; use the 'folderId:<id>/<name>' key format, "
    "a path-based key, or a numeric ID to disambiguate"
)
_IDS: Final = "folderId and secretTemplateId must be provided in metadata to create a new secret"


class _Options(Model):
    """`spec` of the metadata of a push."""

    folder_id: int = Field(default=0, alias="folderId")
    secret_template_id: int = Field(default=0, alias="secretTemplateId")


class _Key(NamedTuple):
    """What a key says: a name, and the folder it names; 0 names none."""

    name: str
    folder: int


class SecretServerClient(SecretsClient):
    """Reads and writes secrets.

    Args:
        api: Secret Server.
    """

    def __init__(self, api: SecretServerAPI) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The whole secret as JSON; or a property: of the JSON in the first field, else the field of that slug or name."""
        secret = await self._wanted(ref)
        if not ref.property:
            return SecretValue(secret.to_json())
        first = SecretValue(secret.items[0]["ItemValue"])
        found = find_property(first, ref.property) if _is_json(first) else None
        if found is not None:
            return found
        item = secret.named(ref.property)
        if item is None:
            raise NoSecretError(f"property {ref.property} does not exist in secret {ref.key}")
        return SecretValue(item["ItemValue"])

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of a JSON object in the first field or in the property; else all fields, or the property itself."""
        if ref.property:
            value = await self.get_secret(ref)
            members = _members(value)
            return {ref.property: value} if members is None else members
        secret = await self._wanted(ref)
        members = _members(SecretValue(secret.items[0]["ItemValue"]))
        if members is not None:
            return members
        return {_label(item, ref.key): SecretValue(item["ItemValue"]) for item in secret.items}

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Write the field of an existing secret, or create a secret with this field."""
        key, name = entry.remote.remote_key, entry.remote.property
        if not key:
            raise InvalidSpecError("remote key must be defined")
        try:
            value = pushed_value(source, entry).reveal().decode()
        except UnicodeDecodeError:
            raise InvalidRequestError("secret value is not valid UTF-8") from None
        options = parse_push_metadata(entry.metadata, _Options) or _Options()
        parsed = _parsed(key)
        folder = parsed.folder or options.folder_id
        found = await self._found(parsed.name, folder, strict=folder <= 0)
        if found is None and folder > 0 and options.secret_template_id > 0:
            # Where a new one would be: keys with folders in them do not say so.
            made = _new_name(key)
            found = await self._found(made, folder, strict=False, plain=True) if made != parsed.name else None
        if found is not None:
            await self._change(found, name, value)
        else:
            await self._create(key, name, value, folder, options.secret_template_id)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete the secret with all its fields; none is success."""
        found = await self._one(remote)
        if found is None:
            return
        try:
            await self._api.delete(found.id)
        except NoSecretError:
            return

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether there is such a secret; the property does not matter."""
        return await self._one(remote) is not None

    async def validate(self) -> ValidationResult:
        """Search for a secret that nobody has."""
        await self._api.search(_NOBODY, fresh=True)
        return ValidationResult.READY

    async def _wanted(self, ref: RemoteRef) -> Secret:
        """The secret of a reference, which has fields."""
        if ref.version:
            raise InvalidSpecError("specifying a version is not supported")
        parsed = _parsed(ref.key)
        found = await self._found(parsed.name, parsed.folder, strict=False, fresh=False)
        if found is None:
            # A plain error: a secret that is not seen deletes nothing.
            raise InvalidRequestError(f"secret {ref.key} was not found")
        if not found.items:
            raise ProviderError("secret contains no fields")
        return found

    async def _one(self, remote: PushRemoteRef) -> Secret | None:
        parsed = _parsed(remote.remote_key)
        return await self._found(parsed.name, parsed.folder, strict=parsed.folder <= 0)

    async def _found(
        self, name: str, folder: int, *, strict: bool, plain: bool = False, fresh: bool = True
    ) -> Secret | None:
        """By path, id or name.

        Args:
            name: what a key says without its folder.
            folder: of secrets that count when they are looked for by name; 0 for any.
            strict: refuse a name that several secrets have.
            plain: it is a name, whatever it looks like.
            fresh: do not share the answers of others.
        """
        try:
            if name.startswith("/") and not plain:
                return await self._api.by_path(name, fresh=fresh)
            if _ID.fullmatch(name) and not plain:
                return await self._api.by_id(int(name), fresh=fresh)
        except NoSecretError:
            if name.startswith("/"):
                return None
        hits = await self._api.search(name, fresh=fresh)
        if strict and len(hits) > 1:
            raise InvalidRequestError(_AMBIGUOUS)
        for hit in hits:
            try:
                found = await self._api.by_id(hit, fresh=fresh)
            except NoSecretError:
                continue  # deleted since
            if folder <= 0 or found.settings["FolderID"] == folder:
                return found
        return None

    async def _change(self, secret: Secret, name: str, value: str) -> None:
        if not secret.items:
            raise ProviderError("secret has no fields to update")
        item = secret.named(name) if name else secret.items[0]
        if item is None:
            raise InvalidRequestError(f"field {name} not found in secret")
        if item["ItemValue"] == value:
            return
        item["ItemValue"] = value
        await self._api.update(secret)

    async def _create(self, key: str, name: str, value: str, folder: int, template: int) -> None:
        if folder <= 0 or template <= 0:
            raise InvalidSpecError(_IDS)
        called = _new_name(key)
        items = await self._api.template(template)
        if not items:
            raise InvalidRequestError("secret template has no fields")
        item = next((one for one in items if name in ("", one["Slug"], one["FieldName"])), None)
        if item is None:
            raise InvalidRequestError(f"field {name} not found in secret template")
        settings = {"Name": called, "FolderID": folder, "SiteID": _SITE, "SecretTemplateID": template}
        await self._api.create(Secret(settings, [{**item, "ItemValue": value}]))


def _parsed(key: str) -> _Key:
    match = _FOLDER.fullmatch(key)
    return _Key(match[2], int(match[1])) if match is not None else _Key(key, 0)


def _new_name(key: str) -> str:
    """What a new secret is called."""
    if key.endswith("/"):
        raise InvalidSpecError(f'invalid secret name "{key}": name must not be empty or end with a trailing slash')
    parsed = _parsed(key)
    if parsed.folder and "/" in parsed.name:
        raise InvalidSpecError(
            f'invalid secret name "{parsed.name}" in folderId prefix: name must not contain path separators'
        )
    return parsed.name.rpartition("/")[2]


def _decoded(value: SecretValue) -> Any:
    return loads(value.reveal())


def _is_json(value: SecretValue) -> bool:
    try:
        _decoded(value)
    except ValueError:
        return False
    return True


def _members(value: SecretValue) -> SecretMap | None:
    """The members of a JSON object; None for anything else."""
    try:
        found = _decoded(value)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    return {key: SecretValue(byte_value(member)) for key, member in found.items()}


def _label(item: Item, key: str) -> str:
    label = item["Slug"] or item["FieldName"] or (str(item["FieldID"]) if item["FieldID"] else "")
    if not label:
        raise ProviderError(f"secret {key} has a field without slug, name and id")
    return str(label)
