"""Records that are shared with an application: how they are unlocked, made and changed."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eso.errors import InvalidRequestError, ProviderError
from eso.providers.keepersecurity.protocol import decoded, decrypt
from eso.transform.gojson import dumps, loads

__all__ = ["EXTERNAL", "Folder", "KeeperFile", "Record", "Shared", "changed", "fresh_uid", "new_document", "unlocked"]

EXTERNAL: Final = "externalSecrets"
"""The type of the records that are pushed."""

_STANDARD: Final = (("login", ("login", "username")), ("password", ("password",)), ("url", ("url", "baseurl")))
"""Standard fields, and what the label of a value for them contains; source: External Secrets Operator."""


@dataclass(frozen=True, slots=True, repr=False)
class KeeperFile:
    """A file of a record: its title, where its content is, and the key that unlocks it."""

    title: str
    url: str
    key: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """An unlocked record.

    Attributes:
        uid: of the record.
        revision: at which it was read; a change says so.
        key: that locks it.
        text: the record as JSON, so that nothing is lost when it is changed.
        document: the same, decoded.
        files: in their order.
    """

    uid: str
    revision: int
    key: bytes
    text: str
    document: dict[str, Any]
    files: tuple[KeeperFile, ...]

    @property
    def title(self) -> str:
        """Its title; empty when there is none."""
        return _text(self.document.get("title"))

    @property
    def kind(self) -> str:
        """Its type."""
        return _text(self.document.get("type"))


@dataclass(frozen=True, slots=True, repr=False)
class Folder:
    """A shared folder, and the key that locks its records."""

    uid: str
    key: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Shared:
    """What is shared with an application, or the part of it that was asked for.

    Attributes:
        records: each once, though it may be in several folders.
        folders: that were told of.
        locked: UIDs of records and folders that do not unlock.
    """

    records: tuple[Record, ...]
    folders: tuple[Folder, ...]
    locked: frozenset[str]


def unlocked(answer: Any, app_key: bytes) -> Shared:
    """Unlock the answer to `get_secret`.

    Args:
        answer: decoded, with numbers as their digits.
        app_key: of the application.

    Raises:
        ValueError: it has not the form of such an answer.
    """
    if not isinstance(answer, dict):
        raise ValueError("not an object")
    records: dict[str, Record] = {}
    folders: list[Folder] = []
    locked: set[str] = set()
    _collect(_objects(answer.get("records")), app_key, records, locked)
    for folder in _objects(answer.get("folders")):
        uid = _text(folder.get("folderUid"))
        try:
            key = decrypt(decoded(_text(folder.get("folderKey"))), app_key)
        except ValueError:
            locked.add(uid)
            continue
        folders.append(Folder(uid, key))
        _collect(_objects(folder.get("records")), key, records, locked)
    return Shared(tuple(records.values()), tuple(folders), frozenset(locked - records.keys()))


def _collect(found: Sequence[dict[str, Any]], key: bytes, records: dict[str, Record], locked: set[str]) -> None:
    for each in found:
        uid = _text(each.get("recordUid"))
        try:
            record = _record(uid, each, key)
        except ValueError:
            locked.add(uid)
        else:
            records.setdefault(uid, record)


def _record(uid: str, found: Mapping[str, Any], shared_key: bytes) -> Record:
    # A record that is shared by itself is locked with the key of the application.
    wrapped = _text(found.get("recordKey"))
    key = decrypt(decoded(wrapped), shared_key) if wrapped else shared_key
    text = decrypt(decoded(_text(found.get("data"))), key).decode("utf-8", "replace")
    document = loads(text)
    if not isinstance(document, dict):
        raise ValueError("not an object")
    files = tuple(_file(each, key) for each in _objects(found.get("files")))
    return Record(uid, int(_text(found.get("revision")) or 0), key, text, document, files)


def _file(found: Mapping[str, Any], record_key: bytes) -> KeeperFile:
    key = decrypt(decoded(_text(found.get("fileKey"))), record_key)
    about = loads(decrypt(decoded(_text(found.get("data"))), key))
    if not isinstance(about, dict):
        raise ValueError("not an object")
    return KeeperFile(_text(about.get("title")), _text(found.get("url")), key)


def new_document(title: str, label: str, value: str) -> dict[str, Any]:
    """A record with one value, as a standard field where its label says which, else as a custom field."""
    kind = _standard(label)
    custom = {"type": "secret", "label": label, "value": [value]}
    return {
        "title": title,
        "type": EXTERNAL,
        "fields": [{"type": kind, "value": [value]}] if kind else [],
        "custom": [] if kind else [custom],
    }


def changed(record: Record, label: str, value: str) -> str | None:
    """The record as JSON with another value, or None where it has this one already.

    Raises:
        InvalidRequestError: the label is that of a custom field, which it has not, or has without a value.
        ProviderError: the record has not the form of a record.
    """
    document = loads(record.text, exact=True)
    kind = _standard(label)
    name, attribute, wanted = ("fields", "type", kind) if kind else ("custom", "label", label)
    fields = document.get(name) or []
    if not isinstance(fields, list):
        raise ProviderError(f"record {record.title} of Keeper is malformed: its {name} are not a list")
    same = next((each for each in fields if isinstance(each, dict) and each.get(attribute) == wanted), None)
    if same is None and kind:
        same = {"type": kind}
        document[name] = [*fields, same]
    elif same is None or not _first(same):
        raise InvalidRequestError(
            f"record {record.title} of Keeper has no custom field labelled {label} with a value: add one there first"
        )
    if same.get("value") == [value]:
        return None
    same["value"] = [value]
    return dumps(document, escape_html=False)


def fresh_uid() -> str:
    """A UID for a record; none begins with a dash, which tools would take for an option."""
    while True:
        found = base64.urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode()
        if found[0] not in "-_":
            return found


def _standard(label: str) -> str:
    lowered = label.lower()
    return next((kind for kind, words in _STANDARD if any(word in lowered for word in words)), "")


def _first(field: Mapping[str, Any]) -> Any:
    values = field.get("value")
    return values[0] if isinstance(values, list) and values else None


def _objects(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError("not a list of objects")
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
