from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from reconcile.errors import TransportError
from reconcile.metrics import WebhookMetrics
from reconcile.webhook import Admission, AdmissionWebhook, DeniedError, mutate_path, mutating, validate_path, validating
from tests.unit.reconcile.controllers import Team, TeamStatus, team


def _review(operation: str = "CREATE", new: Any = None, old: Any = None, version: str = "v1") -> bytes:
    request = {
        "uid": "42",
        "kind": {"group": "example.com", "version": "v1", "kind": "Team"},
        "name": "a",
        "namespace": "default",
        "operation": operation,
        "userInfo": {"username": "alice", "groups": ["devs"]},
        "object": new,
        "oldObject": old,
        "dryRun": True,
    }
    return json.dumps(
        {"apiVersion": f"admission.k8s.io/{version}", "kind": "AdmissionReview", "request": request}
    ).encode()


def _ask(webhook: AdmissionWebhook, body: bytes, metrics: WebhookMetrics | None = None) -> dict[str, Any]:
    answer = json.loads(asyncio.run(webhook.handle("/path", body, metrics)))
    assert answer["kind"] == "AdmissionReview"
    response: dict[str, Any] = answer["response"]
    return response


async def _no_empty_teams(admission: Admission[Team]) -> Sequence[str] | None:
    if admission.operation == "DELETE":
        return None
    if not admission.subject.spec.members:
        raise DeniedError("spec.members: a team has members", code=422, warnings=["see the handbook"])
    return ["one is lonely"] if len(admission.subject.spec.members) == 1 else None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (_review(new=team(spec={"members": ["a", "b"]})), {"uid": "42", "allowed": True}),
        (
            _review(new=team(spec={"members": ["a"]})),
            {"uid": "42", "allowed": True, "warnings": ["one is lonely"]},
        ),
        (
            _review(new=team(spec={})),
            {
                "uid": "42",
                "allowed": False,
                "warnings": ["see the handbook"],
                "status": {
                    "code": 422,
                    "message": "spec.members: a team has members",
                    "reason": "Invalid",
                    "status": "Failure",
                },
            },
        ),
        (_review("DELETE", old=team()), {"uid": "42", "allowed": True}),
    ],
    ids=["allowed", "warned", "denied", "delete"],
)
def test_validating(body: bytes, expected: dict[str, Any]) -> None:
    assert _ask(validating(Team, _no_empty_teams), body) == expected


def test_the_answer_has_the_version_of_the_question() -> None:
    for version in ("v1", "v1beta1"):
        body = _review(new=team(spec={"members": ["a", "b"]}), version=version)
        answer = json.loads(asyncio.run(validating(Team, _no_empty_teams).handle("/", body, None)))
        assert answer["apiVersion"] == f"admission.k8s.io/{version}"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"request": 5}', b'{"request": {}}'])
def test_nonsense_gets_an_answer(body: bytes) -> None:
    response = _ask(validating(Team, _no_empty_teams), body)
    assert (response["allowed"], response["status"]["code"]) == (False, 400)


def test_an_object_of_another_shape_is_refused_without_its_values() -> None:
    response = _ask(validating(Team, _no_empty_teams), _review(new=team(spec={"members": {"s3cret": 1}})))
    assert response["status"]["code"] == 400
    assert "spec.members: list_type" in response["status"]["message"]
    assert "s3cret" not in json.dumps(response)


@pytest.mark.parametrize(
    ("error", "message", "panics"),
    [
        (KeyError("s3cret"), "the webhook failed: KeyError", 1.0),
        (TransportError("refused"), "the webhook could not ask the API server: refused", 0.0),
    ],
)
def test_a_handler_that_fails_refuses_with_500(error: Exception, message: str, panics: float) -> None:
    async def fail(_: Admission[Team]) -> None:
        raise error

    registry = CollectorRegistry()
    response = _ask(validating(Team, fail), _review(new=team()), WebhookMetrics(registry))
    assert not response["allowed"]
    assert (response["status"]["code"], response["status"]["message"]) == (500, message)
    assert registry.get_sample_value("controller_runtime_webhook_panics_total") == panics


def _patch(response: dict[str, Any]) -> Any:
    assert response["patchType"] == "JSONPatch"
    return json.loads(base64.b64decode(response["patch"]))


def test_mutating_with_a_model_changes_only_what_changed() -> None:
    async def ready(admission: Admission[Team]) -> Team:
        assert admission.object is not None
        return admission.object.model_copy(update={"status": TeamStatus(phase="Ready")})

    body = team(spec={"members": ["a"], "unknown": {"kept": True}})
    assert _patch(_ask(mutating(Team, ready), _review(new=body))) == [
        {"op": "add", "path": "/status", "value": {"phase": "Ready"}}
    ]


def test_mutating_with_json_and_without_a_change() -> None:
    async def label(admission: Admission[Team]) -> dict[str, Any] | None:
        body = admission.request.object or {}
        if body["metadata"].get("labels"):
            return body
        return {**body, "metadata": {**body["metadata"], "labels": {"a/b": "c"}}}

    webhook = mutating(Team, label)
    assert _patch(_ask(webhook, _review(new=team()))) == [
        {"op": "add", "path": "/metadata/labels", "value": {"a/b": "c"}}
    ]
    for body in (_review(new=team(metadata={"labels": {"a/b": "c"}})), _review("DELETE", old=team())):
        if b"DELETE" not in body:
            assert _ask(webhook, body) == {"uid": "42", "allowed": True}


def test_the_handler_sees_who_asks_and_both_objects() -> None:
    seen: list[Admission[Team]] = []

    async def look(admission: Admission[Team]) -> None:
        seen.append(admission)

    _ask(validating(Team, look), _review("UPDATE", new=team(version=2), old=team(version=1)))
    (admission,) = seen
    assert admission.object is not None
    assert admission.old is not None
    assert (admission.object.metadata.resource_version, admission.old.metadata.resource_version) == ("2", "1")
    assert admission.request.user_info.username == "alice"
    assert admission.request.dry_run is True


def test_paths_are_those_of_controller_runtime() -> None:
    assert validate_path(Team) == "/validate-example-com-v1-team"
    assert mutate_path(Team) == "/mutate-example-com-v1-team"
