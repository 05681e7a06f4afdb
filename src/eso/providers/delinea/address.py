"""Where the resources of a tenant are: a template in the form of Go's Sprintf, filled in."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from yarl import URL

from eso.errors import InvalidSpecError

__all__ = ["Tenant"]

_TLD: Final = "com"
_TEMPLATE: Final = "https://%s.secretsvaultcloud.%s/v1/%s%s"
"""Source: the vendor's Go client."""

_SLOT: Final = re.compile(r"%(?:%|(\.[0-9]{1,3})?(?:\[([1-4])\])?([sv])|.|$)", re.DOTALL)
_SLOTS: Final = 4
_LITERAL: Final = "/:@+,;=~!$()*"
"""What stays as it is in the path of a secret."""


class Tenant:
    """Where the resources of a tenant are.

    Args:
        name: of the tenant.
        tld: of the vendor's domain; empty for `com`.
        template: a Go format with the slots tenant, TLD, resource and path; empty for the vendor's.

    Raises:
        InvalidSpecError: the template is none, or does not make a URL.
    """

    def __init__(self, name: str, tld: str, template: str) -> None:
        self._fixed = (name, tld or _TLD)
        self._template = template or _TEMPLATE
        try:
            whole = URL(_filled(self._template, *self._fixed, "secrets", "/path"))
        except ValueError:
            whole = URL()
        if whole.scheme not in ("http", "https") or not whole.host:
            raise InvalidSpecError("urlTemplate: with tenant and tld in it, it is not an http or https URL")

    def url(self, resource: str, path: str = "") -> URL:
        """The URL of a resource, or of what is at a path of it."""
        below = f"/{quote(path.lstrip('/'), safe=_LITERAL)}" if path else ""
        # Escapes in the path must not be undone.
        return URL(_filled(self._template, *self._fixed, resource, below), encoded=True)


def _filled(template: str, *values: str) -> str:
    """As Go's Sprintf, for texts.

    Raises:
        InvalidSpecError: it has other verbs, or not as many as there are values.
    """
    used: list[int] = []
    numbered = False

    def fill(match: re.Match[str]) -> str:
        nonlocal numbered
        if match[0] == "%%":
            return "%"
        if match[3] is None:
            raise InvalidSpecError("urlTemplate: only %s, %[1]s to %[4]s, %.0s and %% may stand in it")
        numbered = numbered or match[2] is not None
        at = int(match[2]) - 1 if match[2] else (used[-1] + 1 if used else 0)
        used.append(at)
        return values[at][: int(match[1][1:]) if match[1] else None] if at < _SLOTS else ""

    filled = _SLOT.sub(fill, template)
    if max(used, default=0) >= _SLOTS or (not numbered and len(used) < _SLOTS) or not {2, 3} <= set(used):
        raise InvalidSpecError("urlTemplate: it needs the four slots tenant, tld, resource and path, each as %s")
    return filled
