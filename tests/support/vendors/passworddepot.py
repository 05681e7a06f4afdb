"""A Password Depot Enterprise Server: sessions, databases, folders, entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["PASSWORD", "USER", "PasswordDepot", "item"]

USER = "reader"
PASSWORD = "canary-login"


def item(name: str, *within: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An entry, or with others in it a folder; its fingerprint is its name in brackets, with what URLs must escape."""
    return {"name": name, "fingerprint": f"{{{name} &+}}", "within": list(within), "fields": fields}


@dataclass
class PasswordDepot(TokenServer):
    """A server and one user.

    Attributes:
        databases: name -> what is at its top.
        users: name -> password.
        sessions: client ids that are valid -> their tokens.
        logins: how often somebody signed in.
    """

    databases: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=lambda: {USER: PASSWORD})
    sessions: dict[str, str] = field(default_factory=dict)
    logins: int = 0

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """See `TokenServer`."""
        if request.method != "GET":
            raise Refused(405, {"error": "canary"})
        if request.path == "/v1.0/login":
            return self._login(request)
        client = request.headers.get("client_id", "")
        if client not in self.sessions or self.sessions[client] != request.headers.get("access_token"):
            raise Refused(401, {"error": "session canary"})
        query = request.query
        match (request.path, sorted(query)):
            case ("/v1.0/list", []):
                names = [{"name": name, "fingerprint": f"{{{name}}}", "rights": "1"} for name in self.databases]
                return 200, {"databases": names, "infoclasses": ""}
            case ("/v1.0/list", ["db"] | ["db", "folder"]):
                inside = self._top(query["db"])
                if "folder" in query:
                    inside = self._find(inside, query["folder"])["within"]
                return 200, {"name": "x", "entries": [_summary(each) for each in inside]}
            case ("/v1.0/read", ["db", "entry"]):
                found = self._find(self._top(query["db"]), query["entry"])
                return 200, {**_summary(found), **found["fields"]}
        raise Refused(404, {"error": "canary"})

    def _login(self, request: web.Request) -> tuple[int, Any]:
        user = request.headers.get("user", "")
        if user not in self.users or self.users[user] != request.headers.get("pass"):
            raise Refused(401, {"error": f"canary {dict(request.headers)}"})
        self.logins += 1
        client = f"canary-client-{self.logins}"
        self.sessions[client] = f"canary-session-{self.logins}"
        return 200, {"client_id": client, "access_token": self.sessions[client]}

    def _top(self, database: str) -> list[dict[str, Any]]:
        if database[1:-1] not in self.databases:
            raise Refused(404, {"error": "canary"})
        return self.databases[database[1:-1]]

    def _find(self, inside: list[dict[str, Any]], fingerprint: str) -> dict[str, Any]:
        left = list(inside)
        while left:
            at = left.pop()
            if at["fingerprint"] == fingerprint:
                return at
            left += at["within"]
        raise Refused(404, {"error": "canary"})


def _summary(entry: dict[str, Any]) -> dict[str, Any]:
    return {"name": entry["name"], "fingerprint": entry["fingerprint"], "date": "2024-01-01T00:00:00Z"}
