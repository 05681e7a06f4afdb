"""Password: random passwords."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from eso.api.generators_v1alpha1.resource import generator_resource
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import AS_STORED, REQUIRED, item_count

__all__ = ["Password", "PasswordSpec"]


class PasswordSpec(Model):
    """Shape of the password.

    Attributes:
        length: characters in all.
        digits: how many of them are digits; a quarter when absent.
        symbols: how many of them are symbols; a quarter when absent.
        symbol_characters: the symbols to choose from.
        secret_keys: keys of the Secret, each with a password of its own; `password` when absent.
    """

    length: Annotated[int, REQUIRED] = 24
    digits: int | None = None
    symbols: int | None = None
    symbol_characters: str | None = None
    no_upper: Annotated[bool, REQUIRED] = False
    allow_repeat: Annotated[bool, REQUIRED] = False
    encoding: Annotated[Literal["base64", "base64url", "base32", "hex", "raw"], AS_STORED] = "raw"
    secret_keys: Annotated[list[str], item_count(1)] | None = None


class Password(KubeObject):
    """A random password, or several."""

    resource: ClassVar[Resource] = generator_resource("Password", "passwords")

    spec: PasswordSpec = Field(default_factory=PasswordSpec)
