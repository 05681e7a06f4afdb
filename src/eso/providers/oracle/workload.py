"""A ServiceAccount of an OKE cluster as principal: its token becomes one of Oracle's.

Source: the workload identity of Oracle's Go SDK.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Any, Final

import aiohttp
from yarl import URL

from eso.api.meta_v1 import ServiceAccountSelector
from eso.errors import AccessDeniedError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import StoreContext
from eso.providers.common import check_strict
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.providers.oracle.auth import Session, Surroundings, file_content, new_session_key, public_pem
from eso.transform.gojson import dumps, loads
from eso.values import SecretValue

__all__ = ["WorkloadSignIn", "workload_sign_in"]

_AUDIENCE: Final = "api"
_WHAT: Final = "signing in as a workload of OKE at Oracle"
_LIMIT: Final = 1 << 20
"""Bytes of an answer that is a token."""


class WorkloadSignIn:
    """Gives sessions of a ServiceAccount, or of the operator's own.

    Args:
        ref: the ServiceAccount; None for the operator's.
        context: requests its tokens.
        http: a session that trusts the cluster.
        url: of the service that gives tokens.
        around: where the operator's own token is.
    """

    def __init__(
        self,
        ref: ServiceAccountSelector | None,
        context: StoreContext,
        http: aiohttp.ClientSession,
        url: URL,
        around: Surroundings,
    ) -> None:
        self._ref = ref
        self._context = context
        self._http = http
        self._url = url
        self._around = around

    async def __call__(self) -> Session:
        """A new session.

        Raises:
            EsoError: there is no token to show, or it was refused.
        """
        key = await new_session_key()
        shown = (await self._shown()).reveal_text().strip()
        headers = {
            "Authorization": f"Bearer {shown}",
            "Content-Type": "application/json",
            "opc-request-id": secrets.token_hex(16),
        }
        body = dumps({"podKey": public_pem(key)}).encode()
        with transport_errors(_WHAT):
            async with self._http.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                if response.status != 200:
                    raise _refusal(response)
                return Session(_token(await read_body(response, _WHAT, limit=_LIMIT)), key)

    async def _shown(self) -> SecretValue:
        if self._ref is None:
            return SecretValue(await file_content(self._around.token_file, "the token of the operator's Pod"))
        # The audience comes first, as upstream sends it.
        bare = self._ref.model_copy(update={"audiences": None})
        return await self._context.service_account_token(bare, (_AUDIENCE, *(self._ref.audiences or ())))


async def workload_sign_in(
    ref: ServiceAccountSelector | None, context: StoreContext, around: Surroundings
) -> WorkloadSignIn:
    """The way to sign in as a ServiceAccount.

    Raises:
        EsoError: the reference may not be used by this store, or the operator does not run in a cluster.
    """
    try:
        # No token is requested for an account that the store has no business with.
        check_strict(ref, store_kind=context.store_kind, store_namespace=context.store_namespace)
    except InvalidSpecError as err:
        raise InvalidSpecError(f"invalid ServiceAccountRef: {err}") from err
    host = around.environ.get("KUBERNETES_SERVICE_HOST", "")
    if not host:
        raise InvalidSpecError(
            "principalType Workload: KUBERNETES_SERVICE_HOST is not set, the operator must run in an OKE cluster"
        )
    path = around.environ.get("OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH") or around.ca_file
    ca = await file_content(path, "the CA certificate of the cluster")
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    url = URL(f"{around.proxymux.replace('{host}', bracketed)}/resourcePrincipalSessionTokens")
    return WorkloadSignIn(ref, context, context.http(ca=ca), url, around)


def _refusal(response: aiohttp.ClientResponse) -> ProviderError:
    if response.status == 403:
        return AccessDeniedError(f"{_WHAT}: the answer was 403, permission denied: the cluster must be an enhanced one")
    found = error_for_status(response.status, _WHAT, wait=retry_after(response.headers))
    return AccessDeniedError(f"{found}: there may be no such service") if isinstance(found, NoSecretError) else found


def _token(body: bytes) -> SecretValue:
    """The token in a text of Base64 of JSON, without the prefix that names of keys have."""
    try:
        document: Any = loads(base64.b64decode(body.strip().strip(b'"'), validate=True))
    except (ValueError, binascii.Error):
        raise ProviderError(f"{_WHAT}: the answer is not the JSON that it should be") from None
    token = document.get("token") if isinstance(document, dict) else None
    if not isinstance(token, str) or not token:
        raise ProviderError(f"{_WHAT}: the answer has no token")
    return SecretValue(token.removeprefix("ST$"))
