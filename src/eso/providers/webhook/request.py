"""Templates to HTTP requests; the Webhook generator makes its request the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from eso.api.webhook_v1 import WebhookRequest
from eso.errors import InvalidSpecError
from eso.template.engine import MissingKey, render
from eso.template.errors import TemplateError
from eso.template.functions import FUNCTIONS
from eso.template.gotext.values import MapOfStringMaps, StringMap, from_bytes
from eso.values import SecretMap

__all__ = ["RenderedRequest", "TemplateData", "rendered", "rendered_request"]

TemplateData = Mapping[str, Mapping[str, bytes]]
"""What templates see: `.remoteRef.<field>` and `.<secret>.<key>`."""

_NAME = "webhooktemplate"


@dataclass(frozen=True, slots=True)
class RenderedRequest:
    """A request that is ready to be sent; it may hold credentials and never prints."""

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


def rendered(source: str, data: TemplateData, what: str, missing: MissingKey = MissingKey.ZERO) -> str:
    """The text of one template.

    Args:
        source: the template.
        data: what it sees.
        what: the field that it comes from, for messages.
        missing: what a name that does not exist gives; empty unless said otherwise.

    Raises:
        InvalidSpecError: the template is malformed or fails; the message names `what`.
    """
    if "{{" not in source:
        return source
    root = MapOfStringMaps(
        {name: StringMap({key: from_bytes(value) for key, value in values.items()}) for name, values in data.items()}
    )
    try:
        return render(source, root, name=_NAME, functions=FUNCTIONS, missing_key=missing)
    except TemplateError as err:
        raise InvalidSpecError(f"{what}: {err}") from err


def rendered_request(
    spec: WebhookRequest,
    ref: Mapping[str, bytes],
    secrets: Mapping[str, SecretMap],
    *,
    method: str,
    body: bytes | None = None,
    body_from_spec: bool = True,
    missing: MissingKey = MissingKey.ZERO,
) -> RenderedRequest:
    """The request that a spec describes.

    Args:
        spec: with the templates.
        ref: the fields of `.remoteRef`; in the URL they are query-escaped, elsewhere not.
        secrets: the data of `spec.secrets` by name.
        method: when the spec names none.
        body: when the spec has none.
        body_from_spec: False sends no body of the spec.
        missing: what names that do not exist give.

    Raises:
        InvalidSpecError: a template fails.
    """
    revealed = {name: {key: value.reveal() for key, value in data.items()} for name, data in secrets.items()}
    plain: TemplateData = {**revealed, "remoteRef": ref}
    escaped: TemplateData = {**revealed, "remoteRef": {key: _escaped(key, value) for key, value in ref.items()}}
    headers = tuple(
        (name, rendered(value, plain, f"headers[{name}]", missing)) for name, value in (spec.headers or {}).items()
    )
    if body_from_spec and spec.body:
        body = rendered(spec.body, plain, "body", missing).encode("utf-8", "surrogateescape")
    return RenderedRequest(spec.method or method, rendered(spec.url, escaped, "url", missing), headers, body or b"")


def _escaped(key: str, value: bytes) -> bytes:
    return value if key == "namespace" else quote_plus(value, safe="").encode()
