"""The provider `gcpsm`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final

import grpc
import grpc.aio
from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from eso.errors import InvalidSpecError
from eso.identity.gcp import Google, GoogleEndpoints, universe_of
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_referent
from eso.providers.gcpsm.api import MESSAGE_LIMIT, SecretManager
from eso.providers.gcpsm.auth import project_of, token_request, tokens
from eso.providers.gcpsm.client import GCPSMClient
from eso.providers.gcpsm.push import Pusher
from eso.providers.gcpsm.spec import GCPSMSpec
from eso.providers.grpccalls import ChannelFactory, system_roots
from eso.providers.writers import Writers

__all__ = ["GCPSMProvider"]

_METRICS: Final = "GCP/SecretManager"
_LOCATION: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_FETCH: Final = "LatestOrFetch"
_POLICIES: Final = ("", "LatestOrFail", _FETCH)


def _secure(host: str, roots: bytes | None) -> grpc.aio.Channel:
    options = [("grpc.max_receive_message_length", MESSAGE_LIMIT)]
    return grpc.aio.secure_channel(f"{host}:443", grpc.ssl_channel_credentials(roots), options)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class GCPSMProvider(Provider[GCPSMSpec]):
    """Secrets of Google Cloud Secret Manager, global and regional.

    Args:
        channel: opens a channel to a host of Secret Manager; it trusts the system's certificates.
        endpoints: of Google's sign-in; None for those of the universe the operator works in.
        clock: the wall clock.
        environ: where the operator's own credentials are named; None for the process environment.
        backoff: seconds before the first retry, doubled for each further one.
        timeout: seconds for a request with its retries.
    """

    name: ClassVar[str] = "gcpsm"
    spec_type: ClassVar[type[BaseModel]] = GCPSMSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    # Source: quotas of Secret Manager: 90 000 accesses a minute for each project.
    rate_limit: ClassVar[tuple[float, int] | None] = (1500.0, 1500)

    def __init__(
        self,
        channel: ChannelFactory = _secure,
        endpoints: GoogleEndpoints | None = None,
        clock: Callable[[], datetime] = _utc_now,
        environ: Mapping[str, str] | None = None,
        backoff: float = 0.5,
        timeout: float = 30.0,
    ) -> None:
        self._channel = channel
        self._endpoints = endpoints
        self._clock = clock
        self._environ = os.environ if environ is None else environ
        self._backoff = backoff
        self._timeout = timeout
        self._writers = Writers()

    async def new_client(self, spec: GCPSMSpec, context: StoreContext) -> SecretsClient:
        """A client that has signed in.

        Raises:
            EsoError: the sign-in failed, or the project is not known.
        """
        location = spec.location or ""
        if location and not _LOCATION.fullmatch(location):
            raise InvalidSpecError(f"location {location!r} is not valid: it must be a region such as europe-west3")
        calls = context.calls(_METRICS)
        google = Google(context, self._endpoints, self._clock, self._environ, calls.write)
        signed_in = tokens(token_request(spec, context, google), self._clock)
        await signed_in.get()
        parent = f"projects/{await project_of(spec, google)}"
        universe = self._endpoints.universe if self._endpoints is not None else universe_of(self._environ)
        host = f"secretmanager.{universe}"
        if location:
            parent, host = f"{parent}/locations/{location}", f"secretmanager.{location}.rep.{universe}"
        channel = self._channel(host, await system_roots())
        api = SecretManager(channel, signed_in, calls, parent, backoff=self._backoff, timeout=self._timeout)
        fetch_enabled = spec.secret_version_selection_policy == _FETCH
        return GCPSMClient(api, Pusher(api, self._writers, regional=bool(location)), fetch_enabled=fetch_enabled)

    def validate_store(self, spec: GCPSMSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Where selectors point; another policy than the two that exist counts as the default, as upstream takes it."""
        for field, selector in _selectors(spec):
            try:
                check_referent(selector, store_kind=store_kind, store_namespace=store_namespace)
            except InvalidSpecError as err:
                raise InvalidSpecError(f"invalid {field}: {err}") from err
        if spec.secret_version_selection_policy not in _POLICIES:
            return (
                "secretVersionSelectionPolicy is neither LatestOrFail nor LatestOrFetch and counts as LatestOrFail",
            )
        return ()

    def is_referent(self, spec: GCPSMSpec) -> bool:
        """Whether the key or the ServiceAccount leaves its namespace to the consumer; federation does not count."""
        return any(selector.namespace is None for _, selector in _selectors(spec))


def _selectors(spec: GCPSMSpec) -> list[tuple[str, SecretKeySelector | ServiceAccountSelector]]:
    """Field and selector of each credential."""
    found: list[tuple[str, SecretKeySelector | ServiceAccountSelector]] = []
    if spec.auth is not None:
        if spec.auth.secret_ref is not None and spec.auth.secret_ref.secret_access_key_secret_ref is not None:
            found.append(("auth.secretRef.secretAccessKeySecretRef", spec.auth.secret_ref.secret_access_key_secret_ref))
        if spec.auth.workload_identity is not None:
            found.append(("auth.workloadIdentity.serviceAccountRef", spec.auth.workload_identity.service_account_ref))
    return found
