"""Signing in to Vault by its `gcp` auth method: a JWT of a Google service account, or the identity token of a machine.

A key in a Secret signs the JWT here. Workload identity lets Google sign it: the ServiceAccount of the cluster becomes the Google
service account that its annotation names, which must be allowed to sign for itself (`roles/iam.serviceAccountTokenCreator`).
Neither configured, the metadata server says who the operator's machine is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hvac.api.auth_methods import Gcp

from eso.api.identity_v1 import GCPWorkloadIdentity
from eso.api.vault_v1 import VaultGCPAuth
from eso.errors import InvalidSpecError
from eso.identity.context import SignInContext
from eso.identity.gcp import Google, GoogleEndpoints
from eso.identity.gcp.http import answer_to, text_of
from eso.identity.vault.adapter import Request
from eso.identity.vault.login import mount, required
from eso.identity.vault.session import Login
from eso.transform.gojson import dumps
from eso.values import SecretValue

__all__ = ["gcp_login"]

_ANNOTATION: Final = "iam.gke.io/gcp-service-account"
_LIFETIME: Final = 600
"""Seconds a signed JWT is good for; the server accepts 15 minutes at most by default."""

_METADATA_SECONDS: Final = 5.0


async def gcp_login(
    auth: VaultGCPAuth,
    context: SignInContext,
    *,
    server: str,
    endpoints: GoogleEndpoints | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Login:
    """The login.

    Args:
        auth: settings.
        context: resolves references.
        server: URL of Vault; an identity token is made for `<server>/vault/<role>`.
        endpoints: of Google.
        now: wall clock.

    Raises:
        EsoError: the key or the ServiceAccount cannot be used.
    """
    google = _Google(context, endpoints or GoogleEndpoints(), now)
    if auth.secret_ref is not None:
        ref = required(auth.secret_ref.secret_access_key_secret_ref, "auth.gcp.secretRef.secretAccessKeySecretRef")
        key = _Key(await context.resolve(ref))

        async def token() -> str:
            return key.signed(_claims(key.email, auth.role, now()))

    elif auth.workload_identity is not None:
        identity = auth.workload_identity

        async def token() -> str:
            return await google.signed(identity, auth)

    else:

        async def token() -> str:
            return await google.machine(f"{server}/vault/{auth.role}")

    path = mount(auth.path)

    async def prepare() -> Request:
        jwt = await token()
        return lambda vault: Gcp(vault).login(auth.role, jwt, mount_point=path)

    return Login("gcp", path, prepare)


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

    def __init__(self, context: SignInContext, endpoints: GoogleEndpoints, now: Callable[[], datetime]) -> None:
        self._context = context
        self._google = Google(context, endpoints, now)
        self._http = context.http()
        self._endpoints = endpoints
        self._now = now

    async def signed(self, identity: GCPWorkloadIdentity, auth: VaultGCPAuth) -> str:
        """A JWT that Google signed for the service account which a ServiceAccount is bound to."""
        account = identity.service_account_ref
        email = (await self._context.service_account_annotations(account)).get(_ANNOTATION)
        if not email:
            raise InvalidSpecError(
                f'service account "{account.name}" names no Google service account: annotate it with {_ANNOTATION}'
            )
        access = await self._google.by_workload_identity(identity, auth.project_id or "")
        what = f"signing a JWT as Google service account {email}"
        answer = await answer_to(
            self._http,
            "POST",
            f"{self._endpoints.iam}/v1/projects/-/serviceAccounts/{quote(email, safe='@')}:signJwt",
            what,
            headers={"Authorization": f"Bearer {access.value}"},
            document={"payload": dumps(_claims(email, auth.role, self._now()))},
        )
        if answer.status != 200:
            raise answer.error(what)
        return text_of(answer, "signedJwt", what)

    async def machine(self, audience: str) -> str:
        """The identity token of the machine."""
        what = "asking the Google metadata server for an identity token"
        answer = await answer_to(
            self._http,
            "GET",
            f"{self._endpoints.metadata}/computeMetadata/v1/instance/service-accounts/default/identity",
            what,
            headers={"Metadata-Flavor": "Google"},
            params={"audience": audience, "format": "full"},
            timeout=_METADATA_SECONDS,
        )
        if answer.status != 200 or not answer.text:
            raise answer.error(what)
        return answer.text


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
