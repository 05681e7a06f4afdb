"""Signing in to Infisical: which way a store has chosen, and the access token that comes of it."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import EsoError, InvalidRequestError, InvalidSpecError, NoSecretError, ProviderNotAvailableError
from eso.identity.context import SignInContext
from eso.providers.base import ProviderCalls
from eso.providers.infisical.http import Transport, text_in
from eso.providers.infisical.machine import (
    GoogleSigner,
    OCIKey,
    Surroundings,
    azure_token,
    google_identity,
    oci_headers,
    pod_token,
)
from eso.providers.infisical.spec import InfisicalAuth, OCIAuthCredentials
from eso.providers.renewed import Renewed
from eso.values import SecretValue

__all__ = ["Fixed", "Login", "Session", "Tokens", "login_of"]

_EARLY: Final = 60.0
"""Seconds before its end at which a token is replaced; of one that lives shorter than four minutes, a quarter."""

_UNSTATED: Final = 3600.0
"""Seconds that a token is used whose end Infisical does not tell; one that ends earlier is replaced when it is refused."""


@dataclass(frozen=True, slots=True)
class Login:
    """A way to sign in.

    Attributes:
        method: part of the path.
        call: the metric label.
        proof: makes the body of the request, anew for every sign-in.
    """

    method: str
    call: str
    proof: Callable[[], Awaitable[Mapping[str, Any]]]


class Tokens(Protocol):
    """Where requests get their access token."""

    async def get(self) -> SecretValue:
        """A token that is valid now."""

    def refused(self, token: SecretValue) -> bool:
        """Infisical refused it; whether there may be another one."""

    async def close(self) -> None:
        """Revoke what was got by signing in."""


class Fixed:
    """A token that stays, and that belongs to somebody else: it is never revoked."""

    def __init__(self, token: SecretValue) -> None:
        self._token = token

    async def get(self) -> SecretValue:
        """See `Tokens`."""
        return self._token

    def refused(self, token: SecretValue) -> bool:
        """See `Tokens`."""
        return False

    async def close(self) -> None:
        """See `Tokens`."""
        return


class Session:
    """Tokens that are got by signing in, and renewed before they end.

    Args:
        login: how.
        transport: to Infisical.
        calls: the metered way.
        organization: slug; may be empty.
        clock: wall clock in seconds of the epoch.
    """

    def __init__(
        self, login: Login, transport: Transport, calls: ProviderCalls, organization: str, clock: Callable[[], float]
    ) -> None:
        self._login = login
        self._transport = transport
        self._calls = calls
        self._organization = organization
        self._clock = clock
        self._tokens = Renewed(self._signed_in, clock, early=0.0)

    async def get(self) -> SecretValue:
        """See `Tokens`.

        Raises:
            EsoError: signing in failed.
        """
        return await self._tokens.get()

    def refused(self, token: SecretValue) -> bool:
        """See `Tokens`."""
        self._tokens.forget(token)
        return True

    async def close(self) -> None:
        """See `Tokens`; one that cannot be revoked ends by itself."""
        token = self._tokens.current
        if token is None:
            return
        self._tokens.forget(token)
        what = "revoking an access token of Infisical"
        try:
            await self._calls.write(
                "RevokeAccessToken",
                lambda: self._transport.send(
                    "POST", "v1/auth/token/revoke", what, document={"accessToken": token.reveal_text()}
                ),
            )
        except EsoError:
            return

    async def _signed_in(self) -> tuple[SecretValue, float]:
        what = f"signing in to Infisical by {self._login.method}"
        body = dict(await self._login.proof())
        if self._organization:
            body["organizationSlug"] = self._organization
        path = f"v1/auth/{self._login.method}/login"
        try:
            answer = await self._calls.write(
                f"MachineIdentityLoginVia{self._login.call}",
                lambda: self._transport.send("POST", path, what, document=body),
            )
        except NoSecretError as err:
            raise InvalidRequestError(f"{err}, check hostAPI and the identity") from err
        token = text_in(answer, "accessToken", what)
        lives = answer.get("expiresIn")
        seconds = float(lives) if isinstance(lives, int | float) and lives > 0 else _UNSTATED
        return SecretValue(token), self._clock() + seconds - min(_EARLY, seconds / 4)


async def login_of(auth: InfisicalAuth, context: SignInContext, around: Surroundings) -> Login | SecretValue:
    """The first way that is configured, or the access token of a store that has one.

    Raises:
        InvalidSpecError: none is configured.
        EsoError: a reference is missing.
    """
    for found in (_by_password, _by_cloud, _by_key, _by_place):
        login = await found(auth, context, around)
        if login is not None:
            return login
    if auth.token_auth_credentials is not None:
        return await context.resolve(auth.token_auth_credentials.access_token)
    raise InvalidSpecError("auth: no authentication method is configured, set one of its blocks")


async def _by_password(auth: InfisicalAuth, context: SignInContext, around: Surroundings) -> Login | None:
    block = auth.universal_auth_credentials
    if block is None:
        return None
    body = {
        "clientId": await _text(block.client_id, context),
        "clientSecret": await _text(block.client_secret, context),
    }
    return Login("universal-auth", "UniversalAuth", _always(body))


async def _by_cloud(auth: InfisicalAuth, context: SignInContext, around: Surroundings) -> Login | None:
    """The methods that ask a cloud for a JWT."""
    if (azure := auth.azure_auth_credentials) is not None:
        identity = await _text(azure.identity_id, context)
        resource = await _optional(azure.resource, context)
        http = context.http()
        return Login("azure-auth", "AzureAuth", _with_jwt(identity, lambda: azure_token(around, http, resource)))
    if (machine := auth.gcp_id_token_auth_credentials) is not None:
        identity = await _text(machine.identity_id, context)
        http = context.http()
        return Login("gcp-auth", "GcpIdTokenAuth", _with_jwt(identity, lambda: google_identity(around, http, identity)))
    if (account := auth.gcp_iam_auth_credentials) is not None:
        identity = await _text(account.identity_id, context)
        signer = GoogleSigner(around, context, await _text(account.service_account_key_file_path, context))
        return Login("gcp-auth", "GcpServiceAccountAuth", _with_jwt(identity, lambda: signer.signed(identity)))
    return None


async def _by_key(auth: InfisicalAuth, context: SignInContext, around: Surroundings) -> Login | None:
    """The methods whose proof is in Secrets."""
    if (token := auth.jwt_auth_credentials) is not None:
        body = {"identityId": await _text(token.identity_id, context), "jwt": await _text(token.jwt, context)}
        return Login("jwt-auth", "JwtAuth", _always(body))
    if (ldap := auth.ldap_auth_credentials) is not None:
        body = {
            "identityId": await _text(ldap.identity_id, context),
            "username": await _text(ldap.ldap_username, context),
            "password": await _text(ldap.ldap_password, context),
        }
        return Login("ldap-auth", "LdapAuth", _always(body))
    if (oci := auth.oci_auth_credentials) is not None:
        identity, key = await _text(oci.identity_id, context), await _oci_key(oci, context)

        async def proof() -> Mapping[str, Any]:
            return {"identityId": identity, "userOcid": key.user, "headers": oci_headers(key, around.now())}

        return Login("oci-auth", "OciAuth", proof)
    return None


async def _by_place(auth: InfisicalAuth, context: SignInContext, around: Surroundings) -> Login | None:
    """The methods whose proof is where the operator runs."""
    if (pod := auth.kubernetes_auth_credentials) is not None:
        identity = await _text(pod.identity_id, context)
        file = await _optional(pod.service_account_token_path, context)
        return Login("kubernetes-auth", "KubernetesAuth", _with_jwt(identity, lambda: pod_token(around, file)))
    if (aws := auth.aws_auth_credentials) is not None:
        identity = await _text(aws.identity_id, context)
        request = _aws().AWSProof(around, context)

        async def proof() -> Mapping[str, Any]:
            return {"identityId": identity, **await request.signed()}

        return Login("aws-auth", "AwsAuth", proof)
    return None


async def _oci_key(block: OCIAuthCredentials, context: SignInContext) -> OCIKey:
    passphrase = block.private_key_passphrase
    return OCIKey(
        tenancy=await _text(block.tenancy_id, context),
        user=await _text(block.user_id, context),
        fingerprint=await _text(block.fingerprint, context),
        region=await _text(block.region, context),
        private_key=await context.resolve(block.private_key),
        passphrase=await context.resolve(passphrase) if passphrase is not None and passphrase.name else None,
    )


def _aws() -> Any:
    try:
        return importlib.import_module("eso.providers.infisical.aws")
    except ImportError as err:
        raise ProviderNotAvailableError(
            'signing in to Infisical by AWS is not available: install it with: pip install "eso[aws]"'
        ) from err


async def _text(ref: SecretKeySelector, context: SignInContext) -> str:
    return (await context.resolve(ref)).reveal_text()


async def _optional(ref: SecretKeySelector | None, context: SignInContext) -> str:
    """As `_text`; empty for one without a name, as clients in Go write a reference that is not set."""
    return await _text(ref, context) if ref is not None and ref.name else ""


def _always(body: Mapping[str, Any]) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    async def proof() -> Mapping[str, Any]:
        return body

    return proof


def _with_jwt(identity: str, jwt: Callable[[], Awaitable[str]]) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    async def proof() -> Mapping[str, Any]:
        return {"identityId": identity, "jwt": await jwt()}

    return proof
