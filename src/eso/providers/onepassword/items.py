"""What is in an item: fields by label, files by name, and how fields change."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from eso.errors import ProviderError
from eso.providers.onepassword.api import Item

__all__ = ["PASSWORD", "Wanted", "files_of", "labelled", "new_item", "only_field", "with_field", "without_field"]

PASSWORD: Final = "password"
"""The label of the field that is meant where none is named."""

_DOCUMENT: Final = "DOCUMENT"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a `property` asks for: a field or a file, and its name, which may be empty."""

    kind: Literal["field", "file"]
    name: str

    @classmethod
    def of(cls, prop: str, item: Item) -> Wanted:
        """As a prefix says, else files of documents and fields of everything else."""
        if prop.startswith("field/"):
            return cls("field", prop.removeprefix("field/"))
        if prop.startswith("file/"):
            return cls("file", prop.removeprefix("file/"))
        return cls("file" if item.get("category") == _DOCUMENT else "field", prop)


def labelled(item: Item, name: str | None = None) -> dict[str, str]:
    """The fields with their values; only the one called `name` where that is given.

    Raises:
        ProviderError: several fields have the same label.
    """
    found: dict[str, str] = {}
    for field in _members(item, "fields"):
        label = str(field.get("label") or "")
        if name is not None and label != name:
            continue
        if label in found:
            raise _ambiguous(item, label)
        found[label] = str(field.get("value") or "")
    return found


def only_field(item: Item, label: str) -> str:
    """The value of a field.

    Raises:
        ProviderError: there is none with this label, or there are several.
    """
    found = labelled(item, label)
    if label not in found:
        raise ProviderError(f"item {item.get('title')} of 1Password has no field labelled {label}")
    return found[label]


def files_of(item: Item, name: str = "") -> dict[str, str]:
    """The files with the paths of their contents; only the one called `name` where that is given."""
    found: dict[str, str] = {}
    for file in _members(item, "files"):
        called = str(file.get("name") or "")
        if not name or called == name:
            found.setdefault(called, str(file.get("content_path") or ""))
    return found


def new_item(title: str, vault: str, label: str, value: str, tags: Sequence[str]) -> Item:
    """An item with one concealed field."""
    return {
        "title": title,
        "category": "SERVER",
        "vault": {"id": vault},
        "tags": list(tags),
        "fields": [_concealed(label, value)],
    }


def with_field(item: Item, label: str, value: str, tags: Sequence[str] | None) -> Item:
    """A copy of the item where the field has this value, and where tags are given, with those.

    Raises:
        ProviderError: several fields have this label.
    """
    labelled(item, label)
    changed = copy.deepcopy(item)
    fields = changed["fields"] = _members(changed, "fields")
    same = [field for field in fields if field.get("label") == label]
    if same:
        same[0]["value"] = value
    else:
        fields.append(_concealed(label, value))
    if tags is not None:
        changed["tags"] = list(tags)
    return changed


def without_field(item: Item, label: str) -> Item | None:
    """A copy of the item without the field, or None where nothing is left of it.

    Raises:
        ProviderError: several fields have this label.
    """
    labelled(item, label)
    changed = copy.deepcopy(item)
    changed["fields"] = [field for field in _members(changed, "fields") if str(field.get("label") or "") != label]
    sections = _members(changed, "sections")
    if len(sections) == 1 and not sections[0].get("id") and not sections[0].get("label"):
        sections = changed["sections"] = []
    if not changed["fields"] and not sections and not _members(changed, "files"):
        return None
    return changed


def _concealed(label: str, value: str) -> dict[str, Any]:
    return {"label": label, "value": value, "type": "CONCEALED"}


def _members(item: Item, name: str) -> list[dict[str, Any]]:
    found = item.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _ambiguous(item: Item, label: str) -> ProviderError:
    return ProviderError(
        f"item {item.get('title')} of 1Password has more than one field labelled {label}, there must be exactly one"
    )
