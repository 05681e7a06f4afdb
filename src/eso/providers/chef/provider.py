"""The provider `chef`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final

from pydantic import BaseModel
from yarl import URL

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.chef.api import ChefAPI
from eso.providers.chef.client import ChefClient
from eso.providers.chef.signing import Signer
from eso.providers.chef.spec import ChefSpec
from eso.providers.common import check_strict

__all__ = ["ChefProvider"]

_TIMEOUT: Final = 25.0
"""Seconds of a request; source: External Secrets Operator."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ChefProvider(Provider[ChefSpec]):
    """Data bags of a Chef Infra Server.

    Args:
        now: the wall clock.
    """

    name: ClassVar[str] = "chef"
    spec_type: ClassVar[type[BaseModel]] = ChefSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now

    async def new_client(self, spec: ChefSpec, context: StoreContext) -> SecretsClient:
        """A client with the key of the user."""
        try:
            url = _checked(spec)
        except InvalidSpecError as err:
            raise InvalidSpecError(f"missing or invalid spec: {err}") from err
        ref = spec.auth.secret_ref.private_key_secret_ref
        if context.store_kind == "ClusterSecretStore" and ref.namespace is None:
            raise InvalidSpecError("invalid ClusterSecretStore: missing privateKeySecretRef.Namespace")
        key = await context.resolve(ref)
        if not key:
            raise InvalidSpecError("missing Secret Key: the key in privateKeySecretRef is empty")
        signer = Signer(spec.username, key)
        api = ChefAPI(context.http(timeout=_TIMEOUT), signer, context.calls("Chef"), url, self._now)
        return ChefClient(api, spec.username)

    def validate_store(self, spec: ChefSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """User, URL and reference."""
        ref = spec.auth.secret_ref.private_key_secret_ref
        try:
            _checked(spec)
            check_strict(ref, store_kind=store_kind, store_namespace=store_namespace)
        except InvalidSpecError as err:
            raise InvalidSpecError(f"received invalid Chef SecretStore resource: {err}") from err
        return ()


def _checked(spec: ChefSpec) -> URL:
    """The URL of the organisation.

    Raises:
        InvalidSpecError: a field is missing or wrong.
    """
    if not spec.username:
        raise InvalidSpecError("missing username")
    if not spec.server_url:
        raise InvalidSpecError("missing serverurl")
    if not spec.server_url.endswith("/"):
        raise InvalidSpecError("serverurl does not end with slash(/)")
    try:
        url = URL(spec.server_url)
    except ValueError as err:
        raise InvalidSpecError("invalid serverurl: it is not a URL") from err
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidSpecError("invalid serverurl: it must begin with https:// and a host")
    if not spec.auth.secret_ref.private_key_secret_ref.key:
        raise InvalidSpecError("missing Secret Key")
    return url
