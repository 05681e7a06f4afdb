"""What Cloud.ru takes for a UUID: a project, and a secret that is not named by its path."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_uuid"]

_HYPHENATED: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID: Final = re.compile(rf"(urn:uuid:)?{_HYPHENATED}|\{{{_HYPHENATED}\}}|[0-9a-f]{{32}}", re.IGNORECASE)
"""Source: the forms that External Secrets Operator reads, those of `github.com/google/uuid`."""


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID in one of its usual forms."""
    return _UUID.fullmatch(text) is not None
