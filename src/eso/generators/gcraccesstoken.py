"""GCRAccessToken: a login for Google Container Registry and Artifact Registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from eso.api.generators_v1alpha1.gcraccesstoken import GCRAccessTokenSpec
from eso.errors import InvalidSpecError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.identity.gcp import AccessToken, Google, GoogleEndpoints
from eso.values import wrap_all

__all__ = ["GCRAccessTokenGenerator"]

_USERNAME: Final = "oauth2accesstoken"
"""Source: Google's documentation, user name for a login with an access token."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class GCRAccessTokenGenerator(Generator[GCRAccessTokenSpec]):
    """Signs in at Google; the access token is the password.

    Args:
        endpoints: of Google's services.
        clock: the wall clock.
        environ: where the operator's own credentials are named; None for the process environment.
    """

    kind = "GCRAccessToken"
    spec_type = GCRAccessTokenSpec

    def __init__(
        self,
        endpoints: GoogleEndpoints | None = None,
        clock: Callable[[], datetime] = _utc_now,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._environ = environ

    async def generate(self, spec: GCRAccessTokenSpec, context: GeneratorContext) -> Generated:
        """`username`, `password` and `expiry` (Unix seconds).

        Raises:
            InvalidSpecError: the credentials cannot be used.
            ProviderError: Google refused.
        """
        token = await self._token(spec, Google(context, self._endpoints, self._clock, self._environ), context)
        return Generated(wrap_all({"username": _USERNAME, "password": token.value, "expiry": str(token.expiry)}))

    async def _token(self, spec: GCRAccessTokenSpec, google: Google, context: GeneratorContext) -> AccessToken:
        if spec.auth.secret_ref is not None:
            key = spec.auth.secret_ref.secret_access_key_secret_ref
            if key is None:
                # Not another way: the author did not ask for the operator's own identity.
                raise InvalidSpecError("spec.auth.secretRef.secretAccessKeySecretRef must be set")
            return await google.by_key(await context.resolve(key))
        if spec.auth.workload_identity is not None:
            return await google.by_workload_identity(spec.auth.workload_identity, spec.project_id)
        if spec.auth.workload_identity_federation is not None:
            return await google.by_federation(spec.auth.workload_identity_federation)
        return await google.by_default()
