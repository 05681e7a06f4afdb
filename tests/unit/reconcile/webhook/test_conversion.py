from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from reconcile.metrics import WebhookMetrics
from reconcile.webhook import ConversionWebhook, DeniedError


async def _convert(body: dict[str, Any], version: str) -> dict[str, Any]:
    if "poison" in body:
        raise KeyError("s3cret")
    if "stuck" in body:
        raise DeniedError(f"cannot be expressed in {version}")
    return {**body, "converted": True}


def _ask(body: bytes, metrics: WebhookMetrics | None = None) -> dict[str, Any]:
    answer = json.loads(asyncio.run(ConversionWebhook(_convert).handle("/convert", body, metrics)))
    assert (answer["apiVersion"], answer["kind"]) == ("apiextensions.k8s.io/v1", "ConversionReview")
    response: dict[str, Any] = answer["response"]
    return response


def _review(*objects: dict[str, Any]) -> bytes:
    request = {"uid": "7", "desiredAPIVersion": "example.com/v2", "objects": list(objects)}
    return json.dumps(
        {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}
    ).encode()


def test_objects_are_converted_and_those_of_the_version_left_alone() -> None:
    old, new = {"apiVersion": "example.com/v1", "kind": "Team"}, {"apiVersion": "example.com/v2", "kind": "Team"}
    assert _ask(_review(old, new)) == {
        "uid": "7",
        "convertedObjects": [{**new, "converted": True}, new],
        "result": {"status": "Success"},
    }


@pytest.mark.parametrize(
    ("mark", "message", "panics"),
    [
        ("poison", "Team default/a: the conversion failed: KeyError", 1.0),
        ("stuck", "Team default/a: cannot be expressed in example.com/v2", 0.0),
    ],
)
def test_one_failure_fails_the_review(mark: str, message: str, panics: float) -> None:
    body = {"apiVersion": "example.com/v1", "kind": "Team", "metadata": {"name": "a", "namespace": "default"}, mark: 1}
    registry = CollectorRegistry()
    assert _ask(_review(body), WebhookMetrics(registry)) == {
        "uid": "7",
        "result": {"status": "Failure", "message": message},
    }
    assert registry.get_sample_value("controller_runtime_conversion_webhook_panics_total") == panics


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"request": 5}'])
def test_nonsense_gets_an_answer(body: bytes) -> None:
    assert _ask(body)["result"]["status"] == "Failure"
