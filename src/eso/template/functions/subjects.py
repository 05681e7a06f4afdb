"""The text of a certificate's subject as Go writes it."""

from __future__ import annotations

import re
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

__all__ = ["subject_text"]

_FIELDS: Final = (
    (NameOID.COUNTRY_NAME, "C"),
    (NameOID.ORGANIZATION_NAME, "O"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "OU"),
    (NameOID.LOCALITY_NAME, "L"),
    (NameOID.STATE_OR_PROVINCE_NAME, "ST"),
    (NameOID.STREET_ADDRESS, "STREET"),
    (NameOID.POSTAL_CODE, "POSTALCODE"),
    (NameOID.COMMON_NAME, "CN"),
    (NameOID.SERIAL_NUMBER, "SERIALNUMBER"),
)
"""The attributes that have fields of their own in Go, in the order in which it writes them back (the last one first)."""

_SINGLE: Final = ("CN", "SERIALNUMBER")
_SPECIAL: Final = re.compile(r'[,+"\\<>;]|^[# ]| $')


def _escaped(value: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found[0], value)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def subject_text(name: x509.Name) -> str:
    """The name in the style of RFC 2253, from the common name to the country; other attributes come last."""
    known = {oid for oid, _ in _FIELDS}
    parts = [
        f"{attribute.oid.dotted_string}=#{attribute.rfc4514_string().partition('#')[2] or _der_hex(_text(attribute.value))}"
        for attribute in name
        if attribute.oid not in known
    ]
    for oid, short in _FIELDS:
        values = [_text(attribute.value) for attribute in name.get_attributes_for_oid(oid)]
        if short in _SINGLE:
            values = values[-1:]
        if values:
            parts.append("+".join([f"{short}={_escaped(value)}" for value in values]))
    return ",".join(reversed(parts))


def _der_hex(value: str) -> str:
    """The value as Go encodes it: a PrintableString where that will do, else a UTF8String."""
    tag = 0x13 if re.fullmatch(r"[A-Za-z0-9 '()+,\-./:=?]*", value) else 0x0C
    data = value.encode()
    return (bytes((tag, len(data))) + data).hex()
