"""Google's token endpoints: OAuth for keys, GKE's exchange, the Security Token Service, IAM Credentials, metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["Google"]

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@dataclass
class Google(TokenServer):
    """One service account `robot@p.iam.gserviceaccount.com` with a key, and a machine in cluster `c` of project `p`."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    now: float = 0.0
    audiences: list[str] = field(default_factory=list)

    def key_file(self) -> str:
        """The JSON key."""
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return json.dumps(
            {
                "type": "service_account",
                "client_email": "robot@p.iam.gserviceaccount.com",
                "private_key": pem,
                "private_key_id": "k1",
                "token_uri": f"{self.url}/token",
            }
        )

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        match request.path:
            case "/token":
                return 200, self._oauth({key: str(value) for key, value in (await request.post()).items()})
            case "/binding":
                return 200, self._exchange(await request.json())
            case "/sts":
                return 200, self._exchange({key: str(value) for key, value in (await request.post()).items()})
        if request.path.endswith(":generateAccessToken"):
            if request.headers.get("Authorization") != "Bearer canary-federated":
                raise Refused(401)
            account = request.path.split("/")[-1].split(":")[0]
            return 200, {"accessToken": f"canary-as-{account}", "expireTime": "2026-01-01T01:00:00Z"}
        if request.path.startswith("/computeMetadata/v1/"):
            return self._metadata(request)
        raise Refused(404)

    def _oauth(self, form: dict[str, str]) -> dict[str, Any]:
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] != "canary-refresh":
                raise Refused(400, {"error": "invalid_grant", "error_description": "canary"})
            return {"access_token": "canary-user", "expires_in": 1800}
        options = {"verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(
                form["assertion"],
                self.key.public_key(),
                algorithms=["RS256"],
                audience=f"{self.url}/token",
                options=options,
            )
        except jwt.InvalidTokenError as err:
            raise Refused(400, {"error": "invalid_grant"}) from err
        if claims["exp"] - claims["iat"] > 3600 or claims["iat"] != int(self.now):
            raise Refused(400, {"error": "invalid_grant"})
        assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        assert jwt.get_unverified_header(form["assertion"])["kid"] == "k1"
        return {"access_token": f"canary-{claims['iss']}", "expires_in": 3599}

    def _exchange(self, sent: dict[str, str]) -> dict[str, Any]:
        if sent["grant_type"] != EXCHANGE or sent["subject_token"] not in ("token-of-app", "token-of-plain"):
            raise Refused(400, {"error": "invalid_request"})
        self.audiences.append(sent["audience"])
        return {"access_token": "canary-federated", "expires_in": 3600, "token_type": "Bearer"}

    def _metadata(self, request: web.Request) -> tuple[int, Any]:
        if request.headers.get("Metadata-Flavor") != "Google":
            raise Refused(403)
        values: dict[str, Any] = {
            "project/project-id": "p",
            "instance/attributes/cluster-location": "europe-west1",
            "instance/attributes/cluster-name": "c",
            "instance/service-accounts/default/token": {"access_token": "canary-machine", "expires_in": 60},
        }
        found = values.get(request.path.removeprefix("/computeMetadata/v1/"))
        if found is None:
            raise Refused(404)
        return 200, found

    async def handle(self, request: web.Request) -> web.StreamResponse:
        answer = await super().handle(request)
        # The metadata server answers plain text where it is no JSON object.
        if isinstance(answer, web.Response) and request.path.startswith("/computeMetadata") and answer.text:
            return web.Response(status=answer.status, text=answer.text.strip('"'))
        return answer
