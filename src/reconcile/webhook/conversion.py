"""Conversion webhooks: objects from one version of a kind to another."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from reconcile.metrics import WebhookMetrics
from reconcile.webhook.admission import DeniedError

__all__ = ["ConversionWebhook", "Convert"]

_LOG = logging.getLogger(__name__)

Convert = Callable[[dict[str, Any], str], Awaitable[dict[str, Any]]]
"""From an object in JSON form and the wanted `group/version` to the object in that version."""


class ConversionWebhook:
    """Answers the ConversionReviews of one path.

    Args:
        convert: converts one object; raises `DeniedError` when it cannot. It must neither lose what another version cannot
            express nor touch names, uids or immutable metadata; `apiVersion` is set here.
    """

    def __init__(self, convert: Convert) -> None:
        self._convert = convert

    async def handle(self, path: str, body: bytes, metrics: WebhookMetrics | None) -> bytes:
        """The answer to a review; all objects or none."""
        uid, version = "", "apiextensions.k8s.io/v1"
        try:
            review = msgspec.json.decode(body, type=dict[str, Any])
            version = review.get("apiVersion") or version
            request = review["request"]
            uid, wanted, objects = request["uid"], request["desiredAPIVersion"], request["objects"]
        except (msgspec.DecodeError, LookupError, TypeError):
            response = _failure(uid, "this is not a ConversionReview with a request")
        else:
            response = await self._converted(path, uid, wanted, objects, metrics)
        return msgspec.json.encode({"apiVersion": version, "kind": "ConversionReview", "response": response})

    async def _converted(
        self, path: str, uid: str, wanted: str, objects: list[dict[str, Any]], metrics: WebhookMetrics | None
    ) -> dict[str, Any]:
        converted: list[dict[str, Any]] = []
        for body in objects:
            if body.get("apiVersion") == wanted:
                converted.append(body)
                continue
            metadata = body.get("metadata") or {}
            where = f"{body.get('kind', '')} {metadata.get('namespace', '')}/{metadata.get('name', '')}"
            try:
                converted.append({**await self._convert(body, wanted), "apiVersion": wanted})
            except DeniedError as denied:
                return _failure(uid, f"{where}: {denied}")
            except Exception as error:  # noqa: BLE001 - the API server must get an answer, and the process must live on
                if metrics is not None:
                    metrics.conversion_panics.inc()
                kind = type(error).__name__
                _LOG.error("conversion webhook %s failed on %s: %s", path, where, kind)
                return _failure(uid, f"{where}: the conversion failed: {kind}")
        return {"uid": uid, "convertedObjects": converted, "result": {"status": "Success"}}


def _failure(uid: str, message: str) -> dict[str, Any]:
    return {"uid": uid, "result": {"status": "Failure", "message": message}}
