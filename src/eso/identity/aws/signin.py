"""Who to be at AWS, and how to become it.

Order: `jwt` (a ServiceAccount annotated with a role) before `secretRef` (static keys), else the SDK's default chain; then each
additional role, then the role with external id and session tags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from eso.api.identity_v1 import AWSAuth, AWSAuthSecretRef
from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from eso.errors import InvalidSpecError
from eso.identity.aws.client import AWSClient
from eso.identity.aws.credentials import Credentials, Keys, Renewing, Static, keys_of
from eso.identity.context import CredentialContext

__all__ = ["Roles", "SignIn", "StsClients", "sign_in_with_auth"]

SESSION_NAME: Final = "external-secrets-provider-aws"
ROLE_ANNOTATION: Final = "eks.amazonaws.com/role-arn"
AUDIENCE_ANNOTATION: Final = "eks.amazonaws.com/audience"
DEFAULT_AUDIENCE: Final = "sts.amazonaws.com"

_ROLE_SESSION: Final = 900
"""Seconds an assumed role lasts; the shortest that STS allows, and what ESO asks for."""


class StsClients(Protocol):
    """Makes clients of STS for one request."""

    def __call__(self, keys: Keys | None) -> AbstractAsyncContextManager[AWSClient]:
        """A client that signs with the keys, or not at all."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """An identity.

    Attributes:
        region: where; also of the STS endpoint.
        auth: base credentials; None for the default chain.
        additional_roles: ARNs assumed one after the other on top.
        role: ARN assumed last.
        external_id: sent with `role`.
        session_tags: sent with `role`.
        transitive_tag_keys: sent with `role` when there are tags.
        session_name: what sessions of assumed roles are called.
    """

    region: str
    auth: AWSAuth | None = None
    additional_roles: Sequence[str] = ()
    role: str | None = None
    external_id: str | None = None
    session_tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tag_keys: Sequence[str] = ()
    session_name: str = SESSION_NAME


async def sign_in_with_auth(
    auth: AWSAuth | None,
    context: CredentialContext,
    sts: StsClients,
    now: Callable[[], datetime],
    session_name: str = SESSION_NAME,
) -> Credentials | None:
    """The base credentials that `auth` asks for; None for the default chain.

    Raises:
        InvalidSpecError, ReferenceNotFoundError: a reference is incomplete, or points at nothing usable.
    """
    if auth is None:
        return None
    if auth.jwt is not None:
        if auth.jwt.service_account_ref is None:
            raise InvalidSpecError("auth.jwt has no serviceAccountRef")
        return await _web_identity(auth.jwt.service_account_ref, context, sts, now, session_name)
    if auth.secret_ref is not None:
        return Static(await _static_keys(auth.secret_ref, context))
    return None


async def _static_keys(ref: AWSAuthSecretRef, context: CredentialContext) -> Keys:
    access_key = await _credential(ref.access_key_id_secret_ref, "accessKeyIDSecretRef", context)
    secret_key = await _credential(ref.secret_access_key_secret_ref, "secretAccessKeySecretRef", context)
    token = None
    if ref.session_token_secret_ref is not None:
        token = await _credential(ref.session_token_secret_ref, "sessionTokenSecretRef", context)
    return Keys(access_key, secret_key, token)


async def _credential(ref: SecretKeySelector | None, name: str, context: CredentialContext) -> str:
    if ref is None:
        raise InvalidSpecError(f"auth.secretRef has no {name}")
    text = (await context.resolve(ref)).reveal_text()
    if not text:
        raise InvalidSpecError(f"auth.secretRef.{name} points to an empty value")
    if not text.isascii() or any(char.isspace() or not char.isprintable() for char in text):
        raise InvalidSpecError(
            f"auth.secretRef.{name} points to a value with spaces, line breaks or other characters that no AWS credential"
            " has; was it stored with a line break at its end?"
        )
    return text


async def _web_identity(
    ref: ServiceAccountSelector,
    context: CredentialContext,
    sts: StsClients,
    now: Callable[[], datetime],
    session_name: str,
) -> Credentials:
    annotations = await context.service_account_annotations(ref)
    role = annotations.get(ROLE_ANNOTATION)
    if not role:
        raise InvalidSpecError(
            f'an IAM role must be associated with service account "{ref.name}": annotate it with {ROLE_ANNOTATION}'
        )
    audience = annotations.get(AUDIENCE_ANNOTATION) or DEFAULT_AUDIENCE
    what = f'signing in as service account "{ref.name}" with role {role}'

    async def fetch() -> Keys:
        token = await context.service_account_token(ref, [audience])
        async with sts(None) as client:
            answer = await client.call(
                "assume_role_with_web_identity",
                what,
                RoleArn=role,
                RoleSessionName=session_name,
                WebIdentityToken=token.reveal_text(),
            )
        return keys_of(answer, what)

    return Renewing(fetch, now)


class Roles:
    """Assumes roles on top of base credentials."""

    def __init__(self, sts: StsClients, now: Callable[[], datetime]) -> None:
        self._sts = sts
        self._now = now

    def on_top(self, base: Credentials, sign_in: SignIn) -> Credentials:
        """The credentials after every role of the identity; signing in happens when they are used."""
        for role in sign_in.additional_roles:
            base = self._assumed(base, {"RoleArn": role}, sign_in.session_name)
        if sign_in.role:
            base = self._assumed(base, _last_role(sign_in, sign_in.role), sign_in.session_name)
        return base

    def _assumed(self, parent: Credentials, request: Mapping[str, Any], session_name: str) -> Credentials:
        what = f"assuming role {request['RoleArn']}"

        async def fetch() -> Keys:
            async with self._sts(await parent.keys()) as client:
                answer = await client.call(
                    "assume_role", what, RoleSessionName=session_name, DurationSeconds=_ROLE_SESSION, **request
                )
            return keys_of(answer, what)

        return Renewing(fetch, self._now, parent)


def _last_role(sign_in: SignIn, role: str) -> dict[str, Any]:
    request: dict[str, Any] = {"RoleArn": role}
    if sign_in.external_id:
        request["ExternalId"] = sign_in.external_id
    if sign_in.session_tags:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in sign_in.session_tags.items()]
        if sign_in.transitive_tag_keys:
            request["TransitiveTagKeys"] = list(sign_in.transitive_tag_keys)
    return request
