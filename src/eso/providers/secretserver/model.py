"""A secret of Secret Server: its settings and its fields, with the names that the vendor's Go client gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eso.errors import ProviderError
from eso.transform.gojson import dumps

__all__ = ["Item", "Secret", "items_of_template", "read_secret"]

Kinds = Mapping[str, type]

_SECRET: Final[Kinds] = {
    "Name": str,
    "FolderID": int,
    "ID": int,
    "SiteID": int,
    "SecretTemplateID": int,
    "SecretPolicyID": int,
    "PasswordTypeWebScriptID": int,
    "LauncherConnectAsSecretID": int,
    "CheckOutIntervalMinutes": int,
    "Active": bool,
    "CheckedOut": bool,
    "CheckOutEnabled": bool,
    "AutoChangeEnabled": bool,
    "CheckOutChangePasswordEnabled": bool,
    "DelayIndexing": bool,
    "EnableInheritPermissions": bool,
    "EnableInheritSecretPolicy": bool,
    "ProxyEnabled": bool,
    "RequiresComment": bool,
    "SessionRecordingEnabled": bool,
    "WebLauncherRequiresIncognitoMode": bool,
}
_ITEM: Final[Kinds] = {
    "ItemID": int,
    "FieldID": int,
    "FileAttachmentID": int,
    "FieldName": str,
    "Slug": str,
    "FieldDescription": str,
    "Filename": str,
    "ItemValue": str,
    "IsFile": bool,
    "IsNotes": bool,
    "IsPassword": bool,
}
_TEMPLATE_FIELD: Final[Kinds] = {
    "SecretTemplateFieldID": int,
    "FieldSlugName": str,
    "Name": str,
    "IsFile": bool,
}
_LEFT_OUT: Final = frozenset(("SecretPolicyID", "PasswordTypeWebScriptID"))
"""Settings that are left out where they are zero."""

Item = dict[str, Any]
"""A field of a secret; the keys of `_ITEM`, in their order. Text may hold bytes that are not UTF-8 as surrogates."""


@dataclass
class Secret:
    """A secret.

    Attributes:
        settings: everything but the fields, in the order that the vendor's client writes.
        items: the fields.
    """

    settings: dict[str, Any]
    items: list[Item] = field(repr=False)

    @property
    def id(self) -> int:
        """Its number."""
        return int(self.settings["ID"])

    def named(self, name: str) -> Item | None:
        """The field whose slug or name it is."""
        return next((item for item in self.items if name in (item["Slug"], item["FieldName"])), None)

    def to_json(self, items: Sequence[Item] | None = None) -> str:
        """The object as JSON, as the vendor's Go client writes it.

        Args:
            items: fields in place of its own.
        """
        settings = [(key, value) for key, value in self.settings.items() if value or key not in _LEFT_OUT]
        listed = ",".join(_pairs(item.items()) for item in (self.items if items is None else items))
        return f'{_pairs(settings)[:-1]},"Items":[{listed}]}}'


def read_secret(answer: Any, what: str) -> Secret:
    """The secret in an answer; its keys may be written in any case.

    Raises:
        ProviderError: it is none.
    """
    lowered = _lowered(answer, what)
    settings = _known(lowered, _SECRET, what)
    listed = lowered.get("items") or []
    if not isinstance(listed, list) or not settings["ID"]:
        raise ProviderError(f"{what}: the answer is not a secret")
    return Secret(settings, [_known(_lowered(item, what), _ITEM, what) for item in listed])


def items_of_template(answer: Any, what: str) -> list[Item]:
    """Empty fields for a new secret, in the order of its template.

    Raises:
        ProviderError: the answer is no template.
    """
    listed = _lowered(answer, what).get("fields") or []
    if not isinstance(listed, list):
        raise ProviderError(f"{what}: the answer is not a template")
    found = []
    for one in listed:
        known = _known(_lowered(one, what), _TEMPLATE_FIELD, what)
        empty: Item = {key: kind() for key, kind in _ITEM.items()}
        empty.update(FieldID=known["SecretTemplateFieldID"], Slug=known["FieldSlugName"])
        empty.update(FieldName=known["Name"], IsFile=known["IsFile"])
        found.append(empty)
    return found


def _pairs(pairs: Any) -> str:
    return "{" + ",".join(f"{dumps(key)}:{dumps(value)}" for key, value in pairs) + "}"


def _lowered(found: Any, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the answer is not a JSON object")
    return {key.lower(): value for key, value in found.items()}


def _known(lowered: Mapping[str, Any], kinds: Kinds, what: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, kind in kinds.items():
        value = lowered.get(key.lower())
        if value is None:
            value = kind()
        elif kind is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not kind:
            raise ProviderError(f"{what}: {key} in the answer has another type")
        found[key] = value
    return found
