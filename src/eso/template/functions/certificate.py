"""The certificate records that certificate functions return and take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from eso.template.functions.jsongo import JsonObject
from eso.template.gotext.values import Value

__all__ = ["CertificateRecord"]


class CertificateRecord(JsonObject):
    """A certificate and its key.

    Attributes:
        cert: PEM.
        key: PEM.
    """

    __slots__ = ("cert", "key")
    go_type: ClassVar[str] = "sprig.certificate"
    kind: ClassVar[str] = "struct"
    is_stringer: ClassVar[bool] = False

    def __init__(self, cert: str, key: str) -> None:
        self.cert = cert
        self.key = key

    def __str__(self) -> str:
        return f"{{{self.cert} {self.key}}}"

    def __repr__(self) -> str:
        return "CertificateRecord(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CertificateRecord) and (self.cert, self.key) == (other.cert, other.key)

    def __hash__(self) -> int:
        return hash((self.cert, self.key))

    def fields(self) -> Mapping[str, Value]:
        """`Cert` and `Key`."""
        return {"Cert": self.cert, "Key": self.key}

    def to_json_value(self) -> Value:
        """A dict of both."""
        return {"Cert": self.cert, "Key": self.key}
