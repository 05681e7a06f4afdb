"""Secret Server's API, by itself or behind the Delinea Platform: sign-in, secrets, files, templates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["PASSWORD", "SecretServer", "item", "secret"]

PASSWORD = "canary-login"


def item(slug: str, value: str, *, name: str = "", number: int = 0, file: bytes | None = None) -> dict[str, Any]:
    """A field; one with `file` is an attachment."""
    return {
        "itemId": number,
        "fieldId": number,
        "fileAttachmentId": 9 if file is not None else None,
        "fieldName": name or slug.title(),
        "slug": slug,
        "fieldDescription": "",
        "filename": "file.pem" if file is not None else None,
        "itemValue": "*** Not Valid For Display ***" if file is not None else value,
        "isFile": file is not None,
        "isNotes": False,
        "isPassword": slug == "password",
        "isList": False,
        "file": file,
    }


def secret(name: str, *items: dict[str, Any], folder: int = 1, template: int = 100) -> dict[str, Any]:
    """A secret without id."""
    return {
        "name": name,
        "folderId": folder,
        "siteId": 1,
        "secretTemplateId": template,
        "secretTemplateName": "Password",
        "active": True,
        "lastHeartBeatStatus": "Pending",
        "items": list(items),
    }


@dataclass
class SecretServer(TokenServer):
    """The user `reader` of the domain `corp`, or of no domain.

    Attributes:
        platform: it is a Platform, whose vault is below `/vault`.
        vaults: what the vault broker lists; None for one that is the active default.
        health: body of a health check.
        secrets: id -> secret.
        folders: id -> path.
        templates: id -> fields.
        password: of the user; its change does not end sessions.
        tokens: that are valid.
        lifetime: seconds that tokens say they live; None leaves it out.
        ghosts: id -> name of secrets that searches still list, though they are gone.
        forms: of sign-ins.
        written: bodies of writes, and `file NAME CONTENT`.
    """

    platform: bool = False
    vaults: list[Mapping[str, Any]] | None = None
    health: str = '{"healthy": true}'
    secrets: dict[int, dict[str, Any]] = field(default_factory=dict)
    folders: dict[int, str] = field(default_factory=lambda: {1: "/Apps", 2: "/Apps/Sub"})
    templates: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    password: str = PASSWORD
    tokens: set[str] = field(default_factory=lambda: {"canary-given"})
    lifetime: int | None = 1200
    ghosts: dict[int, str] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)
    written: list[Any] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
        if self.fault is not None:
            status, headers, body = self.fault
            return web.Response(status=status, headers=headers, body=body)
        try:
            return await self._answered(request, unquote(request.rel_url.raw_path).strip("/"))
        except Refused as refused:
            error = {"message": f"canary not found {refused.body}", "errorCode": "API_Refused"}
            return web.json_response(error, status=refused.status)

    async def _answered(self, request: web.Request, path: str) -> web.Response:
        health = "health" if self.platform else "api/v1/healthcheck"
        if path == health:
            return web.Response(text=self.health, content_type="application/json")
        if path in ("health", "api/v1/healthcheck"):
            raise Refused(404, path)
        if path == ("identity/api/oauth2/token/xpmplatform" if self.platform else "oauth2/token"):
            return web.json_response(self._signed_in({k: str(v) for k, v in (await request.post()).items()}))
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refused(401, request.headers.get("Authorization"))
        if self.platform and path == "vaultbroker/api/vaults":
            own = {"isDefault": True, "isActive": True, "connection": {"url": f"{self.url}/vault/"}}
            return web.json_response({"vaults": [own] if self.vaults is None else self.vaults})
        prefix = "vault/api/v1/" if self.platform else "api/v1/"
        if not path.startswith(prefix):
            raise Refused(404, path)
        return await self._api(request, path.removeprefix(prefix).split("/"))

    def _signed_in(self, form: dict[str, str]) -> dict[str, Any]:
        self.forms.append(form)
        if self.platform:
            known = form.get("grant_type") == "client_credentials" and form.get("scope") == "xpmheadless"
            who, password = form.get("client_id"), form.get("client_secret")
        else:
            known = form.get("grant_type") == "password" and form.get("domain") in (None, "corp")
            who, password = form.get("username"), form.get("password")
        if not known or who != "reader" or password != self.password:
            raise Refused(400, form)
        token = f"canary-token-{len(self.forms)}"
        self.tokens.add(token)
        grant: dict[str, Any] = {"access_token": token, "token_type": "bearer"}
        return grant if self.lifetime is None else {**grant, "expires_in": self.lifetime}

    async def _api(self, request: web.Request, parts: list[str]) -> web.Response:
        match request.method, parts:
            case "GET", ["secrets"]:
                return self._search(request)
            case "GET", ["secrets", "0"]:
                wanted = request.query["secretPath"]
                return self._shown(next((i for i in self.secrets if self._path(i) == wanted), 0))
            case "GET", ["secrets", number]:
                return self._shown(int(number))
            case "GET", ["secrets", number, "fields", slug]:
                return web.Response(body=self._file(int(number), slug)["file"])
            case "PUT", ["secrets", number, "fields", slug]:
                return await self._upload(request, self._file(int(number), slug))
            case "GET", ["secret-templates", number] if int(number) in self.templates:
                return web.json_response({"id": int(number), "name": "T", "fields": self.templates[int(number)]})
            case "POST", ["secrets"]:
                return self._created(await request.json())
            case "PUT", ["secrets", number] if int(number) in self.secrets:
                return self._updated(int(number), await request.json())
            case "DELETE", ["secrets", number] if int(number) in self.secrets:
                del self.secrets[int(number)]
                return web.json_response({"id": int(number)})
        raise Refused(404, parts)

    def _path(self, number: int) -> str:
        found = self.secrets[number]
        return f"{self.folders[found['folderId']]}/{found['name']}"

    def _search(self, request: web.Request) -> web.Response:
        filters = {name.removeprefix("paging."): value for name, value in request.query.items()}
        if filters.get("filter.searchField") != "Name" or filters.get("filter.isExactMatch") != "true":
            raise Refused(400, filters)
        text = filters["filter.searchText"].lower()
        names = {**self.ghosts, **{i: found["name"] for i, found in self.secrets.items()}}
        records = [{"id": i, "name": name} for i, name in sorted(names.items()) if name.lower() == text]
        return web.json_response({"records": records[: int(filters["take"])], "hasNext": False})

    def _shown(self, number: int) -> web.Response:
        if number not in self.secrets:
            raise Refused(404, number)
        found = self.secrets[number]
        items = [{key: value for key, value in one.items() if key != "file"} for one in found["items"]]
        return web.json_response({"id": number, **found, "items": items})

    def _file(self, number: int, slug: str) -> dict[str, Any]:
        listed = self.secrets.get(number, {"items": []})["items"]
        found = next((one for one in listed if one["slug"] == slug and one["file"] is not None), None)
        if found is None:
            raise Refused(404, slug)
        return dict(found) if found["file"] is None else found

    async def _upload(self, request: web.Request, found: dict[str, Any]) -> web.Response:
        sent = (await request.post())["file"]
        assert isinstance(sent, web.FileField)
        found["file"] = sent.file.read()
        found.update(filename=sent.filename, fileAttachmentId=10)
        self.written.append(f"file {sent.filename} {found['file'].decode()}")
        return web.json_response({})

    def _created(self, body: dict[str, Any]) -> web.Response:
        self.written.append(body)
        fields = self.templates[body["SecretTemplateID"]]
        given = {one["FieldID"]: one["ItemValue"] for one in body["Items"]}
        if any(one.get("isRequired") and not given.get(one["secretTemplateFieldId"]) for one in fields):
            raise Refused(400, json.dumps(body))
        items = [
            item(
                one["fieldSlugName"],
                given.get(one["secretTemplateFieldId"], ""),
                name=one["name"],
                number=one["secretTemplateFieldId"],
                file=b"" if one.get("isFile") else None,
            )
            for one in fields
        ]
        number = max(self.secrets, default=0) + 1
        made = secret(body["Name"], *items, folder=body["FolderID"], template=body["SecretTemplateID"])
        self.secrets[number] = {**made, "siteId": body["SiteID"]}
        return self._shown(number)

    def _updated(self, number: int, body: dict[str, Any]) -> web.Response:
        self.written.append(body)
        given = {one["Slug"]: one["ItemValue"] for one in body["Items"]}
        for one in self.secrets[number]["items"]:
            if one["slug"] in given:
                one["itemValue"] = given[one["slug"]]
        return self._shown(number)
