"""What to tell about a write of the target that the API server refused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from eso.controllers.conditions import cause_of
from eso.template.errors import without_values
from reconcile.errors import APIError

__all__ = ["refusal_of"]

# Source: the messages of k8s.io/apimachinery's field errors, which quote what a field holds.
_QUOTED: Final = re.compile(
    r"((?:Invalid|Unsupported|Duplicate) value): (?:\"(?:[^\"\\]|\\.)*\"|\{.*?\}|\[.*?\]|[^\s:]+)"
)


def refusal_of(err: BaseException, data: Iterable[bytes]) -> str:
    """The cause of a failed write, without what the refused fields hold: they may have been rendered from secret values.

    Args:
        err: what the write failed with.
        data: what the providers gave.
    """
    if not isinstance(err, APIError):
        return cause_of(err)
    text = _QUOTED.sub(r"\1 (hidden)", cause_of(err))
    return without_values(text, (value.decode("utf-8", "surrogateescape") for value in data))
