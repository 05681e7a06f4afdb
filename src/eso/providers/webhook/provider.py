"""The provider `webhook`: credentials checked and collected, a client made."""

from __future__ import annotations

from typing import ClassVar, Final

from pydantic import BaseModel

from eso.api.duration import parse_duration
from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.webhook.api import WebhookApi
from eso.providers.webhook.client import WebhookClient
from eso.providers.webhook.credentials import ntlm_of, secrets_of
from eso.providers.webhook.spec import WebhookSpec

__all__ = ["WebhookProvider"]

_TIMEOUT: Final = 30.0


class WebhookProvider(Provider[WebhookSpec]):
    """Any HTTP API, by templates."""

    name: ClassVar[str] = "webhook"
    spec_type: ClassVar[type[BaseModel]] = WebhookSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE
    # The request that reads is the one that writes, with an empty value, where the spec names a method.
    reads_back: ClassVar[bool] = False

    async def new_client(self, spec: WebhookSpec, context: StoreContext) -> SecretsClient:
        """A client with the Secrets that its templates use."""
        for ref in _references(spec):
            if context.store_kind == "ClusterSecretStore" and not ref.namespace:
                raise InvalidSpecError(f'secret "{ref.name}": a ClusterSecretStore must name its namespace')
        secrets = await secrets_of(spec, context)
        ntlm = await ntlm_of(spec, context)
        ca = await context.resolve_ca(spec.ca_bundle, spec.ca_provider)
        timeout = _seconds(spec.timeout)
        http = context.http(ca=ca, timeout=timeout)
        api = WebhookApi(http, timeout, ntlm)
        # Templates may show the consumer's namespace, so a client serves one namespace only; see is_referent.
        shared = context.store_kind == "ClusterSecretStore" and not self.is_referent(spec)
        namespace = "" if shared else context.consumer_namespace
        return WebhookClient(spec, secrets, namespace, api, context.calls("Webhook"))

    def is_referent(self, spec: WebhookSpec) -> bool:
        """Templates that show the consumer's namespace need one client for each."""
        path = (spec.result.json_path if spec.result is not None else None) or ""
        texts = (spec.url, spec.body or "", path, *(spec.headers or {}).values())
        return any("namespace" in text for text in texts)


def _seconds(timeout: str | None) -> float:
    if not timeout:
        return _TIMEOUT
    try:
        return parse_duration(timeout) or _TIMEOUT
    except ValueError as err:
        raise InvalidSpecError(f"spec.provider.webhook.timeout: {err}") from err


def _references(spec: WebhookSpec) -> list[SecretKeySelector]:
    found = [secret.secret_ref for secret in spec.secrets or ()]
    if spec.auth is not None and spec.auth.ntlm is not None:
        found += [spec.auth.ntlm.username_secret, spec.auth.ntlm.password_secret]
    return found
