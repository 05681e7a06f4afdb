"""A record as External Secrets Operator shows it: fields by label or type, custom fields by label, files by title."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eso.errors import ProviderError
from eso.providers.keepersecurity.records import KeeperFile, Record
from eso.transform.gojson import dumps

__all__ = ["Secret"]

_HIDDEN: Final = ("fileRef", "oneTimeCode")
"""Types of standard fields that cannot be asked for as a property."""


@dataclass(frozen=True, slots=True, repr=False)
class _Field:
    kind: str
    label: str
    values: list[Any] | None

    @property
    def value(self) -> bytes:
        values = self.values or []
        if len(values) == 1 and isinstance(values[0], str):
            return values[0].encode("utf-8", "surrogateescape")
        return dumps(values[0] if len(values) == 1 else values).encode()


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """The parts of a record that count, as read from `of`."""

    title: str
    kind: str
    fields: list[_Field] | None
    custom: list[_Field] | None
    files: tuple[KeeperFile, ...]

    @classmethod
    def of(cls, record: Record) -> Secret:
        """Take a record apart.

        Raises:
            ProviderError: it has not the form of a record, or two parts of it have the same name.
        """
        document = record.document
        try:
            fields, custom = _fields(document.get("fields")), _fields(document.get("custom"))
            title, kind = _text(document, "title"), _text(document, "type")
        except ValueError as err:
            raise ProviderError(f"record {record.uid} of Keeper is malformed: {err}") from None
        found = cls(title, kind, fields, custom, record.files)
        names = Counter([*map(_name, fields or ()), *(each.label for each in custom or ())])
        names.update(file.title for file in record.files)
        repeated = sorted(name for name, times in names.items() if times > 1)
        if repeated:
            raise ProviderError(
                f"record {record.uid} of Keeper has the same label or title twice, which makes it ambiguous: "
                f"{', '.join(repeated)}"
            )
        return found

    def field(self, name: str) -> bytes | None:
        """The value of the standard or custom field with this name; None when there is none with a value."""
        standard = [each for each in self.fields or () if _name(each) == name and each.kind not in _HIDDEN]
        custom = [each for each in self.custom or () if each.label == name]
        return next((each.value for each in (*standard, *custom) if each.values), None)

    def file(self, title: str) -> KeeperFile | None:
        """The file with this title."""
        return next((file for file in self.files if file.title == title), None)

    def values(self) -> dict[str, bytes]:
        """All fields with a value."""
        named = [(_name(each), each) for each in self.fields or ()]
        named += [(each.label, each) for each in self.custom or ()]
        return {name: each.value for name, each in named if each.values}

    def json(self, contents: Sequence[bytes]) -> bytes:
        """The whole as JSON, with its members in ESO's order.

        Args:
            contents: of the files, in their order.
        """
        files = [
            _object({"type": file.title, "content": content})
            for file, content in zip(self.files, contents, strict=True)
        ]
        # The name of a file stands under "type", as in External Secrets Operator.
        members = (
            f'"title":{dumps(self.title)}',
            f'"type":{dumps(self.kind)}',
            f'"fields":{_list(self.fields, label_always=False)}',
            f'"custom":{_list(self.custom, label_always=True)}',
            f'"files":{_joined(files) if files else "null"}',
        )
        return f"{{{','.join(members)}}}".encode()


def _name(field: _Field) -> str:
    return field.label or field.kind


def _fields(found: Any) -> list[_Field] | None:
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError("its fields are not a list of objects")
    return [_Field(_text(each, "type"), _text(each, "label"), _values(each.get("value"))) for each in found]


def _values(found: Any) -> list[Any] | None:
    if found is not None and not isinstance(found, list):
        raise ValueError("the value of a field is not a list")
    return found


def _text(holder: Mapping[str, Any], name: str) -> str:
    found = holder.get(name)
    if found is not None and not isinstance(found, str):
        raise ValueError(f"a {name} is not a text")
    return found or ""


def _list(fields: list[_Field] | None, *, label_always: bool) -> str:
    if fields is None:
        return "null"
    return _joined(
        _object(
            {
                "type": each.kind,
                **({"label": each.label} if each.label or label_always else {}),
                "value": each.values,
            }
        )
        for each in fields
    )


def _object(members: Mapping[str, Any]) -> str:
    """JSON whose members stay in their order."""
    return f"{{{','.join(f'{dumps(name)}:{dumps(value)}' for name, value in members.items())}}}"


def _joined(parts: Any) -> str:
    return f"[{','.join(parts)}]"
