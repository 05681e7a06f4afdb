"""Scrubbing text that comes from outside before it reaches a condition, event, log or exception.

There is no registry of live values: whoever calls knows which values the text could hold and passes them.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Final

from eso.values import REDACTED, SecretValue

__all__ = ["forms_of", "scrub"]

_LONGEST: Final = 1024
"""Characters of vendor text that are kept."""

_SHORT: Final = 4
"""Values shorter than this are replaced only where they stand as a word: elsewhere they would tear the text apart."""

_LINE: Final = 8
"""Lines of a longer value are secrets of their own from this length on (keys, certificates)."""

# What credentials look like, whoever issued them. Sources: RFC 6750 and 7519, RFC 7468, the vendors' published prefixes.
_PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)",
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*",
        r"(?<=\bbearer )[A-Za-z0-9._~+/=-]{8,}",
        r"(?<=\bbasic )[A-Za-z0-9+/=]{8,}",
        r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}\b",
        r"\b(?:hvs|hvb|hvr|s)\.[A-Za-z0-9_-]{20,}",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})",
        r"\b(?:dp\.[a-z]{2,}\.[A-Za-z0-9._-]{20,}|ops_[A-Za-z0-9_-]{20,}|pul-[a-f0-9]{20,}|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{10,})",
        r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)",
    )
)
# A name that announces a secret, then its value: password=..., "client_secret": "...".
_ASSIGNED: Final = re.compile(
    r"""((?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|credential|signature|authorization)s?["']?\s*[=:]\s*)"""
    r"""("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;&"'}\])]+)""",
    re.IGNORECASE,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def scrub(text: str, values: Iterable[SecretValue] = ()) -> str:
    """Text without secrets, on one line, at most 1,024 characters.

    Args:
        text: what a vendor said.
        values: secrets it could hold, for example the credentials of the request and the value that was sent. Their base64,
            percent-encoded and JSON-escaped forms are found too.
    """
    known = sorted({form for value in values for form in forms_of(value)}, key=len, reverse=True)
    for form in known:
        if len(form) >= _SHORT:
            text = text.replace(form, REDACTED)
        else:
            text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", REDACTED, text)
    for pattern in _PATTERNS:
        text = pattern.sub(REDACTED, text)
    text = _ASSIGNED.sub(rf"\1{REDACTED}", text)
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def forms_of(value: SecretValue) -> Iterator[str]:
    """The texts in which a value may turn up: as it is, encoded, and the longer of its lines."""
    raw = value.reveal()
    if not raw:
        return
    text = value.reveal_text()
    yield text
    yield raw.decode("utf-8", "replace")
    yield raw.hex()
    yield text.strip() or text
    yield urllib.parse.quote(raw, safe="")
    yield urllib.parse.quote_plus(raw)
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        yield encoded.decode()
        yield encoded.decode().rstrip("=")
    yield from (line.strip() for line in text.splitlines() if len(line.strip()) >= _LINE)
