"""The provider `oracle`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, ProviderCalls, SecretsClient, StoreContext
from eso.providers.common import check_referent, check_strict, retry_policy
from eso.providers.oracle.api import OracleAPI
from eso.providers.oracle.auth import Federated, Principal, Session, Surroundings, api_key
from eso.providers.oracle.client import OracleClient
from eso.providers.oracle.instance import InstanceSignIn
from eso.providers.oracle.regions import region_of
from eso.providers.oracle.spec import OracleAuth, OracleSpec
from eso.providers.oracle.transport import RetryPolicy, Transport
from eso.providers.oracle.workload import workload_sign_in

__all__ = ["OracleProvider"]

_ATTEMPTS = 8
"""Where `spec.retrySettings` does not say; source: the retry policy of Oracle's Go SDK."""

_INTERVAL = 1.0
_EARLY = 300.0
"""Seconds before its end at which a machine's token is replaced; source: Oracle's Go SDK."""


class OracleProvider(Provider[OracleSpec]):
    """Secrets of a vault of Oracle Cloud Infrastructure.

    Args:
        around: where the operator runs and the services are; None for the process's own surroundings.
    """

    name: ClassVar[str] = "oracle"
    spec_type: ClassVar[type[BaseModel]] = OracleSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    def __init__(self, around: Surroundings | None = None) -> None:
        self._around = around or Surroundings()

    async def new_client(self, spec: OracleSpec, context: StoreContext) -> SecretsClient:
        """A client; a machine or a workload signs in with its first request."""
        if not spec.vault:
            raise InvalidSpecError("missing Vault")
        if not spec.region:
            raise InvalidSpecError("missing Region")
        region = region_of(spec.region, self._around.environ)
        calls = context.calls("Oracle/Vault")
        principal = await self._principal(spec, context, calls)
        retries = RetryPolicy()
        if context.retry_settings is not None:
            attempts, interval = retry_policy(context.retry_settings, retries=_ATTEMPTS, interval=_INTERVAL)
            retries = RetryPolicy(max(1, attempts), interval)
        transport = Transport(context.http(), principal, self._around, retries)
        api = OracleAPI(transport, calls, self._around, region, spec.vault)
        return OracleClient(spec, api)

    def validate_store(self, spec: OracleSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Vault, region, and what the user's key needs where there is one."""
        if not spec.vault:
            raise InvalidSpecError("vault cannot be empty")
        if not spec.region:
            raise InvalidSpecError("region cannot be empty")
        if spec.auth is not None:
            _check_auth(spec.auth, store_kind, store_namespace)
        try:
            check_referent(spec.service_account_ref, store_kind=store_kind, store_namespace=store_namespace)
        except InvalidSpecError as err:
            raise InvalidSpecError(f"invalid ServiceAccountRef: {err}") from err
        return ()

    async def _principal(self, spec: OracleSpec, context: StoreContext, calls: ProviderCalls) -> Principal:
        sign_in: Callable[[], Awaitable[Session]]
        if spec.principal_type == "Workload":
            sign_in = await workload_sign_in(spec.service_account_ref, context, self._around)
            used = _half
        elif spec.principal_type == "InstancePrincipal" or spec.auth is None:
            sign_in = InstanceSignIn(context, self._around)
            used = _nearly_all
        else:
            return await api_key(spec.auth, context)
        return Federated(lambda: calls.write("Authenticate", sign_in), used, self._around)


def _half(lifetime: float) -> float:
    # Source: Oracle's Go SDK; the cluster's service renews from then on.
    return lifetime / 2


def _nearly_all(lifetime: float) -> float:
    return max(lifetime / 2, lifetime - _EARLY)


def _check_auth(auth: OracleAuth, store_kind: str, store_namespace: str) -> None:
    if not auth.user:
        raise InvalidSpecError("user cannot be empty")
    if not auth.tenancy:
        raise InvalidSpecError("tenant cannot be empty")
    _check_selector("privateKey", auth.secret_ref.privatekey, store_kind, store_namespace)
    _check_selector("fingerprint", auth.secret_ref.fingerprint, store_kind, store_namespace)


def _check_selector(field: str, selector: SecretKeySelector, store_kind: str, store_namespace: str) -> None:
    if not selector.name:
        raise InvalidSpecError(f"{field}.name cannot be empty")
    if not selector.key:
        raise InvalidSpecError(f"{field}.key cannot be empty")
    try:
        check_strict(selector, store_kind=store_kind, store_namespace=store_namespace)
    except InvalidSpecError as err:
        raise InvalidSpecError(f"invalid auth.secretRef.{field.lower()}: {err}") from err
