"""The error of a template: what failed, where, and never with which value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, Self

from eso.errors import EsoError
from eso.redaction import forms_of
from eso.values import SecretValue

__all__ = ["Stage", "TemplateError", "TemplateLimitError", "without_values"]

Stage = Literal["parse", "exec", "apply"]

_REDACTED: Final = "[redacted]"
_SHORTEST_SECRET: Final = 4
"""Shorter values are found in any text; replacing them would only garble the message."""


class TemplateError(EsoError):
    """A template could not be parsed or executed, or its result could not be written.

    Attributes:
        stage: `parse`, `exec` or `apply`.
        key: the key of the template.
        line: in the template, from 1; 0 when the error has no place there.
        column: in the line, from 0 and in bytes; 0 when parsing failed, which knows lines only.
    """

    def __init__(self, stage: Stage, message: str, key: str = "", line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.stage: Stage = stage
        self.message = message
        self.key = key
        self.line = line
        self.column = column

    def within(self, context: str) -> Self:
        """The same error with a context in front of its message."""
        return type(self)(self.stage, f"{context}: {self.message}", self.key, self.line, self.column)

    def without(self, values: Iterable[str]) -> Self:
        """The same error with every value in its message replaced."""
        return type(self)(self.stage, without_values(self.message, values), self.key, self.line, self.column)


class TemplateLimitError(TemplateError):
    """A template used more than one render may."""


def without_values(message: str, values: Iterable[str]) -> str:
    """The message with every value in it replaced, as it is, in any case, or encoded (base64, hexadecimal, URL, JSON).

    The second line of defence after messages that hold none: `fail` says what the template tells it to.
    """
    forms = {form for value in values for form in (value, *forms_of(SecretValue(_bytes(value))))}
    for form in sorted(forms, key=len, reverse=True):
        if _SHORTEST_SECRET <= len(form) <= len(message):
            message = re.sub(re.escape(form), _REDACTED, message, flags=re.IGNORECASE)
    return message


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")
