"""Webhook: values from the answer of a templated HTTP request."""

from __future__ import annotations

from typing import Final

from eso.api.duration import parse_duration
from eso.api.generators_v1alpha1.webhook import WebhookSpec
from eso.errors import InvalidSpecError, ProviderError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.generators.members import members_of
from eso.providers.webhook.api import WebhookApi
from eso.providers.webhook.credentials import ntlm_of, secrets_of
from eso.providers.webhook.request import rendered, rendered_request
from eso.template.engine import MissingKey
from eso.transform.gojson import loads
from eso.transform.jsonpath import select
from eso.values import SecretMap

__all__ = ["WebhookGenerator"]

_TIMEOUT: Final = 30.0
_WHAT: Final = "calling the webhook"
_MISSING: Final = MissingKey.DEFAULT
"""A name that does not exist prints as `<no value>`; source: ESO v2.9.0."""


class WebhookGenerator(Generator[WebhookSpec]):
    """Sends the request and takes the members of the JSON object that it answers with."""

    kind = "Webhook"
    spec_type = WebhookSpec
    tells_missing = True

    async def generate(self, spec: WebhookSpec, context: GeneratorContext) -> Generated:
        """The members of the answer.

        Raises:
            NoSecretError: 404.
            NotModifiedError: 304.
            InvalidSpecError: a template fails, or a Secret does not carry the label that allows its use.
            ProviderError: any other status, or an answer that is no JSON object.
        """
        secrets = await secrets_of(spec, context)
        ntlm = await ntlm_of(spec, context)
        ca = await context.resolve_ca(spec.ca_bundle, spec.ca_provider)
        timeout = _seconds(spec.timeout)
        api = WebhookApi(context.http(ca=ca, timeout=timeout), timeout, ntlm)
        request = rendered_request(spec, {}, secrets, method="GET", missing=_MISSING)
        body = await context.calls("Webhook").write("HTTPRequest", lambda: api.send(request, _WHAT))
        return Generated(_members(body, _json_path(spec, secrets)))


def _seconds(timeout: str | None) -> float:
    if not timeout:
        return _TIMEOUT
    try:
        return parse_duration(timeout) or _TIMEOUT
    except ValueError as err:
        raise InvalidSpecError(f"spec.timeout: {err}") from err


def _json_path(spec: WebhookSpec, secrets: dict[str, SecretMap]) -> str:
    if spec.result is None or not spec.result.json_path:
        return ""
    data = {name: {key: value.reveal() for key, value in values.items()} for name, values in secrets.items()}
    return rendered(spec.result.json_path, data, "result.jsonPath", _MISSING)


def _members(body: bytes, path: str) -> SecretMap:
    try:
        found = loads(body)
        if path:
            found = select(found, path)
        if isinstance(found, str):
            found = loads(found.encode("utf-8", "surrogatepass"))
    except ValueError:
        # The text of the error may show a part of the answer.
        raise ProviderError("the webhook's answer is not JSON") from None
    if not isinstance(found, dict):
        raise ProviderError("the webhook's answer is not a JSON object")
    return members_of(found)
