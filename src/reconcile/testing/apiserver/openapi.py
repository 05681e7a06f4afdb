"""OpenAPI v3 (and the outline of v2): schemas for `kubectl explain`, apply and validation."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

from reconcile.testing.apiserver.builtin_schema import builtin_schemas
from reconcile.testing.apiserver.discovery import KUBERNETES_VERSION, REVIEWS
from reconcile.testing.apiserver.registry import Registry
from reconcile.testing.apiserver.requests import ApiRequest, ApiResponse, json_response
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.storage import encode

__all__ = ["OpenApi"]

Node = dict[str, Any]

_REF = "#/components/schemas/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_CUSTOM_PATCHES = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
_PATCHES = (*_CUSTOM_PATCHES, "application/strategic-merge-patch+json")
_STRING = {"type": "string"}


def _parameter(name: str, kind: str = "string") -> Node:
    return {"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": True}}


_WRITE_PARAMETERS = [_parameter(name) for name in ("dryRun", "fieldManager", "fieldValidation")]


class OpenApi:
    """Documents per group version, made on first use and again when CRDs change."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._cache: dict[str, bytes] = {}
        self._revision = -1

    def answer(self, request: ApiRequest) -> ApiResponse | None:
        """The document of a path, None when there is none.

        `/openapi/v2` is served as JSON only; kubectl reads v3 first and asks for v2 in protobuf, which gets 406.
        """
        if self._revision != self._registry.revision:
            self._cache.clear()
            self._revision = self._registry.revision
        path = request.path.removeprefix("/openapi/").strip("/")
        if path == "v2":
            if "json" not in request.accept and "*/*" not in request.accept and request.accept:
                return ApiResponse(406, b"only application/json is served", {"Content-Type": "text/plain"})
            return json_response(self._cached("v2", self._v2))
        if path == "v3":
            return json_response(self._cached("v3", self._index))
        group_version = path.removeprefix("v3/")
        if group_version not in self._paths():
            return None
        return json_response(self._cached(group_version, partial(self._document, group_version)))

    def _cached(self, key: str, make: Any) -> bytes:
        if key not in self._cache:
            self._cache[key] = encode(make())
        return self._cache[key]

    def _paths(self) -> dict[str, list[ResourceInfo]]:
        paths: dict[str, list[ResourceInfo]] = {}
        for info in self._registry:
            paths.setdefault(_base(info), []).append(info)
        for group, version, _, _, _ in REVIEWS:
            paths.setdefault(f"apis/{group}/{version}", [])
        return paths

    def _index(self) -> Node:
        paths: Node = {}
        for path in self._paths():
            document = self._cached(path, partial(self._document, path))
            digest = hashlib.sha256(document).hexdigest().upper()
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        return {"paths": paths}

    def _document(self, group_version: str) -> Node:
        schemas: Node = {}
        paths: Node = {}
        for info in self._paths()[group_version]:
            name = _schema_name(info)
            if info.crd is None:
                _collect(name, schemas)
            else:
                schemas[name] = _custom_schema(info)
                _collect(f"{_META}.ObjectMeta", schemas)
            paths |= _operations(info, group_version, name)
        info_block = {"title": "Kubernetes", "version": KUBERNETES_VERSION}
        return {"openapi": "3.0.0", "info": info_block, "paths": paths, "components": {"schemas": schemas}}

    def _v2(self) -> Node:
        definitions: Node = dict(builtin_schemas())
        for info in self._registry:
            if info.crd is not None:
                definitions[_schema_name(info)] = _custom_schema(info)
        moved = _moved(definitions)
        info_block = {"title": "Kubernetes", "version": KUBERNETES_VERSION}
        return {"swagger": "2.0", "info": info_block, "paths": {}, "definitions": moved}


def _base(info: ResourceInfo) -> str:
    return f"apis/{info.group}/{info.version}" if info.group else f"api/{info.version}"


def _schema_name(info: ResourceInfo) -> str:
    if info.crd is not None:
        return ".".join([*reversed(info.group.split(".")), info.version, info.kind])
    wanted = (info.group, info.version, info.kind)
    for name, node in builtin_schemas().items():
        kinds = node.get("x-kubernetes-group-version-kind", ())
        if any((kind["group"], kind["version"], kind["kind"]) == wanted for kind in kinds):
            return name
    return info.kind


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return {found for item in node for found in _references(item)}
    if not isinstance(node, Mapping):
        return set()
    own = {node["$ref"].removeprefix(_REF)} if isinstance(node.get("$ref"), str) else set()
    return own.union(*(_references(value) for value in node.values()))


def _collect(name: str, into: Node) -> None:
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in into and current in builtin_schemas():
            into[current] = builtin_schemas()[current]
            waiting.extend(_references(into[current]))


def _custom_schema(info: ResourceInfo) -> Node:
    schema: Node = dict(((info.crd or {}).get("schema") or {}).get("openAPIV3Schema") or {"type": "object"})
    metadata = {"allOf": [{"$ref": f"{_REF}{_META}.ObjectMeta"}]}
    properties = {**(schema.get("properties") or {}), "apiVersion": _STRING, "kind": _STRING, "metadata": metadata}
    kind = {"group": info.group, "version": info.version, "kind": info.kind}
    return {**schema, "properties": properties, "x-kubernetes-group-version-kind": [kind]}


def _moved(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {
            key: f"#/definitions/{value.removeprefix(_REF)}"
            if key == "$ref" and isinstance(value, str)
            else _moved(value)
            for key, value in node.items()
        }
    return [_moved(item) for item in node] if isinstance(node, list) else node


def _operations(info: ResourceInfo, group_version: str, name: str) -> Node:
    scope = "/namespaces/{namespace}" if info.namespaced else ""
    collection = f"/{group_version}{scope}/{info.plural}"
    content = {"application/json": {"schema": {"$ref": f"{_REF}{name}"}}}
    answers = {"200": {"description": "OK", "content": content}}

    def operation(action: str, parameters: list[Node], media_types: tuple[str, ...] = ()) -> Node:
        kind = {"group": info.group, "version": info.version, "kind": info.kind}
        made: Node = {"parameters": parameters, "responses": answers, "x-kubernetes-action": action}
        made["x-kubernetes-group-version-kind"] = kind
        if media_types:
            made["requestBody"] = {"content": dict.fromkeys(media_types, content["application/json"])}
        return made

    json_body = ("application/json",)
    # kubectl apply picks the patch format by this list.
    patches = _PATCHES if info.crd is None else _CUSTOM_PATCHES
    return {
        collection: {
            "get": operation("list", [_parameter("labelSelector"), _parameter("limit", "integer")]),
            "post": operation("post", _WRITE_PARAMETERS, json_body),
        },
        f"{collection}/{{name}}": {
            "get": operation("get", []),
            "put": operation("put", _WRITE_PARAMETERS, json_body),
            "patch": operation("patch", [*_WRITE_PARAMETERS, _parameter("force", "boolean")], patches),
            "delete": operation("delete", [_parameter("dryRun"), _parameter("propagationPolicy")], json_body),
        },
    }
