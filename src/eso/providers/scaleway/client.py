"""Secrets of Scaleway, in the words of External Secrets Operator."""

from __future__ import annotations

import base64
import logging

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import pushed_value, split_map
from eso.providers.scaleway.api import ScalewayAPI
from eso.transform.find import name_matcher
from eso.transform.property import find
from eso.values import SecretMap, SecretValue

__all__ = ["ScalewayClient"]

_LOG = logging.getLogger(__name__)


class ScalewayClient(SecretsClient):
    """Reads and writes the secrets of a project.

    Args:
        api: Scaleway.
        project: id, for new secrets.
    """

    def __init__(self, api: ScalewayAPI, project: str) -> None:
        self._api = api
        self._project = project

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """A version of a secret, or a property of it."""
        version = ref.version or "latest_enabled"
        kind, place = _place(ref.key)
        if kind == "id":
            identity = place["id"]
        else:
            found = await self._api.first(place)
            if found is None:
                raise NoSecretError(f"secret {ref.key} does not exist")
            identity = str(found["id"])
        if not (kind == "id" and version.isdigit()):
            version = await self._api.revision(identity, version)
        value = await self._api.access(identity, version)
        if not ref.property:
            return value
        node = find(value.reveal(), ref.property)
        if node is None:
            raise NoSecretError(f"property {ref.property} does not exist in secret {ref.key}")
        text = node.text if node.kind == "string" else node.raw
        return SecretValue(text.encode("utf-8", "surrogateescape"))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in a secret."""
        return split_map(await self.get_secret(ref), key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The secrets of a folder, with tags, whose name matches; one that cannot be read is left out."""
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp is not None else None
        where = {"path": ref.path} if ref.path is not None else {}
        values: dict[str, SecretValue] = {}
        for secret in await self._api.all(where, list(ref.tags or ())):
            name = str(secret.get("name"))
            if matcher is not None and not matcher.search(name):
                continue
            try:
                values[name] = await self._api.access(str(secret["id"]), "latest_enabled")
            except (NoSecretError, InvalidRequestError) as err:
                _LOG.warning("secret %s of Scaleway is left out: %s", name, err)
        return values

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """A new version where the newest one differs; the one before is disabled."""
        if not entry.secret_key:
            raise InvalidSpecError("secretKey is required: scaleway pushes single values")
        value = pushed_value(source, entry)
        key = entry.remote.remote_key
        kind, place = _place(key)
        if kind == "id":
            raise InvalidSpecError("remoteRef.remoteKey: use name: or path: to push to scaleway")
        found = await self._api.first(place, fresh=True)
        before = ""
        if found is None:
            document = {"project_id": self._project, "path": "/", **place}
            found = await self._api.change("CreateSecret", "POST", "secrets", f"creating secret {key}", document)
        else:
            try:
                before = await self._api.revision(str(found["id"]), "latest", fresh=True)
                if await self._api.access(str(found["id"]), before, fresh=True) == value:
                    return
            except (NoSecretError, InvalidRequestError):
                # No version yet, or the newest one is disabled: its content cannot be compared.
                _LOG.debug("secret %s has no version that can be read", key)
        path = f"secrets/{found['id']}/versions"
        data = base64.b64encode(value.reveal()).decode()
        await self._api.change("CreateSecretVersion", "POST", path, f"writing secret {key}", {"data": data})
        if before:
            what = f"disabling version {before} of secret {key}"
            await self._api.change("DisableSecretVersion", "POST", f"{path}/{before}/disable", what, {})

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete the first secret of that name; none is success."""
        kind, place = _place(remote.remote_key)
        if kind == "id":
            raise InvalidSpecError("remoteRef.remoteKey: use name: or path: to delete at scaleway")
        found = await self._api.first(place, fresh=True)
        if found is None:
            return
        try:
            what = f"deleting secret {remote.remote_key}"
            await self._api.change("DeleteSecret", "DELETE", f"secrets/{found['id']}", what)
        except NoSecretError:
            return

    async def validate(self) -> ValidationResult:
        """List one secret of the project."""
        await self._api.first({}, fresh=True)
        return ValidationResult.READY


def _place(key: str) -> tuple[str, dict[str, str]]:
    """Kind of a key and what it stands for."""
    kind, colon, rest = key.partition(":")
    if not colon or kind not in ("id", "name", "path") or not rest:
        raise InvalidSpecError(f"{key!r} is no key of scaleway: use id:<uuid>, name:<name> or path:<folder/name>")
    if kind != "path":
        return kind, {kind: rest}
    folder, _, name = rest.rpartition("/")
    if not name:
        raise ProviderError(f"{key!r} names no secret")
    return kind, {"name": name, "path": folder or "/"}
