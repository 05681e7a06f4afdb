"""The provider `infisical`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_ca_provider, check_referent, is_url
from eso.providers.infisical.api import InfisicalAPI, Scope
from eso.providers.infisical.auth import Fixed, Session, Tokens, login_of
from eso.providers.infisical.client import InfisicalClient
from eso.providers.infisical.http import Transport
from eso.providers.infisical.machine import Surroundings
from eso.providers.infisical.spec import InfisicalAuth, InfisicalSpec
from eso.values import SecretValue

__all__ = ["InfisicalProvider"]

_API: Final = "/api"
_HOST: Final = "https://app.infisical.com"
_PAUSE: Final = 1.0


class InfisicalProvider(Provider[InfisicalSpec]):
    """Secrets of Infisical, with a machine identity.

    Args:
        around: where the operator runs; None for the process's own surroundings.
        pause: seconds before a broken connection is tried again for the first time.
    """

    name: ClassVar[str] = "infisical"
    spec_type: ClassVar[type[BaseModel]] = InfisicalSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    def __init__(self, around: Surroundings | None = None, pause: float = _PAUSE) -> None:
        self._around = around or Surroundings()
        self._pause = pause

    async def new_client(self, spec: InfisicalSpec, context: StoreContext) -> SecretsClient:
        """A client; it signs in with its first request."""
        ca = await context.resolve_ca(spec.ca_bundle, spec.ca_provider)
        login = await login_of(spec.auth, context, self._around)
        transport = Transport(context.http(f"{_checked_url(spec.host_api)}/", ca=ca), pause=self._pause)
        calls = context.calls("infisical")
        wanted = spec.secrets_scope
        tokens: Tokens
        if isinstance(login, SecretValue):
            token = login

            async def given() -> SecretValue:
                return token

            # External Secrets Operator counts it as a call, though nobody is asked.
            tokens = Fixed(await calls.write("MachineIdentityLoginViaTokenAuth", given))
        else:
            organization = wanted.organization_slug or ""
            tokens = Session(login, transport, calls, organization, lambda: self._around.now().timestamp())
        scope = Scope(
            project=wanted.project_slug,
            environment=wanted.environment_slug,
            path=wanted.secrets_path or "/",
            recursive=wanted.recursive,
            expand=wanted.expand_secret_references,
        )
        return InfisicalClient(InfisicalAPI(transport, calls, tokens, scope), scope.path)

    def validate_store(self, spec: InfisicalSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Scope, URL, CA and references."""
        if not spec.secrets_scope.project_slug or not spec.secrets_scope.environment_slug:
            raise InvalidSpecError("secretsScope.projectSlug and secretsScope.environmentSlug cannot be empty")
        _checked_url(spec.host_api)
        check_ca_provider(spec.ca_provider, store_kind=store_kind, store_namespace=store_namespace)
        for where, selector in _selectors(spec.auth):
            if not selector.name or not selector.key:
                raise InvalidSpecError(f"auth.{where}: name and key cannot be empty")
            check_referent(selector, store_kind=store_kind, store_namespace=store_namespace)
        return ()

    def is_referent(self, spec: InfisicalSpec) -> bool:
        """Whether a reference leaves its namespace to the consumer."""
        return any(selector.namespace is None for _, selector in _selectors(spec.auth))


def _checked_url(url: str) -> str:
    """The URL of the API, without slash at its end."""
    if url and not is_url(url):
        raise InvalidSpecError("hostAPI must be a URL with http or https and a host")
    base = (url or _HOST).rstrip("/")
    return base if base.endswith(_API) else base + _API


def _selectors(auth: InfisicalAuth) -> Iterator[tuple[str, SecretKeySelector]]:
    for name, field in type(auth).model_fields.items():
        block = getattr(auth, name)
        for inner, described in type(block).model_fields.items() if block is not None else ():
            selector = getattr(block, inner)
            if isinstance(selector, SecretKeySelector) and (described.is_required() or selector.name):
                yield f"{field.alias or name}.{described.alias or inner}", selector
