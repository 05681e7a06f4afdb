"""The domain under which the services of a Nebius installation are."""

from __future__ import annotations

import re
from typing import Final

from eso.errors import InvalidSpecError

__all__ = ["host_and_port"]

_PORT: Final = "443"
_LONGEST: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def host_and_port(text: str) -> tuple[str, str]:
    """Host, in ASCII, and port of an `apiDomain`.

    Raises:
        InvalidSpecError: it is not the name of a domain, or of one with a port.
    """
    domain = text.strip()
    if not domain:
        raise InvalidSpecError("API domain must be set")
    if "://" in domain:
        raise _invalid("scheme is not allowed")
    host, colon, port = domain.partition(":")
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise _invalid("after the colon there must be a port")
    return _checked(host), port or _PORT


def _checked(host: str) -> str:
    if host.endswith("."):
        raise _invalid("domain must not end with a dot")
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _invalid("it has a label that is too long, empty, or not allowed in names") from None
    if len(name) > _LONGEST:
        raise _invalid("domain length out of range")
    labels = name.split(".")
    if len(labels) < 2:
        raise _invalid("domain must contain at least one dot")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise _invalid(f"invalid label: {label}")
    if labels[-1].isdigit():
        raise _invalid("numeric TLD is not allowed")
    return name


def _invalid(why: str) -> InvalidSpecError:
    return InvalidSpecError(f"API domain is not valid: {why}")
