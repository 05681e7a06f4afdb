"""Reading and pushing values through requests that the store describes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import (
    FindRef,
    ProviderCalls,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import pushed_value
from eso.providers.tcpprobe import tcp_probe
from eso.providers.webhook.api import WebhookApi
from eso.providers.webhook.request import RenderedRequest, rendered, rendered_request
from eso.providers.webhook.spec import WebhookSpec
from eso.transform.gojson import byte_value, loads
from eso.transform.jsonpath import select
from eso.values import SecretMap, SecretValue

__all__ = ["WebhookClient", "value_at"]

_CALL: Final = "HTTPRequest"


class WebhookClient(SecretsClient):
    """A client of one webhook.

    Args:
        spec: the templates.
        secrets: data of `spec.secrets` by name.
        namespace: of the consumer, as templates see it.
        api: sends requests.
        calls: counts and shares them.
    """

    def __init__(
        self,
        spec: WebhookSpec,
        secrets: Mapping[str, SecretMap],
        namespace: str,
        api: WebhookApi,
        calls: ProviderCalls,
    ) -> None:
        self._spec = spec
        self._secrets = secrets
        self._namespace = namespace
        self._api = api
        self._calls = calls

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The body of the answer, or what the JSONPath finds in it."""
        body = await self._read(ref)
        path = self._json_path(ref)
        if not path:
            return SecretValue(body)
        return SecretValue(value_at(select(_json(body, ref.key), path)))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in the answer, or at the JSONPath; a text there is parsed again."""
        found = _json(await self._read(ref), ref.key)
        path = self._json_path(ref)
        if path:
            found = select(found, path)
        if isinstance(found, str):
            found = _json(found.encode(), ref.key)
        if not isinstance(found, dict):
            raise ProviderError(
                f"reading {ref.key} from the webhook: the answer is not a JSON object, check result.jsonPath"
            )
        return {key: SecretValue(byte_value(value)) for key, value in found.items()}

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """A webhook has no list."""
        raise InvalidRequestError("dataFrom.find is not implemented by the webhook provider")

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Send the value; the body is the value itself unless the spec has a template for it."""
        key = entry.remote.remote_key
        if not key:
            raise InvalidSpecError("remoteRef.remoteKey is required")
        value = pushed_value(source, entry).reveal()
        # The value stands under the name of its remote key, as ESO's templates expect it.
        ref = {
            "remoteKey": key.encode(),
            "secretKey": entry.secret_key.encode(),
            "namespace": self._namespace.encode(),
            key: value,
        }
        request = rendered_request(self._spec, ref, self._secrets, method="POST", body=value)
        await self._calls.write(_CALL, lambda: self._api.send(request, f"pushing {key} to the webhook"))

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether reading it answers with anything but 404."""
        try:
            await self._read(RemoteRef(remote.remote_key, remote.property))
        except NoSecretError:
            return False
        return True

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Send DELETE to the rendered URL; gone already is success."""
        ref = {"remoteKey": remote.remote_key.encode(), "namespace": self._namespace.encode()}
        spec = self._spec.model_copy(update={"method": "DELETE"})
        request = rendered_request(spec, ref, self._secrets, method="DELETE", body_from_spec=False)
        try:
            await self._calls.write(
                _CALL, lambda: self._api.send(request, f"deleting {remote.remote_key} at the webhook")
            )
        except NoSecretError:
            return

    async def validate(self) -> ValidationResult:
        """Connect to the host of the URL; one whose host is a template cannot be probed."""
        if _is_templated(self._spec.url):
            return ValidationResult.UNKNOWN
        await tcp_probe(self._spec.url, "the webhook's host")
        return ValidationResult.READY

    async def _read(self, ref: RemoteRef) -> bytes:
        request = rendered_request(self._spec, self._fields(ref), self._secrets, method="GET")
        what = f"reading {ref.key} from the webhook"
        return await self._calls.read(_CALL, _identity(request), lambda: self._api.send(request, what))

    def _fields(self, ref: RemoteRef) -> dict[str, bytes]:
        texts = {"key": ref.key, "version": ref.version, "property": ref.property, "namespace": self._namespace}
        return {name: text.encode() for name, text in texts.items()}

    def _json_path(self, ref: RemoteRef) -> str:
        result = self._spec.result
        if result is None or not result.json_path:
            return ""
        secrets = {name: {key: value.reveal() for key, value in data.items()} for name, data in self._secrets.items()}
        return rendered(result.json_path, {**secrets, "remoteRef": self._fields(ref)}, "result.jsonPath")


def value_at(found: Any) -> bytes:
    """What a JSONPath found, as a value: the first of a list (of lists), text as it is, an object as JSON.

    Raises:
        ProviderError: an empty list.
    """
    while isinstance(found, list):
        if not found:
            raise ProviderError("the answer has an empty list there, check result.jsonPath")
        found = found[0]
    return byte_value(found)


def _is_templated(url: str) -> bool:
    """Whether the host, or what comes before it, is a template."""
    before, _, rest = url.partition("://")
    return "{{" in before or "{{" in rest.partition("/")[0]


def _json(body: bytes, key: str) -> Any:
    try:
        return loads(body)
    except ValueError as err:
        raise ProviderError(f"reading {key} from the webhook: the answer is not JSON, check url") from err


def _identity(request: RenderedRequest) -> str:
    """Equal for equal requests; a digest, because the request may hold credentials."""
    digest = hashlib.sha256()
    for part in (request.method, request.url, *(text for header in request.headers for text in header)):
        digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
    digest.update(request.body)
    return digest.hexdigest()
