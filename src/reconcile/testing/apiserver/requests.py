"""What goes in and out of the server, independent of sockets, and what a request's path asks for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from reconcile.testing.apiserver.status import StatusError, bad_request, method_not_allowed
from reconcile.testing.apiserver.storage import encode

__all__ = ["ApiRequest", "ApiResponse", "Target", "User", "json_response", "parse_target"]

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class User:
    """Who sent a request."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_wire(self) -> dict[str, Any]:
        """`UserInfo` as reviews and admission requests carry it."""
        info: dict[str, Any] = {"username": self.name}
        if self.uid:
            info["uid"] = self.uid
        info["groups"] = list(self.groups)
        if self.extra:
            info["extra"] = dict(self.extra)
        return info


@dataclass(slots=True)
class ApiRequest:
    """One request; header names are lower case.

    Attributes:
        path: percent-encoded.
        query: decoded parameters, the last value of each.
    """

    method: str
    path: str
    query: Query = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def accept(self) -> str:
        """The Accept header."""
        return self.headers.get("accept", "")

    @property
    def content_type(self) -> str:
        """The media type of the body without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip()

    def flag(self, name: str) -> bool:
        """A boolean parameter as Go's API machinery reads it."""
        return self.query.get(name, "").lower() not in ("", "0", "false")

    @property
    def dry_run(self) -> bool:
        """Whether `dryRun=All` was asked for."""
        value = self.query.get("dryRun", "")
        if value not in ("", "All"):
            raise bad_request(f'dryRun: Unsupported value: "{value}": supported values: "All"')
        return value == "All"

    @property
    def manager(self) -> str:
        """The field manager: the parameter, else the first part of the user agent, as the server guesses it."""
        return self.query.get("fieldManager") or self.headers.get("user-agent", "").partition("/")[0] or "unknown"


@dataclass(slots=True)
class ApiResponse:
    """One answer; `stream` replaces `body` for watches."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stream: AsyncGenerator[bytes, None] | None = None
    warnings: list[str] = field(default_factory=list)


def json_response(obj: Mapping[str, Any] | bytes, status: int = 200) -> ApiResponse:
    """A JSON answer from an object or from bytes that are one already."""
    body = obj if isinstance(obj, bytes) else encode(obj)
    return ApiResponse(status, body, {"Content-Type": "application/json"})


@dataclass(frozen=True, slots=True)
class Target:
    """What a resource path names, and the verb that authorization sees."""

    verb: str
    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


_WITH_NAME = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_WITHOUT_NAME = {"GET": "list", "POST": "create", "DELETE": "deletecollection", "PUT": "update", "PATCH": "patch"}


def parse_target(request: ApiRequest) -> Target | None:
    """The resource a path names; None for every other path (discovery, health, OpenAPI).

    Raises:
        StatusError: 405, for a verb that no resource has.
    """
    parts = [unquote(part) for part in request.path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and not (group == "" and rest[2] in ("status", "finalize")):
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = rest[0], rest[1] if len(rest) > 1 else "", "/".join(rest[2:])
    if group == "" and plural == "namespaces" and name:
        namespace = name
    return Target(_verb(request, name), group, version, plural, namespace, name, subresource)


def _verb(request: ApiRequest, name: str) -> str:
    method = "GET" if request.method == "HEAD" else request.method
    verb = (_WITH_NAME if name else _WITHOUT_NAME).get(method)
    if verb is None:
        raise method_not_allowed()
    if method == "GET" and request.flag("watch"):
        return "watch"
    return verb


def failure_response(error: StatusError) -> ApiResponse:
    """The answer for a failed request."""
    response = json_response(error.body(), error.code)
    response.headers.update(error.headers)
    return response
