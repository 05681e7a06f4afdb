"""IBM Cloud: IAM's tokens, and Secrets Manager's secrets by id or by group, type and name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["API_KEY", "CR_TOKEN", "IBM", "PASSWORD", "PEM", "filled", "identity"]

API_KEY = "canary-api-key"
CR_TOKEN = "canary.cr.token"
DATA = {
    "user": "ann",
    "n": {"k": 1},
    "dot.ted": "y",
    "dot": {"ted": "z", "x": "w"},
    "big": 1e21,
    "on": True,
    "no": None,
}
PASSWORD = {"username": "ann", "password": "canary-password"}
PEM = {"certificate": "CERT", "intermediate": "CHAIN", "private_key": "canary-key"}
BROKER = {"broker": {"host": "a", "ports": [1, 2]}}
_GRANT = "urn:ibm:params:oauth:grant-type:"


def identity(number: int) -> str:
    """The id that stands for a number."""
    return f"67d025e1-0248-418f-83ba-{number:012}"


@dataclass
class IBM(TokenServer):
    """One account and one instance.

    Attributes:
        secrets: as the API describes them.
        groups: id of a group -> its name.
        keys: API keys that are accepted.
        profiles: tokens of compute resources -> the profile they may take on.
        valid: bearer tokens that are accepted.
        lifetime: seconds that tokens say they live; None leaves it out.
        faults: status and headers of the next answers of Secrets Manager.
        forms: of sign-ins.
    """

    secrets: list[dict[str, Any]] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=lambda: {"default": "default"})
    keys: set[str] = field(default_factory=lambda: {API_KEY})
    profiles: dict[str, str] = field(default_factory=lambda: {CR_TOKEN: "reader"})
    valid: set[str] = field(default_factory=set)
    lifetime: int | None = 3600
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)

    def add(self, kind: str, name: str, group: str = "default", **fields: Any) -> str:
        """A new secret; answers with its id."""
        made = identity(len(self.secrets) + 1)
        self.secrets.append(
            {
                "id": made,
                "name": name,
                "secret_type": kind,
                "secret_group_id": group,
                "state": 1,
                "labels": ["a", "b"],
                "locks_total": 0,
                "downloaded": True,
                "description": None,
                **fields,
            }
        )
        return made

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Play a fault of Secrets Manager, or answer."""
        if self.faults and request.path.startswith("/api/"):
            self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
            status, headers = self.faults.pop(0)
            return web.Response(status=status, headers=headers, text="canary-value")
        return await super().handle(request)

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """See `TokenServer`."""
        if request.path == "/identity/token" and request.method == "POST":
            form = {name: str(value) for name, value in (await request.post()).items()}
            self.forms.append(form)
            return self._sign_in(form)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.valid:
            raise Refused(401, {"errors": [{"code": "unauthorized", "message": "canary-value"}]})
        parts = [unquote(part) for part in request.rel_url.raw_path.split("/")]
        match parts[1:]:
            case ["api", "v2", "secrets", wanted]:
                found = [each for each in self.secrets if each["id"] == wanted]
            case ["api", "v2", "secret_groups", group, "secret_types", kind, "secrets", name]:
                place = (group, kind, name)
                found = [
                    each
                    for each in self.secrets
                    if (self.groups[each["secret_group_id"]], each["secret_type"], each["name"]) == place
                ]
            case _:
                raise Refused(404, {"errors": [{"code": "not_found", "message": "canary-value"}]})
        if not found:
            raise Refused(404, {"errors": [{"code": "not_found", "message": "canary-value"}]})
        return 200, found[0]

    def _sign_in(self, form: dict[str, str]) -> tuple[int, Any]:
        by_key = form.get("grant_type") == f"{_GRANT}apikey" and form.get("apikey") in self.keys
        by_resource = form.get("grant_type") == f"{_GRANT}cr-token" and (
            self.profiles.get(form.get("cr_token", "")) == form.get("profile_name")
        )
        if not by_key and not by_resource:
            raise Refused(400, {"errorCode": "BXNIM0415E", "errorMessage": f"canary-value {form}"})
        token = f"canary-bearer-{len(self.forms)}"
        self.valid.add(token)
        lives = {} if self.lifetime is None else {"expires_in": self.lifetime, "expiration": 1}
        return 200, {"access_token": token, "refresh_token": "not_supported", "token_type": "Bearer", **lives}


def filled() -> IBM:
    """An account with a secret of each type; the id of the n-th is `identity(n)`."""
    ibm = IBM(groups={"default": "default", "g-1": "team a/b"})
    ibm.add("arbitrary", "text", payload="canary-payload")
    ibm.add("username_password", "login", **PASSWORD)
    ibm.add("iam_credentials", "key", api_key="canary-iam")
    ibm.add("service_credentials", "service", credentials=BROKER)
    ibm.add("imported_cert", "imported", **PEM)
    ibm.add("imported_cert", "bare", certificate="CERT", intermediate=None)
    ibm.add("public_cert", "public", **PEM)
    ibm.add("public_cert", "unchained", certificate="CERT", private_key="canary-key")
    ibm.add("private_cert", "private", issuing_ca="CA", **PEM)
    ibm.add("kv", "doc", data=DATA)
    ibm.add("custom_credentials", "custom", credentials_content=DATA)
    ibm.add("arbitrary", "odd name?", "g-1", payload="odd")
    return ibm
