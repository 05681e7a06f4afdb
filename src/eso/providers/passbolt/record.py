"""A resource in clear text: five fields, wherever the types of resources keep them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from eso.errors import InvalidRequestError, InvalidSpecError, ProviderError
from eso.providers.passbolt.api import PassboltAPI, text_of
from eso.transform.gojson import dumps, loads
from eso.values import SecretMap, SecretValue

__all__ = ["FIELDS", "name_of", "property_of", "read_record", "record_json"]

FIELDS: Final = ("name", "username", "password", "uri", "description")
"""In the order in which External Secrets Operator writes them."""

_TEXT: Final = "password-string"
"""The type of resources that were made before there were types."""


async def name_of(api: PassboltAPI, resource: Mapping[str, Any]) -> str:
    """The name of a resource, without reading its secret."""
    return text_of(await _metadata(api, resource), "name", _what(resource))


async def read_record(api: PassboltAPI, resource: Mapping[str, Any]) -> SecretMap:
    """The five fields of a resource; those that its type does not have are empty.

    Raises:
        InvalidRequestError: its type is unknown.
        ProviderError: it cannot be read or decrypted.
    """
    what = _what(resource)
    type_id = text_of(resource, "resource_type_id", what)
    slug = await api.slug(type_id) if type_id else _TEXT
    interpret = _SECRETS.get(slug) or (_described if slug.startswith("v5-") else None)
    if interpret is None:
        raise InvalidRequestError(f"{what}: resources of type {slug} are not supported")
    shown = await _metadata(api, resource)
    found = {name: text_of(shown, name, what) for name in ("name", "username", "uri")}
    secret = interpret(await api.secret(text_of(resource, "id", what)), shown, what)
    return {name: SecretValue(value) for name, value in {**found, **secret}.items()}


def record_json(record: SecretMap) -> SecretValue:
    """The fields as a JSON object."""
    members = (f'"{name}":{dumps(record[name].reveal(), escape_html=False)}' for name in FIELDS)
    return SecretValue(f"{{{','.join(members)}}}")


def property_of(record: SecretMap, name: str) -> SecretValue:
    """One field.

    Raises:
        InvalidSpecError: there is no such field.
    """
    if name not in record:
        raise InvalidSpecError("property must be one of name, username, uri, password or description")
    return record[name]


def _what(resource: Mapping[str, Any]) -> str:
    return f"reading resource {resource.get('id')} from Passbolt"


async def _metadata(api: PassboltAPI, resource: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is not secret: in the resource itself, or in its metadata."""
    if not resource.get("metadata"):
        return resource
    found = dict(await api.metadata(resource))
    uris = found.get("uris")
    found["uri"] = uris[0] if isinstance(uris, list) and uris else None
    return found


def _plain(secret: SecretValue, shown: Mapping[str, Any], what: str) -> Mapping[str, str]:
    """The secret is the password, the description is not secret."""
    return {"password": secret.reveal_text(), "description": text_of(shown, "description", what)}


def _described(secret: SecretValue, shown: Mapping[str, Any], what: str) -> Mapping[str, str]:
    """Password and description are in a JSON object."""
    found = _members(secret, what)
    return {name: text_of(found, name, what) for name in ("password", "description")}


def _without(secret: SecretValue, shown: Mapping[str, Any], what: str) -> Mapping[str, str]:
    """There is neither password nor description."""
    return {"password": "", "description": ""}


def _custom(secret: SecretValue, shown: Mapping[str, Any], what: str) -> Mapping[str, str]:
    """The password is the first custom field of that type, the description is not secret."""
    fields = _members(secret, what).get("custom_fields")
    passwords = [
        field.get("secret_value")
        for field in (fields if isinstance(fields, list) else [])
        if isinstance(field, dict) and field.get("type") == "password"
    ]
    password = passwords[0] if passwords and isinstance(passwords[0], str) else ""
    return {"password": password, "description": text_of(shown, "description", what)}


def _members(secret: SecretValue, what: str) -> Mapping[str, Any]:
    try:
        found = loads(secret.reveal())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the answer, decrypted, is not the JSON object that its type asks for")
    return found


_SECRETS: Final[Mapping[str, Callable[[SecretValue, Mapping[str, Any], str], Mapping[str, str]]]] = {
    _TEXT: _plain,
    "password-and-description": _described,
    "password-description-totp": _described,
    "totp": _without,
    "v5-default": _described,
    "v5-default-with-totp": _described,
    "v5-password-string": _plain,
    "v5-totp-standalone": _without,
    "v5-custom-fields": _custom,
}
"""Type of a resource -> where its password and its description are; source: the vendor's Go client."""
