"""The token of a client: which way to sign in a store means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from eso.api.identity_v1 import GCPWorkloadIdentityFederation
from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.identity.gcp import AccessToken, Google
from eso.providers.base import StoreContext
from eso.providers.gcpsm.spec import GCPSMAuth, GCPSMSpec
from eso.providers.renewed import Renewed

__all__ = ["project_of", "token_request", "tokens"]

TokenRequest = Callable[[], Awaitable[AccessToken]]

_EARLY: Final = 225.0
"""Seconds before its end at which a token is replaced. Source: google-auth's refresh threshold."""


def tokens(request: TokenRequest, clock: Callable[[], datetime]) -> Renewed[AccessToken]:
    """One token for all requests of a client.

    Args:
        request: asks for a fresh one; raises `eso.errors`.
        clock: the wall clock.
    """

    async def fresh() -> tuple[AccessToken, float]:
        found = await request()
        return found, float(found.expiry)

    return Renewed(fresh, lambda: clock().timestamp(), early=_EARLY)


def token_request(spec: GCPSMSpec, context: StoreContext, google: Google) -> TokenRequest:
    """How the store signs in: the first way that is configured.

    Raises:
        InvalidSpecError: a key needs a project, or there is none in `auth.secretRef`.
    """
    auth = spec.auth or GCPSMAuth()
    if auth.secret_ref is not None:
        key = auth.secret_ref.secret_access_key_secret_ref
        if key is None:
            # Not another way: the author of the store did not ask for the operator's own identity.
            raise InvalidSpecError("auth.secretRef.secretAccessKeySecretRef must be set")
        if not spec.project_id:
            raise InvalidSpecError("projectID must be set where auth.secretRef is")
        return lambda: _by_key(context, google, key)
    if auth.workload_identity is not None:
        identity, project = auth.workload_identity, spec.project_id or ""
        return lambda: google.by_workload_identity(identity, project)
    if auth.workload_identity_federation is not None:
        federation: GCPWorkloadIdentityFederation = auth.workload_identity_federation
        return lambda: google.by_federation(federation)
    return google.by_default


async def _by_key(context: StoreContext, google: Google, key: SecretKeySelector) -> AccessToken:
    return await google.by_key(await context.resolve(key))


async def project_of(spec: GCPSMSpec, google: Google) -> str:
    """The project whose secrets the store holds: its own, the cluster's, or the machine's.

    Raises:
        InvalidSpecError: none is configured and there is no metadata server that knows one.
    """
    if spec.project_id:
        return spec.project_id
    identity = spec.auth.workload_identity if spec.auth is not None else None
    if identity is not None and identity.cluster_project_id:
        return identity.cluster_project_id
    return await google.project()
