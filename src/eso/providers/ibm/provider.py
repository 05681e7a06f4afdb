"""The provider `ibm`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict, is_url, retry_policy
from eso.providers.ibm.api import IBMAPI, LIMIT, Retries
from eso.providers.ibm.auth import IAM, Proof, api_key, check_token_file, compute_resource, tokens
from eso.providers.ibm.client import IBMClient
from eso.providers.ibm.spec import IBMAuth, IBMSpec

__all__ = ["IBMProvider"]

_RETRIES: Final = 3
_LONGEST: Final = 5.0
_PAUSE: Final = 1.0
"""Retries of a store with `retrySettings`, and seconds between them; source: the SDK that External Secrets Operator uses."""


class IBMProvider(Provider[IBMSpec]):
    """Secrets of IBM Cloud Secrets Manager.

    Args:
        iam: base URL of IAM for stores that name none.
        clock: seconds; measures the age of tokens.
        pause: seconds before a read is tried again for the first time.
    """

    name: ClassVar[str] = "ibm"
    spec_type: ClassVar[type[BaseModel]] = IBMSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, iam: str = IAM, clock: Callable[[], float] = time.monotonic, pause: float = _PAUSE) -> None:
        self._iam = iam
        self._clock = clock
        self._pause = pause

    async def new_client(self, spec: IBMSpec, context: StoreContext) -> SecretsClient:
        """A client that signs in at its first read."""
        url = _checked_url(spec)
        retries = Retries(0, 0.0, self._pause)
        if context.retry_settings is not None:
            count, longest = retry_policy(context.retry_settings, retries=_RETRIES, interval=_LONGEST)
            retries = Retries(count, longest, self._pause)
        proof, endpoint = await _proof(spec.auth, context)
        found = tokens(context.http(), endpoint or self._iam, proof, context.calls("IBM/IAM"), self._clock)
        return IBMClient(IBMAPI(context.http(timeout=LIMIT), url, found, context.calls("IBM/SecretsManager"), retries))

    def validate_store(self, spec: IBMSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """URL, exactly one way to sign in, and its fields."""
        _checked_url(spec)
        container, key = spec.auth.container_auth, spec.auth.secret_ref
        if container is not None and key is not None:
            raise InvalidSpecError("too many auth methods defined: set auth.secretRef or auth.containerAuth")
        if container is not None:
            if not container.profile:
                raise InvalidSpecError("container auth profile cannot be empty")
            check_token_file(container)
        elif key is not None:
            selector = key.secret_api_key_secret_ref
            check_strict(selector, store_kind=store_kind, store_namespace=store_namespace)
            if selector is None or not selector.name:
                raise InvalidSpecError("secretAPIKey.name cannot be empty: set auth.secretRef.secretApiKeySecretRef")
            if not selector.key:
                raise InvalidSpecError("secretAPIKey.key cannot be empty: set auth.secretRef.secretApiKeySecretRef")
        else:
            raise InvalidSpecError("missing auth method: set auth.secretRef or auth.containerAuth")
        return ()


def _checked_url(spec: IBMSpec) -> str:
    if not spec.service_url:
        raise InvalidSpecError("serviceURL is required: set serviceUrl to the endpoint of the instance")
    if not is_url(spec.service_url):
        raise InvalidSpecError("serviceUrl must be like https://INSTANCE.us-south.secrets-manager.appdomain.cloud")
    return spec.service_url


async def _proof(auth: IBMAuth, context: StoreContext) -> tuple[Proof, str | None]:
    """Who signs in, and where if the store says so."""
    if auth.container_auth is not None:
        return compute_resource(auth.container_auth), auth.container_auth.iam_endpoint
    if auth.secret_ref is None or auth.secret_ref.secret_api_key_secret_ref is None:
        raise InvalidSpecError("missing auth method: set auth.secretRef or auth.containerAuth")
    key = await context.resolve(auth.secret_ref.secret_api_key_secret_ref)
    return api_key(key), auth.secret_ref.iam_endpoint
