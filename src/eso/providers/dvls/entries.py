"""Entries of Devolutions Server as secrets: which fields of which kind of credential have which name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from eso.errors import InvalidRequestError, ProviderError
from eso.values import SecretMap, SecretValue

__all__ = ["Entry", "Hit", "read_entry", "read_hit"]

_CREDENTIAL: Final = "Credential"
_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "Default": {"username": "username", "password": "password", "domain": "domain"},
    "AccessCode": {"password": "password"},
    "ApiKey": {"api-id": "apiId", "api-key": "apiKey", "tenant-id": "tenantId"},
    "AzureServicePrincipal": {"client-id": "clientId", "client-secret": "clientSecret", "tenant-id": "tenantId"},
    "ConnectionString": {"connection-string": "connectionString"},
    "PrivateKey": {
        "username": "privateKeyOverrideUsername",
        "password": "privateKeyOverridePassword",
        "private-key": "privateKeyData",
        "public-key": "publicKeyData",
        "passphrase": "privateKeyPassPhrase",
    },
}
"""Kind of credential -> name of a property -> the vendor's name of the field."""

_WRITABLE: Final = frozenset(("Default", "AccessCode"))
_PASSWORD: Final = "password"


@dataclass(frozen=True, slots=True)
class Hit:
    """What a list tells of an entry.

    Attributes:
        path: its folder, with backslashes; empty at the root of the vault.
        readable: whether it is a credential of a kind that has fields here.
    """

    identity: str
    name: str
    path: str
    type: str
    readable: bool

    @property
    def is_credential(self) -> bool:
        """Whether it is a credential of any kind."""
        return self.type == _CREDENTIAL


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry with its values.

    Attributes:
        about: name, description, path and tags, as far as they are set.
        data: what it holds, in the vendor's words.
    """

    identity: str
    name: str
    type: str
    kind: str
    about: Mapping[str, Any] = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)

    def fields(self) -> SecretMap:
        """Its fields that are not empty, its id and its name.

        Raises:
            InvalidRequestError: it is not a credential of a kind that is known.
        """
        names = _FIELDS.get(self.kind) if self.type == _CREDENTIAL else None
        if names is None:
            raise InvalidRequestError(
                f"entry {self.identity} has the type {self.type}/{self.kind}, which is not supported"
            )
        found = {name: self.data.get(vendor) for name, vendor in names.items()}
        if not all(isinstance(value, str | None) for value in found.values()):
            raise ProviderError(f"entry {self.identity} has a field that is not a text")
        about = {"entry-id": SecretValue(self.identity), "entry-name": SecretValue(self.name)}
        return {**about, **{name: SecretValue(value) for name, value in found.items() if value}}

    def with_password(self, password: str) -> dict[str, Any]:
        """What is written so that it has this password, and everything else stays.

        Raises:
            InvalidRequestError: it has no password that may be set.
        """
        if self.type != _CREDENTIAL or self.kind not in _WRITABLE:
            raise InvalidRequestError(
                f"entry {self.identity} has the type {self.type}/{self.kind}: only Credential/Default and "
                "Credential/AccessCode can be pushed to"
            )
        return {**self.about, "data": {**self.data, _PASSWORD: password}}


def read_hit(answer: Mapping[str, Any], what: str) -> Hit:
    """An entry of a list.

    Raises:
        ProviderError: it is none.
    """
    identity, name, path, kind, sub = _texts(answer, what, "id", "name", "path", "type", "subType")
    return Hit(identity, name, path, kind, kind == _CREDENTIAL and sub in _FIELDS)


def read_entry(answer: Any, what: str, identity: str) -> Entry:
    """An entry in full.

    Raises:
        ProviderError: it is none.
    """
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(data, dict | None):
        raise ProviderError(f"{what}: the answer is not an entry")
    found, name, kind, sub = _texts({"id": identity, **answer}, what, "id", "name", "type", "subType")
    kept = ("name", "description", "path", "tags")
    about = {"name": name, **{key: answer[key] for key in kept if answer.get(key)}}
    return Entry(found, name, kind, sub, about, data or {})


def _texts(answer: Mapping[str, Any], what: str, *names: str) -> tuple[str, ...]:
    found = tuple(answer.get(name) or "" for name in names)
    if not all(isinstance(text, str) for text in found) or not found[0]:
        raise ProviderError(f"{what}: the answer holds something that is not an entry")
    return found
