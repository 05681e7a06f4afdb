"""String formats that structural schemas check, as kube-openapi's registry defines them. Unknown formats pass."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from urllib.parse import urlsplit

__all__ = ["FORMATS", "go_duration_seconds", "is_go_duration"]

_TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|[+-][0-9]{2}:[0-9]{2})")
_GO_DURATION = re.compile(r"[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_GO_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_SCALA_DURATION = re.compile(
    r"(?:\d+)\s*(?:ns|nanos?\w*|us|µs|micros?\w*|ms|millis?\w*|s|secs?\w*|m|mins?\w*|h|hrs?|hours?|d|days?|w|wks?|weeks?)",
    re.IGNORECASE,
)
_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_HOSTNAME = re.compile(
    r"([a-zA-Z0-9\u00a1-\uffff_]([a-zA-Z0-9\u00a1-\uffff_-]{0,61}[a-zA-Z0-9\u00a1-\uffff_])?)(\.[a-zA-Z0-9\u00a1-\uffff_]([a-zA-Z0-9\u00a1-\uffff_-]{0,61}[a-zA-Z0-9\u00a1-\uffff_])?)*"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_MAC = re.compile(r"([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}|([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}")
_SHORT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LONG_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def is_go_duration(text: str) -> bool:
    """Whether Go's `time.ParseDuration` accepts `text`."""
    return _GO_DURATION.fullmatch(text) is not None


def go_duration_seconds(text: str) -> float:
    """Seconds of a Go duration string.

    Raises:
        ValueError: `text` is no Go duration.
    """
    if not is_go_duration(text):
        raise ValueError(f"{text!r} is no duration such as 1h30m")
    total = sum(float(amount) * _UNIT_SECONDS[unit] for amount, unit in _GO_DURATION_PART.findall(text))
    return -total if text.startswith("-") else total


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10


def _is_date_time(text: str) -> bool:
    day, separator, clock = text.lower().partition("t")
    match = _TIME.match(clock)
    if not separator or not _is_date(day) or match is None or match.end() != len(clock):
        return False
    return match[1] <= "23" and match[2] <= "59" and match[3] <= "59"


def _is_duration(text: str) -> bool:
    return is_go_duration(text) or _SCALA_DURATION.search(text) is not None


def _is_byte(text: str) -> bool:
    try:
        base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return False
    return text != ""


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return check


def _parse_cidr(text: str) -> None:
    if "/" not in text:
        raise ValueError(text)
    ipaddress.ip_network(text, strict=False)


def _is_uuid(version: int | None) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parsed = uuid.UUID(text)
        except ValueError:
            return False
        return len(text) in (32, 36) and (version is None or parsed.version == version)

    return check


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme) or text.startswith("/")


def _matches(pattern: re.Pattern[str], limit: int) -> Callable[[str], bool]:
    return lambda text: len(text) <= limit and pattern.fullmatch(text) is not None


FORMATS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "byte": _is_byte,
        "cidr": _parses(_parse_cidr),
        "date": _is_date,
        "date-time": _is_date_time,
        "datetime": _is_date_time,
        "duration": _is_duration,
        "email": _matches(_EMAIL, 320),
        "hostname": _matches(_HOSTNAME, 255),
        "ipv4": _parses(ipaddress.IPv4Address),
        "ipv6": _parses(ipaddress.IPv6Address),
        "k8s-long-name": _matches(_LONG_NAME, 253),
        "k8s-short-name": _matches(_SHORT_NAME, 63),
        "mac": _matches(_MAC, 32),
        "uri": _is_uri,
        "uuid": _is_uuid(None),
        "uuid3": _is_uuid(3),
        "uuid4": _is_uuid(4),
        "uuid5": _is_uuid(5),
    }
)
"""Name of a format to its check."""
