"""Akeyless: the commands of API version 2 below `/v2`, and the clouds whose proofs of identity it takes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import jwt
from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["ACCESS_KEY", "AWS_SECRET", "Akeyless", "Entry"]

ACCESS_KEY = "canary-access-key"
AWS_SECRET = "canary-aws-secret"
_SECRETS = ("static-secret", "dynamic-secret", "rotated-secret")


@dataclass
class Entry:
    """An item: its type, its versions (the last one is the latest), and its tags."""

    kind: str
    versions: list[Any]
    tags: list[str] = field(default_factory=list)


@dataclass
class Akeyless(TokenServer):
    """The account of access id `p-1`, with an auth configuration `cluster` for Kubernetes.

    Attributes:
        items: by name.
        prefix: of all commands; empty serves them at the root, as a gateway's port for the API does.
        access_keys: access id -> key.
        jwts: tokens of ServiceAccounts that are accepted besides those that the API server issued.
        tokens: valid access tokens.
        issue: makes access tokens, from their number.
        page: items of one page of a list.
        proofs: what the clouds said about who signed in.
        asked: the parameters of each command, without tokens.
        machine: answers of Azure's metadata service before it gives a token, as statuses.
    """

    items: dict[str, Entry] = field(default_factory=dict)
    prefix: str = "/v2"
    access_keys: dict[str, str] = field(default_factory=lambda: {"p-1": ACCESS_KEY})
    jwts: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    issue: Callable[[int], str] = lambda number: f"t-canary-token-{number}"
    page: int = 1000
    issued: int = 0
    proofs: list[Any] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    machine: list[int] = field(default_factory=list)
    google_key: Any = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """As any server, but Google's metadata server answers plain text."""
        answer = await super().handle(request)
        if isinstance(answer, web.Response) and request.path.startswith("/computeMetadata") and answer.text:
            return web.Response(status=answer.status, text=answer.text.strip('"'))
        return answer

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """A command, or a cloud's endpoint."""
        if request.path == "/metadata/identity/oauth2/token":
            return self._imds(request)
        if request.path.endswith("/oauth2/v2.0/token"):
            return self._entra(request.path, parse_qs(await request.text()))
        if request.path == "/google/token":
            return self._google(parse_qs(await request.text()))
        if request.path == "/computeMetadata/v1/instance/service-accounts/default/identity":
            return self._metadata(request)
        command = request.path.removeprefix(f"{self.prefix}/").strip("/")
        if request.method != "POST" or request.content_type != "application/json":
            raise Refused(405, {"error": "method"})
        if not request.path.startswith(self.prefix or "/"):
            raise Refused(404, {"error": "nothing here: canary"})
        if not command:
            return 500, {"error": "unknown command"}
        sent = await request.json()
        token = sent.pop("uid-token", None) if "uid-token" in sent else sent.pop("token", None)
        self.asked.append((command, sent))
        if command == "auth":
            return 200, self._auth(sent)
        if token not in self.tokens:
            raise Refused(401, {"error": f"the token canary {token} is not valid"})
        return 200, self._command(command, sent)

    def sent(self, command: str) -> list[dict[str, Any]]:
        """The parameters of each request with that command."""
        return [parameters for name, parameters in self.asked if name == command]

    def _auth(self, sent: dict[str, Any]) -> dict[str, Any]:
        known = {"access_key": self._by_key, "k8s": self._by_kubernetes}.get(sent["access-type"], self._by_cloud)
        if not known(sent):
            raise Refused(401, {"error": f"authentication failed: canary {sent}"})
        self.issued += 1
        token = self.issue(self.issued)
        self.tokens.add(token)
        return {"token": token, "creds": {"access_id": sent["access-id"]}}

    def _by_key(self, sent: dict[str, Any]) -> bool:
        return self.access_keys.get(sent["access-id"]) == sent["access-key"]

    def _by_kubernetes(self, sent: dict[str, Any]) -> bool:
        token = base64.b64decode(sent["k8s-service-account-token"], validate=True).decode()
        if sent["k8s-auth-config-name"] != "cluster" or sent["access-id"] != "p-k8s":
            return False
        if token in self.jwts:
            self.proofs.append(token)
            return True
        claims = jwt.decode(token, options={"verify_signature": False})
        self.proofs.append(claims)
        return str(claims["sub"]).startswith("system:serviceaccount:")

    def _by_cloud(self, sent: dict[str, Any]) -> bool:
        proof = base64.b64decode(sent["cloud-id"], validate=True).decode()
        if sent["access-type"] == "aws_iam":
            return _is_aws(json.loads(proof))
        if not proof.startswith(("arm:", "google:")):
            return False
        self.proofs.append(proof)
        return proof.startswith("arm:") == (sent["access-type"] == "azure_ad")

    def _command(self, command: str, sent: dict[str, Any]) -> Any:
        match command:
            case "describe-item":
                entry = self._entry(sent["name"])
                return {"item_name": sent["name"], "item_type": entry.kind, "item_tags": entry.tags, "item_id": 7}
            case "get-secret-value":
                return {name: self._version(name, "STATIC_SECRET", sent) for name in sent["names"]}
            case "get-rotated-secret-value":
                return self._version(sent["names"], "ROTATED_SECRET", sent)
            case "get-dynamic-secret-value":
                return self._version(sent["name"], "DYNAMIC_SECRET", sent)
            case "get-certificate-value":
                return self._version(sent["name"], "CERTIFICATE", sent)
            case "list-items":
                return self._list(sent)
            case "create-secret":
                if sent["name"] in self.items:
                    raise Refused(409, {"error": "canary exists"})
                self.items[sent["name"]] = Entry("STATIC_SECRET", [sent["value"]], list(sent.get("tags", [])))
                return {"name": sent["name"]}
            case "update-secret-val":
                self._entry(sent["name"]).versions.append(sent["value"])
                return {"name": sent["name"]}
            case "delete-item":
                del self.items[self._name(sent["name"])]
                return {"item_name": sent["name"]}
        raise Refused(404, {"error": f"unknown command canary {command}"})

    def _name(self, name: str) -> str:
        if name not in self.items:
            raise Refused(404, {"error": f"item canary {name} was not found"})
        return name

    def _entry(self, name: str) -> Entry:
        return self.items[self._name(name)]

    def _version(self, name: str, kind: str, sent: dict[str, Any]) -> Any:
        entry = self._entry(name)
        if entry.kind != kind:
            raise Refused(400, {"error": "canary: wrong type"})
        number = sent.get("version", 0)
        if not 0 <= number <= len(entry.versions):
            raise Refused(404, {"error": "canary: no such version"})
        return entry.versions[number - 1 if number else -1]

    def _list(self, sent: dict[str, Any]) -> dict[str, Any]:
        names = [
            name
            for name, entry in sorted(self.items.items())
            if sent.get("filter", "") in name
            and entry.kind.lower().replace("_", "-") in sent.get("type", _SECRETS)
            and (not sent.get("tag") or sent["tag"] in entry.tags)
        ]
        start = int(sent.get("pagination-token") or 0)
        found: dict[str, Any] = {"folders": [], "items": [{"item_name": name} for name in names[start:][: self.page]]}
        if start + self.page < len(names):
            found["next_page"] = str(start + self.page)
        return found

    def _imds(self, request: web.Request) -> tuple[int, Any]:
        if request.headers.get("Metadata") != "true" or request.query["api-version"] != "2018-02-01":
            raise Refused(400, {})
        if self.machine:
            return self.machine.pop(0), {"error": "canary"}
        identity = request.query.get("object_id") or request.query.get("client_id") or "only"
        return 200, {"access_token": f"arm:{identity}:{request.query['resource']}"}

    def _metadata(self, request: web.Request) -> tuple[int, Any]:
        if request.headers.get("Metadata-Flavor") != "Google" or request.query["format"] != "full":
            raise Refused(403, {})
        return 200, f"google:machine:{request.query['audience']}"

    def _entra(self, path: str, form: dict[str, list[str]]) -> tuple[int, Any]:
        given = {name: values[0] for name, values in form.items()}
        if given["grant_type"] != "client_credentials" or not given["scope"].endswith(".default"):
            raise Refused(400, {"error": "invalid_request"})
        if "client_assertion" in given:
            claims = jwt.decode(given["client_assertion"], options={"verify_signature": False})
            if "api://AzureADTokenExchange" not in claims["aud"]:
                raise Refused(400, {"error": "invalid_client canary"})
            self.proofs.append(claims)
        elif given["client_secret"] != "canary-client-secret":
            raise Refused(401, {"error": "invalid_client canary"})
        tenant = path.strip("/").split("/")[0]
        return 200, {"access_token": f"arm:{tenant}:{given['client_id']}:{given['scope']}"}

    def _google(self, form: dict[str, list[str]]) -> tuple[int, Any]:
        url = f"{self.url}/google/token"
        claims = jwt.decode(form["assertion"][0], self.google_key, algorithms=["RS256"], audience=url)
        return 200, {"id_token": f"google:{claims['iss']}:{claims['target_audience']}"}


def _is_aws(sent: dict[str, str]) -> bool:
    """Whether the signature is that of the known key. Source: AWS Signature Version 4."""
    url, body, listed = (
        base64.b64decode(sent[f"sts_request_{part}"], validate=True).decode() for part in ("url", "body", "headers")
    )
    headers = {name.lower(): values[0] for name, values in json.loads(listed).items()}
    stated = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIA/(\d{8})/us-east-1/sts/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)",
        headers["authorization"],
    )
    if stated is None or body != "Action=GetCallerIdentity&Version=2011-06-15" or sent["sts_request_method"] != "POST":
        return False
    day, signed, signature = stated.groups()
    if (
        url != f"https://{headers['host']}/"
        or "x-amz-date" not in signed
        or headers["content-length"] != str(len(body))
    ):
        return False
    lines = "".join(f"{name}:{headers[name]}\n" for name in signed.split(";"))
    canonical = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body.encode()).hexdigest()}"
    scope = f"{day}/us-east-1/sts/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{AWS_SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature)
