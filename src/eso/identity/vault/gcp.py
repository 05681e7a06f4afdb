"""Signing in to Vault by its `gcp` auth method: a JWT of a Google service account, or the identity token of a machine.

A key in a Secret signs the JWT here. Workload identity lets Google sign it: the ServiceAccount of the cluster becomes the Google
service account that its annotation names, which must be allowed to sign for itself (`roles/iam.serviceAccountTokenCreator`).
Neither configured, the metadata server says who the operator's machine is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from eso.api.identity_v1 import GCPWorkloadIdentity
from eso.api.vault_v1 import VaultGCPAuth
from eso.errors import InvalidSpecError, ProviderError
from eso.identity.http import error_for_status, read_body, read_json, transport_errors
from eso.identity.vault.login import VaultSignInContext, mount, required
from eso.identity.vault.session import Login
from eso.transform.gojson import dumps
from eso.values import SecretValue

__all__ = ["GoogleHosts", "gcp_login"]

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_ANNOTATION: Final = "iam.gke.io/gcp-service-account"
_LIFETIME: Final = 600
"""Seconds a signed JWT is good for; the server accepts 15 minutes at most by default."""

_LIMIT: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class GoogleHosts:
    """Where Google's services are; tests put servers of their own here."""

    exchange: str = "https://securetoken.googleapis.com/v1/identitybindingtoken"
    iam: str = "https://iamcredentials.googleapis.com"
    metadata: str = "http://metadata.google.internal"


async def gcp_login(
    auth: VaultGCPAuth,
    context: VaultSignInContext,
    *,
    server: str,
    hosts: GoogleHosts | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Login:
    """The login.

    Args:
        auth: settings.
        context: resolves references.
        server: URL of Vault; an identity token is made for `<server>/vault/<role>`.
        hosts: of Google.
        now: wall clock.

    Raises:
        EsoError: the key or the ServiceAccount cannot be used.
    """
    google = _Google(context.http(), hosts or GoogleHosts(), now)
    if auth.secret_ref is not None:
        ref = required(auth.secret_ref.secret_access_key_secret_ref, "auth.gcp.secretRef.secretAccessKeySecretRef")
        key = _Key(await context.resolve(ref))

        async def token() -> str:
            return key.signed(_claims(key.email, auth.role, now()))

    elif auth.workload_identity is not None:
        identity = auth.workload_identity

        async def token() -> str:
            return await google.signed(identity, auth, context)

    else:

        async def token() -> str:
            return await google.machine(f"{server}/vault/{auth.role}")

    async def body() -> Mapping[str, Any]:
        return {"role": auth.role, "jwt": await token()}

    return Login("gcp", mount(auth.path), body)


def _claims(email: str, role: str, now: datetime) -> dict[str, Any]:
    return {"aud": f"vault/{role}", "sub": email, "iss": email, "exp": int(now.timestamp()) + _LIFETIME}


class _Key:
    """The JSON key of a service account."""

    def __init__(self, value: SecretValue) -> None:
        try:
            info = json.loads(value.reveal())
            self.email = str(info["client_email"])
            self._id = str(info.get("private_key_id") or "")
            key = load_pem_private_key(str(info["private_key"]).encode(), None)
        except (ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm):
            raise InvalidSpecError("auth.gcp.secretRef does not point to the JSON key of a service account") from None
        if not isinstance(key, RSAPrivateKey):
            raise InvalidSpecError("auth.gcp.secretRef: the key of the service account is not an RSA key")
        self._key = key

    def signed(self, claims: Mapping[str, Any]) -> str:
        header = {"alg": "RS256", "typ": "JWT", **({"kid": self._id} if self._id else {})}
        text = f"{_part(dumps(header).encode())}.{_part(dumps(claims).encode())}"
        return f"{text}.{_part(self._key.sign(text.encode(), PKCS1v15(), SHA256()))}"


class _Google:
    """Google's services."""

    def __init__(self, http: aiohttp.ClientSession, hosts: GoogleHosts, now: Callable[[], datetime]) -> None:
        self._http = http
        self._hosts = hosts
        self._now = now

    async def signed(self, identity: GCPWorkloadIdentity, auth: VaultGCPAuth, context: VaultSignInContext) -> str:
        """A JWT that Google signed for the service account which a ServiceAccount is bound to."""
        account = identity.service_account_ref
        email = (await context.service_account_annotations(account)).get(_ANNOTATION)
        if not email:
            raise InvalidSpecError(
                f'service account "{account.name}" names no Google service account: annotate it with {_ANNOTATION}'
            )
        project = identity.cluster_project_id or auth.project_id or await self._metadata("project/project-id")
        place = identity.cluster_location or await self._metadata("instance/attributes/cluster-location")
        name = identity.cluster_name or await self._metadata("instance/attributes/cluster-name")
        pool = f"{project}.svc.id.goog"
        cluster = f"https://container.googleapis.com/v1/projects/{project}/locations/{place}/clusters/{name}"
        proof = await context.service_account_token(account, [pool])
        exchanged = await self._post(
            self._hosts.exchange,
            "exchanging a token at Google",
            {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "audience": f"identitynamespace:{pool}:{cluster}",
                "scope": _SCOPE,
                "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "subject_token": proof.reveal_text(),
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            },
        )
        url = f"{self._hosts.iam}/v1/projects/-/serviceAccounts/{quote(email, safe='@')}"
        what = f"becoming Google service account {email}"
        bearer = _member(exchanged, "access_token", "exchanging a token at Google")
        access = await self._post(f"{url}:generateAccessToken", what, {"scope": [_SCOPE]}, bearer)
        claims = dumps(_claims(email, auth.role, self._now()))
        what = f"signing a JWT as Google service account {email}"
        bearer = _member(access, "accessToken", what)
        return _member(await self._post(f"{url}:signJwt", what, {"payload": claims}, bearer), "signedJwt", what)

    async def machine(self, audience: str) -> str:
        """The identity token of the machine."""
        return await self._metadata(
            f"instance/service-accounts/default/identity?audience={quote(audience, safe='')}&format=full"
        )

    async def _post(self, url: str, what: str, body: Mapping[str, Any], bearer: str = "") -> Any:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        with transport_errors(what):
            async with self._http.post(url, json=body, headers=headers, allow_redirects=False) as response:
                return await read_json(response, what, limit=_LIMIT)

    async def _metadata(self, path: str) -> str:
        what = "asking the Google metadata server"
        url = f"{self._hosts.metadata}/computeMetadata/v1/{path}"
        with transport_errors(what):
            async with self._http.get(url, headers={"Metadata-Flavor": "Google"}, allow_redirects=False) as response:
                if response.status != 200:
                    raise error_for_status(response.status, what)
                return (await read_body(response, what, limit=_LIMIT)).decode("utf-8", "replace").strip()


def _member(answer: Any, name: str, what: str) -> str:
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, str) or not found:
        raise ProviderError(f"{what}: the answer has no {name}")
    return found


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
