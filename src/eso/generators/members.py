"""The members of a JSON object as values of a Secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eso.transform.gojson import byte_value
from eso.values import SecretMap, SecretValue

__all__ = ["members_of"]


def members_of(found: Mapping[str, Any]) -> SecretMap:
    """Texts as they are, booleans and numbers as text, lists and objects as JSON, null empty."""
    return {key: SecretValue(byte_value(value)) for key, value in found.items()}
