"""Fortanix DSM: security objects, by name or key id, for an app that shows its API key."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["API_KEY", "Fortanix", "SecurityObject"]

API_KEY = base64.b64encode(b"11111111-2222-3333-4444-555555555555:canary-secret").decode()


@dataclass
class SecurityObject:
    """An object; the value of secrets is in exports only."""

    value: bytes | None
    kind: str = "SECRET"
    exportable: bool = True
    kid: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Fortanix(TokenServer):
    """One account.

    Attributes:
        objects: by name.
        bare: whether what is known about an object is its key id alone.
        prefix: of all paths.
    """

    objects: dict[str, SecurityObject] = field(default_factory=dict)
    bare: bool = False
    prefix: str = ""

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """What is known about an object, or its export."""
        if request.headers.get("Authorization") != f"Basic {API_KEY}":
            raise Refused(401, f"canary {request.headers.get('Authorization')}")
        if request.method != "POST" or request.content_type != "application/json":
            raise Refused(405)
        which = await request.json()
        if request.path == f"{self.prefix}/crypto/v1/keys/info":
            return 200, self._info(*self._found(which))
        if request.path == f"{self.prefix}/crypto/v1/keys/export":
            name, found = self._found(which)
            if not found.exportable:
                raise Refused(403, "canary: not exportable")
            return 200, {**self._info(name, found), "value": _encoded(found.value)}
        raise Refused(404)

    def _found(self, which: dict[str, str]) -> tuple[str, SecurityObject]:
        for name, found in self.objects.items():
            if which in ({"name": name}, {"kid": found.kid}):
                return name, found
        raise Refused(404, f"canary: sobject does not exist: {which}")

    def _info(self, name: str, found: SecurityObject) -> dict[str, Any]:
        if self.bare:
            return {"kid": found.kid}
        known = {"kid": found.kid, "name": name, "obj_type": found.kind, "enabled": True, "key_ops": ["EXPORT"]}
        return known if found.kind == "SECRET" else {**known, "value": _encoded(found.value)}


def _encoded(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
