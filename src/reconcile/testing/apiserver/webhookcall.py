"""One call of an admission webhook over HTTPS."""

from __future__ import annotations

import base64
import binascii
import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from reconcile.client.tls import trusting

__all__ = ["ServiceResolver", "WebhookCallError", "WebhookCaller"]

ServiceResolver = Callable[[str, str, int], tuple[str, int]]
"""(namespace, name, port) of a Service to the address that serves it."""

DEFAULT_PORT = 443


class WebhookCallError(Exception):
    """A webhook that could not be asked; whether that fails the request is the webhook's failurePolicy."""


def _in_cluster(namespace: str, name: str, port: int) -> tuple[str, int]:
    return f"{name}.{namespace}.svc", port


class WebhookCaller:
    """Sends AdmissionReviews. Every call has a connection of its own, so that a changed certificate is seen at once.

    Args:
        resolve: finds the address of a Service; by default its in-cluster name.
    """

    def __init__(self, resolve: ServiceResolver | None = None) -> None:
        self._resolve = resolve or _in_cluster

    async def call(self, client_config: Mapping[str, Any], review: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """The decoded answer.

        Args:
            client_config: `url` or `service`, and `caBundle`.
            review: the AdmissionReview to send.
            timeout: seconds for the whole call.

        Raises:
            WebhookCallError: no answer in time, an HTTP status other than 200, or a body that is no JSON object.
        """
        url, server_name = self._target(client_config)
        shown = f"{url}?timeout={timeout:g}s"
        try:
            context = _tls_context(client_config.get("caBundle") or "")
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout), trust_env=False) as session,
                session.post(
                    url,
                    params={"timeout": f"{timeout:g}s"},
                    data=json.dumps(review).encode(),
                    headers={"Content-Type": "application/json", "Accept": "application/json"},
                    ssl=context,
                    server_hostname=server_name,
                    allow_redirects=False,
                ) as response,
            ):
                body = await response.read()
                status = response.status
        except TimeoutError as err:
            raise WebhookCallError(f'failed to call webhook: Post "{shown}": context deadline exceeded') from err
        except (aiohttp.ClientError, ssl.SSLError, OSError, binascii.Error) as err:
            raise WebhookCallError(f'failed to call webhook: Post "{shown}": {err}') from err
        if status != 200:
            raise WebhookCallError(f"failed to call webhook: the server answered {status}")
        return _decode(body)

    def _target(self, client_config: Mapping[str, Any]) -> tuple[str, str | None]:
        if client_config.get("url"):
            return str(client_config["url"]), None
        service = client_config.get("service") or {}
        namespace, name = str(service.get("namespace", "")), str(service.get("name", ""))
        host, port = self._resolve(namespace, name, int(service.get("port") or DEFAULT_PORT))
        path = str(service.get("path") or "/")
        return f"https://{host}:{port}{path}", f"{name}.{namespace}.svc"


def _tls_context(bundle: str) -> ssl.SSLContext:
    return trusting(ca_data=base64.b64decode(bundle).decode("ascii", errors="replace") or None)


def _decode(body: bytes) -> dict[str, Any]:
    try:
        review = json.loads(body)
    except ValueError as err:
        raise WebhookCallError("failed to call webhook: the answer is no JSON") from err
    if not isinstance(review, dict):
        raise WebhookCallError("failed to call webhook: the answer is no AdmissionReview")
    return review
