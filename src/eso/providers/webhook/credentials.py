"""The Secrets that a webhook may use: only those that are marked for it."""

from __future__ import annotations

from typing import Final

from eso.api.meta_v1 import SecretKeySelector
from eso.api.webhook_v1 import WebhookRequest
from eso.errors import InvalidSpecError, ReferenceNotFoundError
from eso.identity.context import CredentialContext
from eso.providers.webhook.ntlm import NtlmCredentials
from eso.values import SecretMap, SecretValue

__all__ = ["ntlm_of", "secrets_of"]

_LABEL: Final = "external-secrets.io/type"
_VALUE: Final = "webhook"


async def secrets_of(spec: WebhookRequest, context: CredentialContext) -> dict[str, SecretMap]:
    """The data of `spec.secrets` by name.

    Raises:
        ReferenceNotFoundError: a Secret is missing.
        InvalidSpecError: a Secret does not carry the label that allows its use here.
    """
    return {secret.name: await _marked(secret.secret_ref, context) for secret in spec.secrets or ()}


async def ntlm_of(spec: WebhookRequest, context: CredentialContext) -> NtlmCredentials | None:
    """User and password for NTLM, where the spec asks for it; raises as `secrets_of`."""
    if spec.auth is None or spec.auth.ntlm is None:
        return None
    return NtlmCredentials(
        await _key(spec.auth.ntlm.username_secret, context), await _key(spec.auth.ntlm.password_secret, context)
    )


async def _marked(ref: SecretKeySelector, context: CredentialContext) -> SecretMap:
    found = await context.whole_secret(ref)
    if found.labels.get(_LABEL) != _VALUE:
        raise InvalidSpecError(f'secret "{ref.name}" must carry the label {_LABEL}: {_VALUE} to be used by a webhook')
    return dict(found.data)


async def _key(ref: SecretKeySelector, context: CredentialContext) -> SecretValue:
    data = await _marked(ref, context)
    if not ref.key or ref.key not in data:
        raise ReferenceNotFoundError(f'cannot find secret data for key: "{ref.key}" in secret "{ref.name}"')
    return data[ref.key]
