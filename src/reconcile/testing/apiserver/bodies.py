"""Request bodies: decoding, kind checks, and what `fieldValidation` says about unknown fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from reconcile.testing.apiserver.protobuf import PROTOBUF, decode_protobuf
from reconcile.testing.apiserver.requests import ApiRequest
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.status import bad_request, unsupported_media_type
from reconcile.testing.apiserver.storage import decode

__all__ = ["check_kind", "decode_any", "decode_object", "duplicate_fields", "field_validation"]

Object = dict[str, Any]

_JSON_TYPES = frozenset({"", "application/json", "*/*"})
_YAML_TYPES = frozenset({"application/yaml", "application/apply-patch+yaml"})


def decode_any(body: bytes, *, as_yaml: bool, what: str) -> Any:
    """The JSON or YAML value of a body.

    Raises:
        StatusError: 400, when it is neither.
    """
    try:
        return yaml.safe_load(body) if as_yaml and not body.lstrip().startswith(b"{") else decode(body)
    except (msgspec.DecodeError, yaml.YAMLError, UnicodeDecodeError) as err:
        raise bad_request(
            f"the object provided is unrecognized (must be of type {what}): couldn't get version/kind; "
            f"json parse error: {err}"
        ) from err


def decode_object(request: ApiRequest, kind: str) -> Object:
    """The object in a request's body.

    Raises:
        StatusError: 400 for a body that is no object, 415 for a format that is not supported.
    """
    content_type = request.content_type
    if content_type == PROTOBUF:
        return _with_metadata(decode_protobuf(request.body, kind), kind)
    if content_type not in _JSON_TYPES and content_type not in _YAML_TYPES and not content_type.endswith("json"):
        raise unsupported_media_type()
    value = decode_any(request.body or b"null", as_yaml=content_type in _YAML_TYPES, what=kind)
    if not isinstance(value, dict):
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind")
    return _with_metadata(value, kind)


def _with_metadata(value: Object, kind: str) -> Object:
    if not isinstance(value.get("metadata", {}), (dict, type(None))):
        raise bad_request(
            f"{kind} cannot be handled as a {kind}: json: cannot unmarshal into Go struct field .metadata"
        )
    value["metadata"] = value.get("metadata") or {}
    return value


def check_kind(obj: Object, info: ResourceInfo) -> None:
    """Fill `apiVersion` and `kind` in, or reject those of another kind.

    Raises:
        StatusError: 400.
    """
    kind, version = obj.get("kind") or info.kind, obj.get("apiVersion") or info.api_version
    if kind != info.kind or version.rpartition("/")[0] != info.group:
        short = version.rpartition("/")[2]
        raise bad_request(
            f'{kind} in version "{short}" cannot be handled as a {info.kind}: '
            f'no kind "{kind}" is registered for {info.api_version} in this resource'
        )
    if version != info.api_version:
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version ({info.api_version})"
        )
    obj["kind"], obj["apiVersion"] = info.kind, info.api_version


def duplicate_fields(body: bytes) -> list[str]:
    """Paths of keys that occur twice in one JSON object (only asked for under `fieldValidation`)."""
    found: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in items:
            if key in result:
                found.append(key)
            result[key] = value
        return result

    try:
        json.loads(body, object_pairs_hook=pairs)
    except ValueError:
        return []
    return found


def field_validation(query: Mapping[str, str], kind: str, version: str, complaints: list[str]) -> list[str]:
    """The warnings to send for `complaints`, by the `fieldValidation` parameter.

    Raises:
        StatusError: 400 under `Strict`.
    """
    mode = query.get("fieldValidation") or "Warn"
    if mode not in ("Ignore", "Warn", "Strict"):
        raise bad_request(
            f'fieldValidation: Unsupported value: "{mode}": supported values: "", "Ignore", "Strict", "Warn"'
        )
    if not complaints or mode == "Ignore":
        return []
    if mode == "Strict":
        text = ", ".join(complaints)
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: strict decoding error: {text}')
    return complaints
