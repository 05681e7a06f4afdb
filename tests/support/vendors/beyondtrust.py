"""Password Safe's API: sign-in, cookie sessions, Secrets Safe, managed accounts with their requests."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, unquote

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["API_KEY", "CLIENT_ID", "CLIENT_SECRET", "ROUTE", "PasswordSafe", "secret"]

ROUTE = "/BeyondTrust/api/public/v3"
API_KEY = "canary-" + "k" * 121
CLIENT_ID = "canary-" + "i" * 29
CLIENT_SECRET = "canary-" + "s" * 33
_VERSIONS = (None, "3.0", "3.1", "3.2")


def secret(folder: str, title: str, value: str | bytes, kind: str = "Credential", **more: Any) -> dict[str, Any]:
    """A secret; `folder` is its path with slashes."""
    found = {"Id": str(uuid.uuid4()), "Title": title, "Folder": folder, "SecretType": kind, "Notes": None}
    if isinstance(value, bytes):
        return {**found, "FileName": "file", "content": value, **more}
    return {**found, "Password": value, **more}


@dataclass
class PasswordSafe(TokenServer):
    """One user, who may sign in with an API key or as an OAuth client.

    Attributes:
        secrets: in the order in which they are found.
        folders: of Secrets Safe.
        accounts: (system, account) -> password.
        writers_read: whether the user may list secrets.
        api_key: of the user.
        client_secret: of the client.
        sessions: cookies that are valid.
        requests: number -> account that is checked out.
        checked_in: numbers of requests that are over.
        created: bodies of new secrets, with their path; of files with their content.
        statuses: that the next requests get, whatever they ask for; 0 hangs up, None lets one through.
        user: who signs in.
    """

    secrets: list[dict[str, Any]] = field(default_factory=list)
    folders: list[dict[str, Any]] = field(default_factory=lambda: [{"Id": "f-1", "Name": "Apps"}])
    accounts: dict[tuple[str, str], str] = field(default_factory=dict)
    writers_read: bool = True
    api_key: str = API_KEY
    client_secret: str = CLIENT_SECRET
    sessions: set[str] = field(default_factory=set)
    requests: dict[int, tuple[str, str]] = field(default_factory=dict)
    checked_in: list[int] = field(default_factory=list)
    created: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int | None] = field(default_factory=list)
    user: dict[str, Any] = field(
        default_factory=lambda: {"UserId": 12, "UserName": "eso", "Name": "Operator", "EmailAddress": "eso@acme.test"}
    )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        self.seen.append(f"{request.method} {request.rel_url.raw_path_qs.removeprefix(ROUTE + '/')}")
        if self.statuses:
            status = self.statuses.pop(0)
            if status == 0 and request.transport is not None:
                request.transport.close()
            if status is not None:
                return web.Response(status=status or 500, text="canary")
        if self.fault is not None:
            status, headers, body = self.fault
            return web.Response(status=status, headers=headers, body=body)
        try:
            if not request.path.startswith(f"{ROUTE}/"):
                raise Refused(404, "no such API")
            return await self._answered(request)
        except Refused as refused:
            said = {"message": f"canary {refused.body}", "sent": str(dict(request.headers))}
            return web.json_response(said, status=refused.status)

    async def _answered(self, request: web.Request) -> web.Response:
        parts = [unquote(part) for part in request.rel_url.raw_path.removeprefix(f"{ROUTE}/").split("/")]
        cookies = SimpleCookie(request.headers.get("Cookie", ""))
        match request.method, parts:
            case "POST", ["Auth", "connect", "token"]:
                return self._token(request, await request.text())
            case "POST", ["Auth", "SignAppIn"]:
                return self._sign_in(request, cookies)
        session = cookies["ASP.NET_SessionId"].value if "ASP.NET_SessionId" in cookies else ""
        if session not in self.sessions or "Authorization" in request.headers:
            raise Refused(401, session)
        if request.query.get("version") not in _VERSIONS:
            raise Refused(400, "version")
        match request.method, parts:
            case "POST", ["Auth", "Signout"]:
                self.sessions.discard(session)
                return web.Response()
            case "GET", ["ManagedAccounts"]:
                return self._account(request.query)
            case "POST", ["Requests"]:
                return self._request(await request.json())
            case "GET", ["Credentials", number]:
                return self._credential(int(number))
            case "PUT", ["Requests", number, "checkin"]:
                self.requests.pop(int(number), None)
                self.checked_in.append(int(number))
                return web.Response(status=204)
            case "GET", ["secrets-safe", "secrets"]:
                return self._listed(request.query)
            case "GET", ["secrets-safe", "secrets", identity, "file", "download"]:
                found = next((each for each in self.secrets if each["Id"] == identity), None)
                if found is None or "content" not in found:
                    raise Refused(404, identity)
                return web.Response(body=found["content"], content_type="application/octet-stream")
            case "GET", ["secrets-safe", "folders", ""]:
                return self._list(self.folders, request.query)
            case "POST", ["secrets-safe", "folders", folder, "secrets", *kind]:
                return await self._create(request, folder, kind)
        raise Refused(404, "no such API")

    def _token(self, request: web.Request, body: str) -> web.Response:
        if request.content_type != "application/x-www-form-urlencoded":
            raise Refused(415, body)
        wanted = {
            "client_id": [CLIENT_ID],
            "client_secret": [self.client_secret],
            "grant_type": ["client_credentials"],
        }
        if parse_qs(body) != wanted:
            raise Refused(400, body)
        answer = web.json_response({"access_token": "canary-token", "expires_in": 600, "token_type": "Bearer"})
        answer.set_cookie("node", "b")
        return answer

    def _sign_in(self, request: web.Request, cookies: Mapping[str, Any]) -> web.Response:
        shown = request.headers.get("Authorization", "")
        if shown.startswith("Bearer "):
            allowed = shown == "Bearer canary-token" and "node" in cookies
        else:
            allowed = shown == f"PS-Auth key={self.api_key}"
        if not allowed:
            raise Refused(401, shown)
        session = f"canary-session-{uuid.uuid4()}"
        self.sessions.add(session)
        answer = web.json_response(self.user)
        answer.set_cookie("ASP.NET_SessionId", session, path="/BeyondTrust", httponly=True, secure=True)
        answer.set_cookie("node", "a")
        return answer

    def _account(self, query: Mapping[str, str]) -> web.Response:
        names = list(self.accounts)
        wanted = (query.get("systemName", ""), query.get("accountName", ""))
        if wanted not in names:
            raise Refused(404, "Managed Account not found")
        number = names.index(wanted)
        return web.json_response({"SystemId": 100 + number, "AccountId": 200 + number, "SystemName": wanted[0]})

    def _request(self, body: dict[str, Any]) -> web.Response:
        number = body["SystemID"] - 100
        if body["AccountID"] - 200 != number or body["DurationMinutes"] != 5 or body["ConflictOption"] != "reuse":
            raise Refused(400, body)
        account = list(self.accounts)[number]
        found = next((each for each, one in self.requests.items() if one == account), None)
        if found is None:
            found = 1 + len(self.requests) + len(self.checked_in)
            self.requests[found] = account
        return web.json_response(found, status=201)

    def _credential(self, number: int) -> web.Response:
        if number not in self.requests:
            raise Refused(403, "the request has ended")
        password = self.accounts[self.requests[number]]
        if password == "refused":
            raise Refused(403, "not approved")
        return web.json_response(password)

    def _listed(self, query: Mapping[str, str]) -> web.Response:
        if not self.writers_read:
            raise Refused(403, "not allowed")
        found = [each for each in self.secrets if each["Title"] == query["title"]]
        if "path" in query:
            folder = query["path"].replace(query["separator"], "/")
            found = [each for each in found if each["Folder"] == folder]
        shown = [{name: value for name, value in each.items() if name != "content"} for each in found]
        if query.get("decrypt") != "true":
            shown = [{**each, "Password": "canary-encrypted"} if "Password" in each else each for each in shown]
        return self._list(shown, query)

    def _list(self, found: list[dict[str, Any]], query: Mapping[str, str]) -> web.Response:
        wrapped = query.get("version") == "3.2"
        return web.json_response({"TotalCount": len(found), "Data": found} if wrapped else found)

    async def _create(self, request: web.Request, folder: str, kind: list[str]) -> web.Response:
        content: bytes | None = None
        if kind == ["file"]:
            form = await request.post()
            part = form["file"]
            if not isinstance(part, web.FileField):
                raise Refused(400, "no file")
            content = part.file.read()
            body = json.loads(str(form["secretmetadata"]))
            if part.filename != body["FileName"]:
                raise Refused(400, "another name")
        else:
            body = await request.json()
        self._check_owners(body, request.query.get("version", "3.0"))
        if folder not in [each["Id"] for each in self.folders]:
            raise Refused(404, folder)
        self.created.append({"kind": "/".join(kind), **body, **({} if content is None else {"content": content})})
        value: str | bytes = content if content is not None else body.get("Text") or body["Password"]
        name = {"text": "Text", "file": "File"}.get("/".join(kind), "Credential")
        extra = {key: body[key] for key in ("Username", "FileName") if key in body}
        self.secrets.append(secret("Apps", body["Title"], value, name, FolderId=folder, **extra))
        return web.json_response({"Id": self.secrets[-1]["Id"], "Title": body["Title"], "FolderId": folder}, status=201)

    def _check_owners(self, body: dict[str, Any], version: str) -> None:
        owners = body.get("Owners") or []
        if version == "3.0":
            proper = body.get("OwnerType") in ("User", "Group") and all("OwnerId" in each for each in owners)
        else:
            proper = "OwnerType" not in body and all("UserId" in each or "GroupId" in each for each in owners)
        if not proper or not owners:
            raise Refused(400, body)
