"""Kubernetes' protobuf bodies of built-in kinds, which kubectl's typed commands send; answers are always JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from reconcile.testing.apiserver.status import bad_request
from reconcile.testing.apiserver.storage import decode

__all__ = ["PROTOBUF", "decode_protobuf"]

PROTOBUF = "application/vnd.kubernetes.protobuf"

Object = dict[str, Any]
Field = tuple[int, int | bytes]

_MAGIC = b"k8s\0"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIGN = 1 << 63
_WRAP = 1 << 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def _messages() -> Mapping[str, Mapping[str, Any]]:
    # Field numbers. Source: the protobuf tags of k8s.io/api and k8s.io/apimachinery 0.36.
    data = resources.files("reconcile.testing.apiserver").joinpath("data/builtin_messages.json").read_bytes()
    messages: Mapping[str, Mapping[str, Any]] = decode(data)
    return messages


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[Field]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(data):
            raise ValueError("the message is cut short")
        yield number, data[at : at + length]
        at += length


def _integer(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise ValueError("bytes where a number belongs")
    return value - _WRAP if value & _SIGN else value


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where bytes belong")
    return value


def _numbers(value: int | bytes) -> dict[int, int | bytes]:
    return dict(_fields(_bytes(value)))


def _time(value: int | bytes, *, micro: bool) -> str | None:
    parts = _numbers(value)
    seconds, nanos = _integer(parts.get(1, 0)), _integer(parts.get(2, 0))
    moment = _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    # Go's zero time stands for none.
    if moment.year <= 1 or not parts:
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _int_or_string(value: int | bytes) -> int | str:
    parts = _numbers(value)
    return _bytes(parts.get(3, b"")).decode() if _integer(parts.get(1, 0)) else _integer(parts.get(2, 0))


def _json_inside(value: int | bytes) -> Any:
    raw = _bytes(_numbers(value).get(1, b""))
    return decode(raw) if raw else None


def _scalar(kind: str, value: int | bytes) -> Any:
    if kind == "string":
        return _bytes(value).decode()
    if kind == "bytes":
        return base64.b64encode(_bytes(value)).decode()
    if kind == "int":
        return _integer(value)
    if kind == "bool":
        return bool(value)
    if kind in ("time", "microtime"):
        return _time(value, micro=kind == "microtime")
    if kind == "intorstring":
        return _int_or_string(value)
    if kind == "quantity":
        return _bytes(_numbers(value).get(1, b"")).decode()
    if kind in ("raw", "rawjson"):
        return _json_inside(value)
    return _structure(kind, value)


def _structure(kind: str, value: int | bytes) -> Any:
    if kind.startswith("items:[]"):
        return [_scalar(kind.removeprefix("items:[]"), item) for number, item in _fields(_bytes(value)) if number == 1]
    return _message(kind, _bytes(value))


def _entry(kind: str, value: int | bytes) -> tuple[str, Any]:
    parts = _numbers(value)
    return _bytes(parts.get(1, b"")).decode(), _scalar(kind, parts.get(2, b""))


def _message(kind: str, data: bytes) -> Object:
    fields = _messages()["messages"][kind]
    result: Object = {}
    for number, value in _fields(data):
        known = fields.get(str(number))
        if known is None:
            continue
        name, field_kind = known
        if field_kind.startswith("[]"):
            result.setdefault(name, []).append(_scalar(field_kind[2:], value))
        elif field_kind.startswith("{}"):
            key, item = _entry(field_kind[2:], value)
            result.setdefault(name, {})[key] = item
        elif field_kind.startswith("*"):
            result[name] = _scalar(field_kind[1:], value)
        else:
            _set_plain(result, name, _scalar(field_kind, value))
    return result


def _set_plain(result: Object, name: str, value: Any) -> None:
    # A Go field that is no pointer is always sent; its zero value says nothing.
    if not name:
        result.update(value)
    elif value not in (None, "", 0, {}):
        result[name] = value


def decode_protobuf(body: bytes, kind: str) -> Object:
    """The object in a protobuf body.

    Args:
        body: with the envelope that Kubernetes puts around messages.
        kind: the expected kind, for messages.

    Raises:
        StatusError: 400, when it is not such a body or a kind that has no protobuf form.
    """
    try:
        if not body.startswith(_MAGIC):
            raise ValueError("the magic prefix is missing")
        envelope = _numbers(body[len(_MAGIC) :])
        meta = _numbers(envelope[1])
        version, name = _bytes(meta.get(1, b"")).decode(), _bytes(meta.get(2, b"")).decode()
        kinds = _messages()["kinds"]
        message = kinds.get(f"{version}.{name}") or (kinds["meta/v1.DeleteOptions"] if name == "DeleteOptions" else "")
        if not message:
            raise ValueError(f"{name} in {version} has no protobuf form here")
        return {"apiVersion": version, "kind": name, **_message(message, _bytes(envelope.get(2, b"")))}
    except (ValueError, KeyError, IndexError, OverflowError, UnicodeDecodeError, msgspec.DecodeError) as err:
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {err}") from err
