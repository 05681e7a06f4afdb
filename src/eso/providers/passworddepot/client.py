"""Entries of a Password Depot database, in the words of External Secrets Operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from eso.errors import InvalidRequestError
from eso.providers.base import RemoteRef, SecretsClient
from eso.providers.passworddepot.api import PasswordDepotAPI
from eso.transform.gojson import byte_value
from eso.values import SecretMap, SecretValue

__all__ = ["FIELDS", "PasswordDepotClient"]

FIELDS: Final = (
    "name",
    "fingerprint",
    "itemclass",
    "login",
    "pass",
    "url",
    "importance",
    "comment",
    "expirydate",
    "tags",
    "author",
    "category",
    "icon",
    "secondeye",
    "secondpass",
    "template",
    "acm",
    "paramstr",
    "loginid",
    "passid",
    "donotaddon",
    "markassafe",
    "safemode",
)
"""Fields of an entry that can be read; source: External Secrets Operator."""


class PasswordDepotClient(SecretsClient):
    """Reads the entries of one database.

    Args:
        api: the server, signed in.
        database: its name, or a part of it.
    """

    def __init__(self, api: PasswordDepotAPI, database: str) -> None:
        self._api = api
        self._database = database

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """One field of an entry.

        Raises:
            InvalidRequestError: `property` names no field, or there is no such database, folder or entry.
        """
        if ref.property not in FIELDS:
            raise InvalidRequestError(
                f"key not found in secret data: property of {ref.key} must be one of {', '.join(FIELDS)}"
            )
        return _field(await self._entry(ref.key), ref.property)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """All fields of an entry; those that it lacks are empty."""
        entry = await self._entry(ref.key)
        return {name: _field(entry, name) for name in FIELDS}

    async def _entry(self, key: str) -> Mapping[str, Any]:
        database = _fingerprint(await self._api.databases(), self._database, f"database {self._database} not found")
        # The top, or the folder that the names so far lead to.
        found, where = "", f"database {self._database}"
        for name in key.split("."):
            entries = await self._api.entries(database, found, where)
            found = _fingerprint(entries, name, f"secret {key} not found: there is no {name} in {where}")
            where = name
        return await self._api.entry(database, found, key)


def _fingerprint(listed: Sequence[Mapping[str, Any]], name: str, missing: str) -> str:
    """Of the first with this name, else of the first whose name contains it."""
    if name:
        exact = (each for each in listed if each["name"] == name)
        containing = (each for each in listed if name in each["name"])
        for each in (*exact, *containing):
            return str(each["fingerprint"])
    raise InvalidRequestError(missing)


def _field(entry: Mapping[str, Any], name: str) -> SecretValue:
    return SecretValue(byte_value(entry.get(name)))
