"""The provider `conjur`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_ca_provider, check_referent
from eso.providers.conjur.api import ConjurAPI
from eso.providers.conjur.auth import SignIn, account_of
from eso.providers.conjur.client import ConjurClient
from eso.providers.conjur.spec import ConjurAPIKey, ConjurCert, ConjurJWT, ConjurSpec

__all__ = ["ConjurProvider"]

_Selectors = list[tuple[str, SecretKeySelector | ServiceAccountSelector]]


class ConjurProvider(Provider[ConjurSpec]):
    """Variables of CyberArk Conjur and Secrets Manager.

    Args:
        clock: seconds; measures the age of access tokens.
    """

    name: ClassVar[str] = "conjur"
    spec_type: ClassVar[type[BaseModel]] = ConjurSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    async def new_client(self, spec: ConjurSpec, context: StoreContext) -> SecretsClient:
        """A client that signs in at its first read."""
        calls = context.calls("CyberArk/Conjur")
        return ConjurClient(ConjurAPI(SignIn(spec, context), account_of(spec), calls, self._clock))

    def validate_store(self, spec: ConjurSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """URL, exactly one way to sign in, and its fields."""
        if not spec.url:
            raise InvalidSpecError("conjur URL cannot be empty")
        methods = [method for method in (spec.auth.apikey, spec.auth.jwt, spec.auth.cert) if method is not None]
        if not methods:
            raise InvalidSpecError("missing Auth.* configuration: must specify exactly one Auth.* method")
        if len(methods) > 1:
            raise InvalidSpecError("must specify exactly one Auth.* method: apikey, jwt or cert")
        if spec.auth.apikey is not None:
            _check_key(spec.auth.apikey)
        if spec.auth.jwt is not None:
            _check_jwt(spec.auth.jwt)
        if spec.auth.cert is not None:
            _check_cert(spec.auth.cert)
        for field, selector in _selectors(spec):
            try:
                check_referent(selector, store_kind=store_kind, store_namespace=store_namespace)
            except InvalidSpecError as err:
                raise InvalidSpecError(f"invalid {field}: {err}") from err
        check_ca_provider(spec.ca_provider, store_kind=store_kind, store_namespace=store_namespace)
        return ()

    def is_referent(self, spec: ConjurSpec) -> bool:
        """Whether a reference leaves its namespace to the consumer."""
        return any(selector.namespace is None for _, selector in _selectors(spec))


def _check_key(auth: ConjurAPIKey) -> None:
    if not auth.account:
        raise InvalidSpecError("missing Auth.ApiKey.Account")
    if not auth.user_ref.name:
        raise InvalidSpecError("missing Auth.Apikey.UserRef")
    if not auth.api_key_ref.name:
        raise InvalidSpecError("missing Auth.Apikey.ApiKeyRef")


def _check_jwt(auth: ConjurJWT) -> None:
    if not auth.account:
        raise InvalidSpecError("missing Auth.Jwt.Account")
    if not auth.service_id:
        raise InvalidSpecError("missing Auth.Jwt.ServiceID")
    if auth.secret_ref is None and auth.service_account_ref is None:
        raise InvalidSpecError("must specify Auth.Jwt.SecretRef or Auth.Jwt.ServiceAccountRef")


def _check_cert(auth: ConjurCert) -> None:
    if not auth.account:
        raise InvalidSpecError("missing Auth.Cert.Account")
    if not auth.service_id:
        raise InvalidSpecError("missing Auth.Cert.ServiceID")
    if not auth.client_cert_ref.name:
        raise InvalidSpecError("missing Auth.Cert.ClientCertRef.Name")
    if not auth.client_key_ref.name:
        raise InvalidSpecError("missing Auth.Cert.ClientKeyRef.Name")


def _selectors(spec: ConjurSpec) -> _Selectors:
    """Every reference to credentials, by its field."""
    found: _Selectors = []
    if spec.auth.apikey is not None:
        found += [
            ("Auth.Apikey.UserRef", spec.auth.apikey.user_ref),
            ("Auth.Apikey.ApiKeyRef", spec.auth.apikey.api_key_ref),
        ]
    if spec.auth.jwt is not None:
        if spec.auth.jwt.secret_ref is not None:
            found.append(("Auth.Jwt.SecretRef", spec.auth.jwt.secret_ref))
        if spec.auth.jwt.service_account_ref is not None:
            found.append(("Auth.Jwt.ServiceAccountRef", spec.auth.jwt.service_account_ref))
    if spec.auth.cert is not None:
        found += [
            ("Auth.Cert.ClientCertRef", spec.auth.cert.client_cert_ref),
            ("Auth.Cert.ClientKeyRef", spec.auth.cert.client_key_ref),
        ]
    return found
