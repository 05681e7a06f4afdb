"""URLs taken apart and put together as Go's net/url does."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.values import Value, from_bytes, kind_of, to_bytes

__all__ = ["TABLE"]

_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_PATH: Final = frozenset(_UNRESERVED + b"$&+,/:;=@")
_HOST: Final = frozenset(_UNRESERVED + b"!\"$&'()*+,:;<=>[]")
_USER: Final = frozenset(_UNRESERVED + b"$&+,;=")
_FRAGMENT: Final = frozenset(_UNRESERVED + b"!$&()*+,/:;=?@")
"""Bytes that stand unescaped in each part. Source: net/url, encoding_table.go."""

_PERCENT: Final = re.compile(rb"%([0-9a-fA-F]{2})?")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_USERINFO: Final = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT: Final = re.compile(r"(?::[0-9]*)?", re.ASCII)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")


def _fail(reason: str) -> FunctionError:
    return FunctionError(f"unable to parse url: {reason}")


@dataclass(slots=True)
class _Url:
    scheme: str = ""
    opaque: str = ""
    user: tuple[str, str | None] | None = None
    host: str = ""
    path: str = ""
    query: str = ""
    fragment: str = ""


def _escape(text: str, allowed: frozenset[int]) -> str:
    return "".join([chr(byte) if byte in allowed else f"%{byte:02X}" for byte in to_bytes(text)])


def _unescape(text: str) -> str:
    if "%" not in text:
        return text

    def decoded(found: re.Match[bytes]) -> bytes:
        if found[1] is None:
            raise _fail("invalid URL escape")
        return bytes.fromhex(found[1].decode("ascii"))

    return from_bytes(_PERCENT.sub(decoded, to_bytes(text)))


def _check_host(text: str, zone: bool = False) -> None:
    """Refuse bytes that a host cannot have, and escapes of ones that it could write plainly."""
    data = to_bytes(text)
    at = 0
    while at < len(data):
        byte = data[at]
        if byte == ord("%"):
            escaped = _PERCENT.match(data, at)
            if escaped is None or escaped[1] is None:
                raise _fail("invalid URL escape")
            value = int(escaped[1], 16)
            if escaped[1] != b"25" and (value != 0x20 and value not in _HOST if zone else value < 0x80):
                raise _fail("invalid URL escape")
            at += 3
            continue
        if byte < 0x80 and byte not in _HOST:
            raise _fail("invalid character in host name")
        at += 1


def _unescape_host(text: str, zone: bool = False) -> str:
    _check_host(text, zone)
    return _unescape(text)


def _ip_literal(host: str) -> str:
    closing = host.rfind("]")
    if closing < 0:
        raise _fail("missing ']' in host")
    port = host[closing + 1 :]
    if _PORT.fullmatch(port) is None:
        raise _fail("invalid port after host")
    name = host[1:closing]
    zone_at = name.find("%25")
    if zone_at >= 0:
        name = _unescape_host(name[:zone_at]) + _unescape_host(name[zone_at:], zone=True)
    else:
        name = _unescape_host(name)
    try:
        ipaddress.IPv6Address(name)
    except ValueError:
        raise _fail("invalid IP-literal") from None
    return f"[{name}]{port}"


def _parse_host(scheme: str, host: str) -> str:
    bracket = host.rfind("[")
    if bracket > 0:
        raise _fail("invalid IP-literal")
    if bracket == 0:
        return _ip_literal(host)
    # Lists of hosts with ports are taken but for the schemes of the web.
    colon = host.find(":") if scheme in ("http", "https") else host.rfind(":")
    if colon >= 0 and _PORT.fullmatch(host[colon:]) is None:
        raise _fail("invalid port after host")
    return _unescape_host(host)


def _parse_userinfo(text: str) -> tuple[str, str | None]:
    if _USERINFO.fullmatch(text) is None:
        raise _fail("net/url: invalid userinfo")
    name, colon, password = text.partition(":")
    return _unescape(name), _unescape(password) if colon else None


def _parse_authority(url: _Url, text: str) -> None:
    before, at, host = text.rpartition("@")
    url.host = _parse_host(url.scheme, host)
    if at:
        url.user = _parse_userinfo(before)


def _parse(text: str) -> _Url:
    text, _, fragment = text.partition("#")
    url = _Url()
    if _CONTROL.search(text):
        raise _fail("net/url: invalid control character in URL")
    if text == "*":
        url.path = "*"
    else:
        _parse_hierarchy(url, text)
    url.fragment = _unescape(fragment)
    return url


def _parse_hierarchy(url: _Url, text: str) -> None:
    found = _SCHEME.match(text)
    if found is not None:
        url.scheme, text = found[1].lower(), text[found.end() :]
    elif text.startswith(":"):
        raise _fail("missing protocol scheme")
    text, _, url.query = text.partition("?")
    if not text.startswith("/"):
        if url.scheme:
            url.opaque = text
            return
        if ":" in text.partition("/")[0]:
            raise _fail("first path segment in URL cannot contain colon")
    if text.startswith("//") and (url.scheme or not text.startswith("///")):
        authority, slash, rest = text[2:].partition("/")
        _parse_authority(url, authority)
        text = slash + rest
    url.path = _unescape(text)


def _hostname(host: str) -> str:
    colon = host.rfind(":")
    if colon >= 0 and _PORT.fullmatch(host[colon:]):
        host = host[:colon]
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _userinfo_text(user: tuple[str, str | None]) -> str:
    name, password = user
    text = _escape(name, _USER)
    return text if password is None else f"{text}:{_escape(password, _USER)}"


def url_parse(text: str) -> dict[str, Value]:
    """The parts of a URL: scheme, host, hostname, path, query, opaque, fragment, userinfo.

    Raises:
        FunctionError: it is no URL.
    """
    url = _parse(text)
    return {
        "scheme": url.scheme,
        "host": url.host,
        "hostname": _hostname(url.host),
        "path": url.path,
        "query": url.query,
        "opaque": url.opaque,
        "fragment": url.fragment,
        "userinfo": "" if url.user is None else _userinfo_text(url.user),
    }


def _joined_hierarchy(url: _Url) -> str:
    text = ""
    if url.scheme or url.host or url.user is not None:
        if url.host or url.path or url.user is not None:
            text = "//"
        if url.user is not None:
            text += _userinfo_text(url.user) + "@"
        text += _escape(url.host, _HOST)
    path = "*" if url.path == "*" else _escape(url.path, _PATH)
    if path and not path.startswith("/") and url.host:
        path = "/" + path
    if not text and not url.scheme and ":" in path.partition("/")[0]:
        # A first part with a colon would be read as a scheme.
        path = "./" + path
    return text + path


def _text_of(parts: dict[str, Value], key: str) -> str:
    value = parts.get(key, "")
    if value is None:
        raise FunctionError("runtime error: invalid memory address or nil pointer dereference")
    if not isinstance(value, str):
        raise FunctionError(f"unable to parse {key} key, must be of type string, but {kind_of(value)} found")
    return value


def url_join(parts: dict[str, Value]) -> str:
    """The URL of such parts; absent ones are empty.

    Raises:
        FunctionError: a part is no text, or the user information is malformed.
    """
    scheme, host, path, query, opaque, fragment, userinfo = [
        _text_of(parts, key) for key in ("scheme", "host", "path", "query", "opaque", "fragment", "userinfo")
    ]
    url = _Url(scheme=scheme, opaque=opaque, host=host, path=path, query=query, fragment=fragment)
    if userinfo:
        url.user = _parse(f"proto://{userinfo}@host").user
    text = f"{scheme}:" if scheme else ""
    text += opaque or _joined_hierarchy(url)
    if query:
        text += f"?{query}"
    if fragment:
        text += "#" + _escape(fragment, _FRAGMENT)
    return text


TABLE: Final = (
    Function("urlParse", url_parse, (Param.STRING,)),
    Function("urlJoin", url_join, (Param.DICT,)),
)
