"""The syntax of names, labels and keys, with the sentences that kube-apiserver answers."""

from __future__ import annotations

import re

__all__ = [
    "config_key",
    "dns_label",
    "dns_label_1035",
    "dns_subdomain",
    "label_key",
    "label_value",
    "path_segment",
]

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"

_LABEL_LIMIT = 63
_SUBDOMAIN_LIMIT = 253

_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character"
)
_LABEL_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and "
    "end with an alphanumeric character"
)
_KEY_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character"
)
_CONFIG_KEY_TEXT = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"


def _mismatch(text: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {shown}regex used for validation is '{pattern}')"


def _too_long(limit: int, unit: str = "characters") -> str:
    return f"must be no more than {limit} {unit}"


def _size(value: str) -> int:
    return len(value.encode())


def dns_label(value: str) -> list[str]:
    """What is wrong with an RFC 1123 label (names of namespaces)."""
    found = [_too_long(_LABEL_LIMIT)] if _size(value) > _LABEL_LIMIT else []
    if not re.fullmatch(_LABEL, value):
        dotted = re.fullmatch(_SUBDOMAIN, value)
        found.append("must not contain dots" if dotted else _mismatch(_LABEL_TEXT, _LABEL, "my-name", "123-abc"))
    return found


def dns_label_1035(value: str) -> list[str]:
    """What is wrong with an RFC 1035 label (names of services, kinds and versions)."""
    found = [_too_long(_LABEL_LIMIT)] if _size(value) > _LABEL_LIMIT else []
    if not re.fullmatch(_LABEL_1035, value):
        found.append(_mismatch(_LABEL_1035_TEXT, _LABEL_1035, "my-name", "abc-123"))
    return found


def dns_subdomain(value: str) -> list[str]:
    """What is wrong with an RFC 1123 subdomain (names of most objects)."""
    found = [_too_long(_SUBDOMAIN_LIMIT)] if _size(value) > _SUBDOMAIN_LIMIT else []
    if not re.fullmatch(_SUBDOMAIN, value):
        found.append(_mismatch(_SUBDOMAIN_TEXT, _SUBDOMAIN, "example.com"))
    return found


def path_segment(value: str) -> list[str]:
    """What is wrong with a name that only has to fit into a path (RBAC objects, custom resources)."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{text}'" for text in ("/", "%") if text in value]


def label_key(value: str) -> list[str]:
    """What is wrong with a label key, annotation key or finalizer."""
    prefix, separator, name = value.rpartition("/")
    if "/" in prefix:
        text = _mismatch(_KEY_TEXT, _KEY, "MyName", "my.name", "123-abc")
        return [f"a valid label key {text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    found: list[str] = []
    if separator:
        problems = dns_subdomain(prefix) if prefix else ["must be non-empty"]
        found += [f"prefix part {problem}" for problem in problems]
    if not name:
        found.append("name part must be non-empty")
    elif _size(name) > _LABEL_LIMIT:
        found.append(f"name part {_too_long(_LABEL_LIMIT, 'bytes')}")
    if not re.fullmatch(_KEY, name):
        found.append("name part " + _mismatch(_KEY_TEXT, _KEY, "MyName", "my.name", "123-abc"))
    return found


def label_value(value: str) -> list[str]:
    """What is wrong with a label value."""
    found = [_too_long(_LABEL_LIMIT, "bytes")] if _size(value) > _LABEL_LIMIT else []
    if not re.fullmatch(_VALUE, value):
        found.append(_mismatch(_VALUE_TEXT, _VALUE, "MyValue", "my_value", "12345"))
    return found


def config_key(value: str) -> list[str]:
    """What is wrong with a key of a Secret or ConfigMap."""
    found = [_too_long(_SUBDOMAIN_LIMIT)] if _size(value) > _SUBDOMAIN_LIMIT else []
    if not re.fullmatch(_CONFIG_KEY, value):
        found.append(_mismatch(_CONFIG_KEY_TEXT, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    if value in (".", ".."):
        found.append(f"must not be '{value}'")
    elif value.startswith(".."):
        found.append("must not start with '..'")
    return found
