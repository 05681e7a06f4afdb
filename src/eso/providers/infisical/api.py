"""The secrets of one environment, by version 3 of the API: addresses, reads, lists and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.infisical.auth import Tokens
from eso.providers.infisical.http import TokenRefusedError, Transport, text_in

__all__ = ["Address", "InfisicalAPI", "Listed", "Scope"]


_RAW: Final = "v3/secrets/raw"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a store reads.

    Attributes:
        project: slug.
        environment: slug.
        path: folder.
        recursive: whether lists go into folders below.
        expand: whether references in values are replaced by what they name.
    """

    project: str
    environment: str
    path: str
    recursive: bool
    expand: bool


class Address(NamedTuple):
    """A folder, and a secret in it."""

    path: str
    name: str

    @classmethod
    def of(cls, key: str, folder: str) -> Address:
        """Where a key points: into the folder of the store, unless it begins with a slash.

        Raises:
            InvalidRequestError: it names no secret.
        """
        head, _, name = key.rpartition("/")
        if not name:
            raise InvalidRequestError(f"the key {key!r} does not name a secret")
        if not head:
            return cls("/" if key.startswith("/") else folder, name)
        return cls(head if key.startswith("/") else f"{folder.rstrip('/')}/{head}", name)


class Listed(NamedTuple):
    """A secret in a list."""

    path: str
    name: str
    value: str
    imported: bool


class InfisicalAPI:
    """One project and environment.

    Args:
        transport: to Infisical.
        calls: the metered way.
        tokens: where requests get their token.
        scope: of the store.
    """

    def __init__(self, transport: Transport, calls: ProviderCalls, tokens: Tokens, scope: Scope) -> None:
        self._transport = transport
        self._calls = calls
        self._tokens = tokens
        self._scope = scope
        self._project = ""

    async def value(self, address: Address) -> str:
        """The text of a secret, which may be imported into its folder.

        Raises:
            NoSecretError: there is none.
        """
        return await self._calls.read(
            "GetSecretByKeyV3", address, lambda: self._value(address, imports=True, expand=self._scope.expand)
        )

    async def own_value(self, address: Address) -> str:
        """As it is now and as it was written: without imports, and with its references.

        Raises:
            NoSecretError: there is none.
        """
        return await self._calls.write("GetSecretByKeyV3", lambda: self._value(address, imports=False, expand=False))

    async def secrets(self, *, fresh: bool = False) -> list[Listed]:
        """All secrets of the scope; those of folders first, then imported ones."""
        if fresh:
            return await self._calls.write("GetSecretsV3", self._secrets)
        return await self._calls.read("GetSecretsV3", (), self._secrets)

    async def create(self, address: Address, value: str) -> None:
        """Make a secret."""
        document = {"secretValue": value, "skipMultilineEncoding": True}
        try:
            await self._change("CreateSecretV3", "POST", address, "creating", document)
        except NoSecretError as err:
            raise InvalidRequestError(f"{err}, check that the folder exists") from err

    async def update(self, address: Address, value: str) -> None:
        """Change a secret."""
        document = {"secretValue": value, "skipMultilineEncoding": True}
        await self._change("UpdateSecretV3", "PATCH", address, "updating", document)

    async def remove(self, address: Address) -> None:
        """Delete a secret."""
        await self._change("DeleteSecretV3", "DELETE", address, "deleting", {})

    async def close(self) -> None:
        """Give back the token."""
        await self._tokens.close()

    async def _value(self, address: Address, *, imports: bool, expand: bool) -> str:
        what = f"reading secret {address.name} in {address.path} of Infisical"
        query = {
            "environment": self._scope.environment,
            "secretPath": address.path,
            "workspaceSlug": self._scope.project,
            "type": "shared",
            "expandSecretReferences": _bool(expand),
            "include_imports": _bool(imports),
        }
        answer = await self._signed("GET", _path(address.name), what, query=query)
        secret = answer.get("secret")
        return text_in(secret if isinstance(secret, dict) else {}, "secretValue", what)

    async def _secrets(self) -> list[Listed]:
        what = f"listing the secrets in {self._scope.path} of Infisical"
        query = {
            "workspaceSlug": self._scope.project,
            "environment": self._scope.environment,
            "secretPath": self._scope.path,
            "recursive": _bool(self._scope.recursive),
            "expandSecretReferences": _bool(self._scope.expand),
            "include_imports": "true",
        }
        try:
            answer = await self._signed("GET", _RAW, what, query=query)
        except NoSecretError as err:
            # A folder that is missing says nothing about any secret.
            raise InvalidRequestError(f"{err}, check secretsScope") from err
        found = [_listed(each, None, what) for each in _objects(answer, "secrets", what)]
        for imported in _objects(answer, "imports", what):
            folder = str(imported.get("secretPath") or "")
            found += [_listed(each, folder, what) for each in _objects(imported, "secrets", what)]
        return found

    async def _change(self, call: str, method: str, address: Address, doing: str, document: Mapping[str, Any]) -> None:
        what = f"{doing} secret {address.name} in {address.path} at Infisical"

        async def send() -> None:
            place = {
                "workspaceId": await self._project_id(),
                "environment": self._scope.environment,
                "secretPath": address.path,
            }
            await self._calls.write(
                call, lambda: self._signed(method, _path(address.name), what, document={**place, **document})
            )

        known = bool(self._project)
        try:
            await send()
        except NoSecretError:
            # The project may have been made anew under its slug.
            self._project = ""
            if not known:
                raise
        else:
            return
        await send()

    async def _project_id(self) -> str:
        if not self._project:
            self._project = await self._calls.write("GetWorkspaceBySlug", self._looked_up)
        return self._project

    async def _looked_up(self) -> str:
        what, slug = f"looking for project {self._scope.project} of Infisical", quote(self._scope.project, safe="")
        try:
            try:
                found = await self._signed("GET", f"v1/projects/slug/{slug}", what)
            except NoSecretError:
                # Servers that still call it a workspace.
                found = await self._signed("GET", f"v1/workspace/slug/{slug}", what)
        except NoSecretError as err:
            raise InvalidRequestError(f"{err}, check secretsScope.projectSlug") from err
        for name in ("project", "workspace"):
            inner = found.get(name)
            found = inner if isinstance(inner, dict) else found
        return text_in(found, "id", what)

    async def _signed(self, method: str, path: str, what: str, **more: Any) -> dict[str, Any]:
        token = await self._tokens.get()
        try:
            return await self._transport.send(method, path, what, token=token, **more)
        except TokenRefusedError:
            if not self._tokens.refused(token):
                raise
        return await self._transport.send(method, path, what, token=await self._tokens.get(), **more)


def _path(name: str) -> str:
    return f"{_RAW}/{quote(name, safe='')}"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _objects(answer: Mapping[str, Any], name: str, what: str) -> list[dict[str, Any]]:
    found = answer.get(name)
    if found is None and name == "imports":
        return []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ProviderError(f"{what}: the answer has no list of {name}")
    return found


def _listed(secret: Mapping[str, Any], imported_from: str | None, what: str) -> Listed:
    path = secret.get("secretPath")
    return Listed(
        path if isinstance(path, str) and path else imported_from or "",
        text_in(secret, "secretKey", what),
        text_in(secret, "secretValue", what),
        imported_from is not None,
    )
