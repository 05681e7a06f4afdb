"""What is in an item: fields by title, files by name, and how a push changes them."""

from __future__ import annotations

import secrets
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from eso.errors import ProviderError
from eso.values import SecretMap, SecretValue

__all__ = [
    "PASSWORD",
    "Item",
    "ItemField",
    "ItemFile",
    "Overview",
    "Section",
    "Wanted",
    "field_kind",
    "labelled",
    "named_files",
    "new_field",
    "only_named",
    "with_field",
    "with_fields",
    "without_field",
]

PASSWORD: Final = "password"
"""The title of the field that is meant where none is named."""

_DOCUMENT: Final = "Document"
_CONCEALED: Final = "Concealed"
_KINDS: Final[Mapping[str, str]] = {
    "text": "Text",
    "string": "Text",
    "concealed": _CONCEALED,
    "password": _CONCEALED,
    "url": "Url",
    "email": "Email",
    "phone": "Phone",
    "date": "Date",
    "monthyear": "MonthYear",
}
_ID: Final = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Overview:
    """An item in the list of a vault."""

    id: str
    title: str
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Section:
    """A group of fields."""

    id: str
    title: str


@dataclass(frozen=True, slots=True, repr=False)
class ItemField:
    """A field.

    Attributes:
        title: of the field.
        value: of the field.
        kind: its type, in the SDK's words.
        id: unique in the item.
        source: the field as the SDK handed it out; None for a new one.
    """

    title: str
    value: SecretValue
    kind: str
    id: str
    source: Any = None


@dataclass(frozen=True, slots=True, repr=False)
class ItemFile:
    """A file: its name, its id, and how the SDK describes it."""

    name: str
    id: str
    source: Any


@dataclass(frozen=True, slots=True, repr=False)
class Item:
    """An item; `source` is how the SDK handed it out, with what is not understood here."""

    id: str
    title: str
    category: str
    fields: tuple[ItemField, ...]
    files: tuple[ItemFile, ...]
    sections: tuple[Section, ...]
    tags: tuple[str, ...]
    source: Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a `property` asks for: fields or files, and the name of one, which may be empty for all."""

    kind: Literal["field", "file"]
    name: str

    @classmethod
    def of(cls, prop: str, item: Item) -> Wanted:
        """As a prefix says, else files of documents and fields of everything else."""
        if prop.startswith("field/"):
            return cls("field", prop.removeprefix("field/"))
        if prop.startswith("file/"):
            return cls("file", prop.removeprefix("file/"))
        return cls("file" if item.category == _DOCUMENT else "field", prop)


def labelled(item: Item, titles: Sequence[str]) -> SecretMap:
    """The fields with these titles.

    Raises:
        ProviderError: several fields have the same one.
    """
    return {field.title: field.value for field in _unique(item, titles, item.fields, "fields", lambda each: each.title)}


def named_files(item: Item, names: Sequence[str]) -> dict[str, ItemFile]:
    """The files with these names.

    Raises:
        ProviderError: several files have the same one.
    """
    return {file.name: file for file in _unique(item, names, item.files, "files", lambda each: each.name)}


def only_named(names: Sequence[str], name: str) -> list[str]:
    """The names, or only this one where it is given and among them."""
    return [each for each in names if not name or each == name]


def field_kind(name: str) -> str:
    """The type of a field for what the push metadata call it; what is not known is concealed."""
    return _KINDS.get(name.lower(), _CONCEALED)


def new_field(title: str, value: SecretValue, kind: str) -> ItemField:
    """A field that is not in an item yet."""
    return ItemField(title, value, kind, "".join(secrets.choice(_ID) for _ in range(26)))


def with_field(item: Item, title: str, value: SecretValue, kind: str) -> Item:
    """The item where one field has this value and type.

    Raises:
        ProviderError: several fields have this title.
    """
    labelled(item, [title])
    changed = tuple(replace(each, value=value, kind=kind) if each.title == title else each for each in item.fields)
    if not any(each.title == title for each in item.fields):
        changed = (*changed, new_field(title, value, kind))
    return replace(item, fields=changed)


def with_fields(item: Item, values: SecretMap, kind: str) -> Item:
    """The item with exactly these fields.

    Raises:
        ProviderError: several fields have the same one of these titles.
    """
    found = replace(item, fields=tuple(each for each in item.fields if each.title in values))
    for title, value in sorted(values.items()):
        found = with_field(found, title, value, kind)
    return found


def without_field(item: Item, title: str) -> Item | None:
    """The item without a field, or None where nothing is left of it.

    Raises:
        ProviderError: several fields have this title.
    """
    labelled(item, [title])
    fields = tuple(each for each in item.fields if each.title != title)
    # Fields that were pushed leave one section behind that has neither id nor title.
    sections = () if item.sections == (Section("", ""),) else item.sections
    return replace(item, fields=fields, sections=sections) if fields or item.files or sections else None


def _unique(item: Item, names: Sequence[str], members: Sequence[Any], what: str, name_of: Any) -> list[Any]:
    found = [each for each in members if name_of(each) in set(names)]
    repeated = [name for name, times in Counter(map(name_of, found)).items() if times > 1]
    if repeated:
        raise ProviderError(
            f"item {item.title} of 1Password has more than one of its {what} called {repeated[0]}, "
            "there must be exactly one"
        )
    return found
