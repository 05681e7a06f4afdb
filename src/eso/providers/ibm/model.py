"""Keys of secrets, and which fields of Secrets Manager's answers hold their values.

Source of types and fields: the vendor's API reference, "Secrets Manager v2".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from eso.errors import InvalidRequestError, ProviderError
from eso.transform.gojson import byte_value
from eso.values import SecretValue

__all__ = ["KINDS", "Answer", "Kind", "Place", "required", "text_of"]

Answer = Mapping[str, Any]
"""A secret as the vendor describes it."""

_UUID: Final = re.compile(r"(urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", re.IGNORECASE)
_ARBITRARY: Final = "arbitrary"


@dataclass(frozen=True, slots=True)
class Kind:
    """How secrets of one type are read.

    Attributes:
        whole: field that a read without property answers with; empty: it needs a property, or there is a `document`.
        document: field that holds a JSON object, which properties select from.
        extracted: key in the target -> field, for `dataFrom.extract`.
        optional: fields that are empty when they are absent.
    """

    whole: str = ""
    document: str = ""
    extracted: Mapping[str, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        _ARBITRARY: Kind(whole="payload", extracted={_ARBITRARY: "payload"}),
        "username_password": Kind(extracted=_same("username", "password")),
        "iam_credentials": Kind(whole="api_key", extracted={"apikey": "api_key"}),
        "service_credentials": Kind(whole="credentials", extracted=_same("credentials")),
        "imported_cert": Kind(
            extracted=_same("certificate", "intermediate", "private_key"),
            optional=frozenset(("intermediate", "private_key")),
        ),
        "public_cert": Kind(extracted=_same("certificate", "intermediate", "private_key")),
        "private_cert": Kind(extracted=_same("certificate", "private_key")),
        "kv": Kind(document="data"),
        "custom_credentials": Kind(document="credentials_content"),
    }
)
"""Type of secret, as it stands in keys -> how it is read."""


class Place(NamedTuple):
    """Where a secret is.

    Attributes:
        group: name of its group; empty when it is given by its id.
        type: of `KINDS`.
        name: name, or the id.
    """

    group: str
    type: str
    name: str

    @classmethod
    def of(cls, key: str) -> Place:
        """What a key means: `idOrName`, `type/idOrName` or `group/type/name`.

        Raises:
            InvalidRequestError: the type is unknown, or a name has no group.
        """
        match key.split("/"):
            case [kind, name]:
                group = ""
            case [group, kind, name]:
                pass
            case _:
                group, kind, name = "", _ARBITRARY, key
        if kind not in KINDS:
            raise InvalidRequestError(f"secret {key}: unknown secret type {kind}, known are {', '.join(KINDS)}")
        if _UUID.fullmatch(name.removeprefix("{").removesuffix("}")):
            return cls("", kind, name)
        if not group or not name:
            raise InvalidRequestError(
                f"secret {key}: the name of the secret group is missing, write group/type/name or use the secret's id"
            )
        return cls(group, kind, name)


def required(answer: Answer, name: str, key: str) -> SecretValue:
    """A field of an answer as the value of a secret.

    Raises:
        ProviderError: it is absent.
    """
    if answer.get(name) is None:
        raise ProviderError(f"key {name} does not exist in secret {key}")
    return text_of(answer[name])


def text_of(value: Any) -> SecretValue:
    """A value of an answer; objects and lists become JSON."""
    return SecretValue(byte_value(value))
