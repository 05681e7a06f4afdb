"""The provider `akeyless`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from eso.errors import InvalidSpecError
from eso.providers.akeyless.api import AkeylessAPI
from eso.providers.akeyless.auth import SignIn
from eso.providers.akeyless.client import AkeylessClient
from eso.providers.akeyless.gateway import Gateway
from eso.providers.akeyless.spec import AkeylessAuth, AkeylessAuthSecretRef, AkeylessKubernetesAuth, AkeylessSpec
from eso.providers.akeyless.surroundings import Surroundings
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_ca_provider, check_referent, check_strict

__all__ = ["AkeylessProvider"]


class AkeylessProvider(Provider[AkeylessSpec]):
    """Static, dynamic and rotated secrets and certificates of Akeyless.

    Args:
        around: where the operator runs; None for the process's own surroundings.
    """

    name: ClassVar[str] = "akeyless"
    spec_type: ClassVar[type[BaseModel]] = AkeylessSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    def __init__(self, around: Surroundings | None = None) -> None:
        self._around = around or Surroundings()

    async def new_client(self, spec: AkeylessSpec, context: StoreContext) -> SecretsClient:
        """A client that signs in at its first read."""
        ca = await context.resolve_ca(spec.ca_bundle, spec.ca_provider)
        gateway = Gateway(context.http(ca=ca), spec.akeyless_gw_api_url)
        api = AkeylessAPI(
            gateway,
            SignIn(spec.auth_secret_ref, context, self._around),
            # So it is spelled in External Secrets Operator.
            context.calls("AKEYLESSLESS/SecretsManager"),
            ignore_cache=bool(spec.ignore_cache),
            clock=lambda: self._around.now().timestamp(),
        )
        return AkeylessClient(api)

    def validate_store(self, spec: AkeylessSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """URL, the way to sign in, and references."""
        if spec.akeyless_gw_api_url and not _has_host(spec.akeyless_gw_api_url):
            raise InvalidSpecError("invalid akeyless GW API URL")
        check_ca_provider(spec.ca_provider, store_kind=store_kind, store_namespace=store_namespace)
        auth = spec.auth_secret_ref
        if auth.kubernetes_auth is not None:
            _check_kubernetes(auth.kubernetes_auth, store_kind, store_namespace)
            return ()
        _check_selectors(auth.secret_ref or AkeylessAuthSecretRef(), store_kind, store_namespace)
        _check_account(auth.service_account_ref, "Auth.ServiceAccountRef", store_kind, store_namespace)
        return ()

    def is_referent(self, spec: AkeylessSpec) -> bool:
        """Whether the ServiceAccount is one of the consumer's namespace."""
        account = _account(spec.auth_secret_ref)
        return account is not None and account.namespace is None


def _account(auth: AkeylessAuth) -> ServiceAccountSelector | None:
    return auth.kubernetes_auth.service_account_ref if auth.kubernetes_auth is not None else auth.service_account_ref


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).netloc)
    except ValueError:
        return False


def _check_account(ref: ServiceAccountSelector | None, field: str, store_kind: str, store_namespace: str) -> None:
    try:
        check_referent(ref, store_kind=store_kind, store_namespace=store_namespace)
    except InvalidSpecError as err:
        raise InvalidSpecError(f"invalid {field}: {err}") from err


def _check_kubernetes(auth: AkeylessKubernetesAuth, store_kind: str, store_namespace: str) -> None:
    _check_account(auth.service_account_ref, "Auth.Kubernetes.ServiceAccountRef", store_kind, store_namespace)
    check_strict(auth.secret_ref, store_kind=store_kind, store_namespace=store_namespace)
    if not auth.access_id:
        raise InvalidSpecError("missing kubernetes auth-method access-id")
    if not auth.k8s_conf_name:
        raise InvalidSpecError("missing kubernetes config name")


def _check_selectors(refs: AkeylessAuthSecretRef, store_kind: str, store_namespace: str) -> None:
    access_id, kind = refs.access_id or SecretKeySelector(), refs.access_type or SecretKeySelector()
    check_strict(access_id, store_kind=store_kind, store_namespace=store_namespace)
    if not access_id.name:
        raise InvalidSpecError("missing akeyless accessID name")
    if not access_id.key:
        raise InvalidSpecError("missing akeyless accessID key")
    check_strict(kind, store_kind=store_kind, store_namespace=store_namespace)
    if refs.access_type_param is not None and refs.access_type_param.name:
        check_strict(refs.access_type_param, store_kind=store_kind, store_namespace=store_namespace)
