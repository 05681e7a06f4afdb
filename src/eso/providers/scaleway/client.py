"""Secrets of Scaleway, in the words of External Secrets Operator."""

from __future__ import annotations

import base64
import logging

from eso.errors import AccessDeniedError, InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
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
from eso.providers.gathering import read_all
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
        # Go reads null into a string without complaint and leaves it empty.
        text = node.raw if node.kind not in ("string", "null") else node.text
        return SecretValue(text.encode("utf-8", "surrogateescape"))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in a secret."""
        return split_map(await self.get_secret(ref), key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The secrets of a folder, with tags, whose name matches; one that cannot be read is left out.

        Raises:
            AccessDeniedError: the contents of all of them are out of reach.
        """
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp is not None else None
        where = {"path": ref.path} if ref.path is not None else {}
        names = {
            secret["id"]: secret["name"]
            for secret in await self._api.all(where, sorted(ref.tags or ()))
            if matcher is None or matcher.search(secret["name"])
        }
        left_out: dict[str, ProviderError] = {}

        async def read(identity: str) -> SecretValue:
            try:
                return await self._api.access(identity, "latest_enabled")
            except (NoSecretError, InvalidRequestError, AccessDeniedError) as err:
                _LOG.warning("secret %s of Scaleway is left out: %s", names[identity], err)
                left_out[identity] = err
                return SecretValue(b"")

        found = await read_all(list(names), read)
        denied = [err for err in left_out.values() if isinstance(err, AccessDeniedError)]
        if denied and len(left_out) == len(names):
            raise denied[0]
        return {names[identity]: value for identity, value in found.items() if identity not in left_out}

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
            identity = await self._api.create(document, f"creating secret {key}")
        else:
            identity = str(found["id"])
            try:
                before = await self._api.revision(identity, "latest", fresh=True)
                if await self._api.access(identity, before, fresh=True) == value:
                    return
            except (NoSecretError, InvalidRequestError):
                # No version yet, or the newest one is disabled: its content cannot be compared.
                before = ""
        path = f"secrets/{identity}/versions"
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
        raise InvalidSpecError(f"{key!r} is no key of scaleway: use id:<uuid>, name:<name> or path:/<folder>/<name>")
    if kind != "path":
        return kind, {kind: rest}
    folder, _, name = rest.rpartition("/")
    if not name or not rest.startswith("/"):
        raise InvalidSpecError(f"{key!r} is no path of scaleway: use path:/<name> or path:/<folder>/<name>")
    return kind, {"name": name, "path": folder or "/"}
