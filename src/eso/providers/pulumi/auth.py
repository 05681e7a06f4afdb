"""Access tokens for Pulumi: one from a Secret, or a ServiceAccount's exchanged by OIDC."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

import aiohttp

from eso.errors import AccessDeniedError, InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls, StoreContext
from eso.providers.http import error_for_status, read_json, retry_after, transport_errors
from eso.providers.pulumi.spec import PulumiOIDCAuth
from eso.providers.renewed import Renewed
from eso.values import SecretValue

__all__ = ["exchanged", "fixed"]

_EARLY: Final = 60.0
"""Seconds before its end at which a token is exchanged anew; source: External Secrets Operator."""

_WHAT: Final = "exchanging a token at Pulumi"
_HEADER: Final = re.compile(r"[\x21-\x7e]+")


def fixed(token: SecretValue) -> Renewed[SecretValue]:
    """A token that stays.

    Raises:
        InvalidSpecError: it cannot be sent.
    """
    if not _HEADER.fullmatch(token.reveal_text()):
        raise InvalidSpecError(
            "accessToken.secretRef: the token is empty, or holds spaces or line breaks: store it without them"
        )

    async def request() -> tuple[SecretValue, float]:
        return token, math.inf

    return Renewed(request, lambda: 0.0, early=_EARLY)


def exchanged(
    oidc: PulumiOIDCAuth,
    base: str,
    http: aiohttp.ClientSession,
    context: StoreContext,
    calls: ProviderCalls,
    clock: Callable[[], float],
) -> Renewed[SecretValue]:
    """A token that ends; requests that need a new one wait for one exchange.

    Source: the vendor's documentation, "OAuth Token Exchange".

    Args:
        oidc: whose token, and for which organization.
        base: URL of the service.
        http: a session.
        context: asks for tokens of ServiceAccounts.
        calls: the metered way.
        clock: seconds; measures the age of tokens.
    """
    account = oidc.service_account_ref
    audiences = () if account.audiences else (base,)

    async def request() -> tuple[SecretValue, float]:
        own = await context.service_account_token(account, audiences, float(oidc.expiration_seconds))
        document = {
            "audience": f"urn:pulumi:org:{oidc.organization}",
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": own.reveal_text(),
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
            "requested_token_type": "urn:pulumi:token-type:access_token:organization",
            "expiration": oidc.expiration_seconds,
            "scope": "",
        }
        asked = clock()
        token, lifetime = _read(await calls.write("ExchangeToken", lambda: _post(http, base, document)))
        return token, asked + lifetime

    return Renewed(request, clock, early=_EARLY)


async def _post(http: aiohttp.ClientSession, base: str, document: Any) -> Any:
    with transport_errors(_WHAT):
        async with http.post(f"{base}/api/oauth/token", json=document, allow_redirects=False) as response:
            if response.status == 400:
                # So are tokens refused whose issuer or claims no policy of the organization allows.
                raise AccessDeniedError(
                    f"{_WHAT}: the provider answered 400, check oidcConfig and what its organization allows the issuer"
                )
            if response.status >= 300:
                found = error_for_status(response.status, _WHAT, wait=retry_after(response.headers))
                if isinstance(found, NoSecretError):
                    raise InvalidRequestError(f"{found}, check apiUrl")
                raise found
            return await read_json(response, _WHAT)


def _read(answer: Any) -> tuple[SecretValue, float]:
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not _HEADER.fullmatch(token):
        raise ProviderError(f"{_WHAT}: the answer has no access_token")
    lifetime = answer.get("expires_in")
    if not isinstance(lifetime, float) or lifetime <= 0:
        raise ProviderError(f"{_WHAT}: the answer has no positive expires_in")
    return SecretValue(token), lifetime
