"""A secret that a push makes in Secrets Safe: what its metadata says, within the vendor's limits, as the API wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import ValidationError

from eso.errors import InvalidRequestError, InvalidSpecError
from eso.providers.beyondtrust.auth import User
from eso.providers.registry import invalid_fields
from eso.transform.gojson import dumps
from eso.values import SecretValue
from reconcile.api.model import Model

__all__ = ["CREDENTIAL", "FILE", "TEXT", "NewSecret"]

CREDENTIAL: Final = "CREDENTIAL"
TEXT: Final = "TEXT"
FILE: Final = "FILE"

_OF_USERS: Final = "3.0"
"""The version of the API whose owners are users; in later ones they are groups, or users by another name."""

_VERSIONS: Final = (_OF_USERS, "3.1", "3.2")

_NAME: Final = 256
_NOTES: Final = 4000
_TEXT: Final = 4096
_URL: Final = 2048
_FILE: Final = 5_000_000
"""Limits of the vendor: characters, and bytes of a file. Source: its Go client."""


class _Url(Model):
    url: str = ""
    id: UUID | None = None
    credential_id: UUID | None = None

    def to_api(self) -> dict[str, Any]:
        if not _is_address(self.url):
            raise InvalidSpecError(f"metadata.urls: each needs a url of at most {_URL} characters")
        ids = {"Id": self.id, "CredentialId": self.credential_id}
        return {"Url": self.url, **{name: str(value) for name, value in ids.items() if value is not None}}


class _Owner(Model):
    owner_id: int = 0
    owner: str = ""
    group_id: int = 0
    user_id: int = 0
    name: str = ""
    email: str = ""


class _Metadata(Model):
    """The metadata of a push: a flat object, without the envelope that other providers have."""

    title: str = ""
    folder_name: str = ""
    secret_type: str = CREDENTIAL
    username: str = ""
    file_name: str = ""
    description: str = ""
    notes: str = ""
    urls: list[_Url] | None = None
    owner_id: int = 0
    owner_type: str = ""
    group_id: int = 0
    owners: list[_Owner] | None = None


@dataclass(frozen=True, slots=True)
class NewSecret:
    """What is to be made.

    Attributes:
        kind: CREDENTIAL, TEXT or FILE.
        value: password, text or content.
    """

    kind: str
    value: SecretValue
    _version: str
    _metadata: _Metadata

    @classmethod
    def of(cls, metadata: Any, value: SecretValue, version: str) -> NewSecret:
        """Read the metadata of a push.

        Args:
            metadata: decoded JSON, or None.
            value: that is pushed.
            version: of the API.

        Raises:
            InvalidSpecError: the metadata, or `server.apiVersion`, cannot work; the text names the field.
            InvalidRequestError: the value is empty, too long, or not UTF-8 where it must be.
        """
        if metadata is not None and not isinstance(metadata, Mapping):
            raise InvalidSpecError("metadata: it is not an object")
        try:
            read = _Metadata.model_validate(metadata or {})
        except ValidationError as err:
            raise InvalidSpecError(f"metadata: {invalid_fields(err)}") from None
        if version not in _VERSIONS:
            raise InvalidSpecError(
                f"unsupported API version {version or '(none)'}: a push needs server.apiVersion {', '.join(_VERSIONS)}"
            )
        made = cls(read.secret_type.upper(), value, version, read)
        made._check()
        return made

    @property
    def title(self) -> str:
        """Its title."""
        return self._metadata.title

    @property
    def folder(self) -> str:
        """Name of the folder that it goes to."""
        return self._metadata.folder_name.strip()

    @property
    def username(self) -> str:
        """Whose password it is."""
        return self._metadata.username

    @property
    def file_name(self) -> str:
        """Name of the file that it is."""
        return self._metadata.file_name

    def to_json(self, user: User) -> str:
        """The body that makes it; of a file, all but its content.

        Args:
            user: who is signed in: the first owner.
        """
        read = self._metadata
        body: dict[str, Any] = {"Title": read.title, "Description": read.description, "Notes": read.notes}
        if read.urls:
            body["Urls"] = [url.to_api() for url in read.urls]
        if self.kind == CREDENTIAL:
            body |= {"Username": read.username, "Password": self.value.reveal()}
        elif self.kind == TEXT:
            body["Text"] = self.value.reveal()
        else:
            body["FileName"] = read.file_name
        if self._version == _OF_USERS:
            body |= {"OwnerId": read.owner_id, "OwnerType": read.owner_type, "Owners": self._users(user)}
        else:
            body["Owners"] = self._groups(user)
        return dumps(_filled(body), escape_html=False)

    def _users(self, user: User) -> list[dict[str, Any]]:
        first = {"OwnerId": _number(user.identity), "Owner": user.user_name, "Email": user.email}
        others = [
            {"OwnerId": each.owner_id, "Owner": each.owner, "Email": each.email} for each in self._metadata.owners or ()
        ]
        return [_filled(each) for each in (first, *others)]

    def _groups(self, user: User) -> list[dict[str, Any]]:
        first = {
            "GroupId": self._metadata.group_id,
            "UserId": _number(user.identity),
            "Name": user.name,
            "Email": user.email,
        }
        others = [
            {"GroupId": each.group_id, "UserId": each.user_id, "Name": each.name, "Email": each.email}
            for each in self._metadata.owners or ()
        ]
        return [_filled(each) for each in (first, *others)]

    def _check(self) -> None:
        read = self._metadata
        _within("title", read.title, _NAME, needed=True)
        _within("folder_name", self.folder, _NAME, needed=True)
        _within("description", read.description, _NAME)
        _within("notes", read.notes, _NOTES)
        for url in read.urls or ():
            url.to_api()
        if self.kind == CREDENTIAL:
            _within("username", read.username, _NAME, needed=True)
            self._check_text("password", _NAME)
        elif self.kind == TEXT:
            self._check_text("text", _TEXT)
        elif self.kind == FILE:
            _within("file_name", read.file_name, _NAME, needed=True)
            if not 1 <= len(self.value) <= _FILE:
                raise InvalidRequestError(f"the pushed file must have 1 to {_FILE} bytes")
        else:
            raise InvalidSpecError(f"unknown secret type: metadata.secret_type must be {CREDENTIAL}, {TEXT} or {FILE}")
        if self._version == _OF_USERS:
            if read.owner_type not in ("User", "Group"):
                raise InvalidSpecError(f"metadata.owner_type must be User or Group with API version {_OF_USERS}")
            if read.owner_type == "Group" and not read.owner_id:
                raise InvalidSpecError("metadata.owner_id is needed where owner_type is Group")

    def _check_text(self, what: str, longest: int) -> None:
        text = self.value.utf8()
        if text is None:
            raise InvalidRequestError(f"the pushed {what} is not UTF-8: only a secret of type {FILE} can be")
        if not 1 <= len(text) <= longest:
            raise InvalidRequestError(f"the pushed {what} must have 1 to {longest} characters")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and len(url) <= _URL


def _within(field: str, text: str, longest: int, *, needed: bool = False) -> None:
    if needed and not text:
        raise InvalidSpecError(f"metadata.{field} is needed")
    if len(text) > longest:
        raise InvalidSpecError(f"metadata.{field} is longer than {longest} characters")


def _number(digits: str) -> int:
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _filled(members: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty or zero, which the API takes for a value."""
    return {name: value for name, value in members.items() if value}
