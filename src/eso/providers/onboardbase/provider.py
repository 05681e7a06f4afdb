"""The provider `onboardbase`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict, is_url
from eso.providers.onboardbase.api import OnboardbaseAPI
from eso.providers.onboardbase.client import OnboardbaseClient
from eso.providers.onboardbase.spec import OnboardbaseSpec
from eso.values import SecretValue

__all__ = ["OnboardbaseProvider"]

_URL: Final = "https://public.onboardbase.com/api/v1"
_AGENT: Final = "onboardbase-external-secrets"
_TIMEOUT: Final = 20.0


class OnboardbaseProvider(Provider[OnboardbaseSpec]):
    """Secrets of an environment of an Onboardbase project."""

    name: ClassVar[str] = "onboardbase"
    spec_type: ClassVar[type[BaseModel]] = OnboardbaseSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    async def new_client(self, spec: OnboardbaseSpec, context: StoreContext) -> SecretsClient:
        """A client that sends the API key with each request."""
        url = _base(spec)
        where = spec.auth.api_key_ref
        key = (await _needed(where, "apiKeyRef", context)).reveal_text()
        if not key.isascii() or not key.isprintable():
            raise InvalidSpecError(
                "auth.apiKeyRef points to a value with line breaks or other characters that no API key has;"
                " was it stored with a line break at its end?"
            )
        # As in External Secrets Operator both are in the Secret that apiKeyRef names.
        beside = where.model_copy(update={"key": spec.auth.passcode_ref.key})
        passcode = await _needed(beside, "passcodeRef", context)
        headers = {"api_key": key, "User-Agent": _AGENT, "Content-Type": "application/json"}
        http = context.http(f"{url}/", headers=headers, timeout=_TIMEOUT)
        named = {"project": spec.project, "environment": spec.environment}
        place = {name: text for name, text in named.items() if text}
        api = OnboardbaseAPI(http, context.calls("Onboardbase/Secrets"), place, passcode)
        return OnboardbaseClient(api, url)

    def validate_store(self, spec: OnboardbaseSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """The references to API key and passcode, and the address."""
        selectors = (("onboardbaseAPIKey", spec.auth.api_key_ref), ("onboardbasePasscode", spec.auth.passcode_ref))
        for field, selector in selectors:
            try:
                check_strict(selector, store_kind=store_kind, store_namespace=store_namespace)
            except InvalidSpecError as err:
                raise InvalidSpecError(f"invalid store: {err}") from err
            if not selector.name:
                raise InvalidSpecError(f"invalid store: {field}.name cannot be empty")
        _base(spec)
        return ()


def _base(spec: OnboardbaseSpec) -> str:
    url = spec.api_host or _URL
    if not is_url(url):
        raise InvalidSpecError(f"invalid store: apiHost must be a URL like {_URL}/")
    return url.rstrip("/")


async def _needed(ref: SecretKeySelector, field: str, context: StoreContext) -> SecretValue:
    value = await context.resolve(ref)
    if not value:
        raise InvalidSpecError(f"auth.{field} points to an empty value: key {ref.key} of Secret {ref.name}")
    return value
