"""generators/github.md and gitlab.md against servers that check what the vendors check."""

from __future__ import annotations

import re
from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidSpecError,
    ProviderError,
    ReferenceNotFoundError,
)
from tests.support.generatorcontext import GeneratorBench
from tests.support.tokenvendors import (
    NOW,
    Github,
    Gitlab,
    against,
)


@pytest.mark.parametrize("key", ["key", "pkcs1"])
def test_github_token_for_a_signed_app(key: str) -> None:
    case = Github()
    assert case.generate(key) == ({"token": "ghs_canary-token"}, None)
    second = int(NOW.timestamp())
    assert case.vendor.claims == {"iss": "12", "iat": second - 10, "exp": second + 300}


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({}, b""),
        ({"repositories": []}, b""),
        ({"permissions": {}}, b'{"permissions": {}}'),
        ({"permissions": {"contents": "read"}}, b'{"permissions": {"contents": "read"}}'),
        ({"repositories": ["a"]}, b'{"repositories": ["a"]}'),
    ],
)
def test_github_body_only_when_needed(changes: dict[str, Any], body: bytes) -> None:
    case = Github()
    case.generate(**changes)
    assert case.vendor.bodies == [body]


def test_github_message_of_a_refusal_is_shown() -> None:
    case = Github()
    with pytest.raises(AccessDeniedError, match="A JSON web token could not be decoded"):
        other = Github()
        other.bench = GeneratorBench({"app": {"key": case.vendor.pem()}})
        other.generate()


@pytest.mark.parametrize(("key", "error"), [("bad", InvalidSpecError), ("absent", ReferenceNotFoundError)])
def test_github_key_must_be_there_and_a_key(key: str, error: type[EsoError]) -> None:
    with pytest.raises(error) as caught:
        Github().generate(key)
    assert "canary" not in repr(caught.value)


def test_gitlab_creates_and_revokes() -> None:
    case = Gitlab()

    async def story() -> None:
        values, state = await case.bench.generate(
            case.generator, case.spec(username="me", expiresAt="2026-01-02T03:04:05+02:00")
        )
        assert values == {"username": "me", "token": "gldt-canary-1"}
        assert state == {"url": case.vendor.url, "projectID": "group/pro ject", "tokenID": 1}
        assert case.vendor.tokens[1] == {
            "name": "deploy",
            "scopes": ["read_registry"],
            "username": "me",
            "expires_at": "2026-01-02T01:04:05Z",
            "place": "group%2Fpro%20ject",
        }
        await case.bench.cleanup(case.generator, case.spec(url="https://elsewhere.invalid"), state)
        assert case.vendor.tokens == {}
        await case.bench.cleanup(case.generator, case.spec(), state)

    against(case.vendor, story)
    assert case.vendor.seen[-1] == "DELETE /api/v4/projects/group%2Fpro%20ject/deploy_tokens/1"


def test_gitlab_group() -> None:
    case = Gitlab()
    _, state = against(case.vendor, lambda: case.bench.generate(case.generator, case.spec(projectID=None, groupID="7")))
    assert state == {"url": case.vendor.url, "groupID": "7", "tokenID": 1}
    assert case.vendor.seen == ["POST /api/v4/groups/7/deploy_tokens"]


@pytest.mark.parametrize("changes", [{"groupID": "1"}, {"projectID": None}])
def test_gitlab_needs_exactly_one_place(changes: dict[str, Any]) -> None:
    case = Gitlab()
    with pytest.raises(InvalidSpecError, match="exactly one of"):
        against(case.vendor, lambda: case.bench.generate(case.generator, case.spec(**changes)))


@pytest.mark.parametrize("state", [None, {}, {"url": "u", "projectID": "1", "tokenID": 0}])
def test_gitlab_nothing_to_clean_up(state: Any) -> None:
    case = Gitlab()
    against(case.vendor, lambda: case.bench.cleanup(case.generator, case.spec(), state))
    assert case.vendor.seen == []


def test_gitlab_state_of_another_kind_is_refused() -> None:
    case = Gitlab()
    state = {"url": "u", "projectID": "1", "tokenID": "canary"}
    with pytest.raises(InvalidSpecError, match="tokenID") as caught:
        against(case.vendor, lambda: case.bench.cleanup(case.generator, case.spec(), state))
    assert "canary" not in str(caught.value)


def test_gitlab_cleanup_is_blocked_without_credential_and_on_refusal() -> None:
    case = Gitlab()
    state = {"projectID": "1", "tokenID": 1}

    async def refused() -> None:
        case.bench = GeneratorBench({"admin": {"t": "canary-wrong"}})
        with pytest.raises(AccessDeniedError, match="401 Unauthorized"):
            await case.bench.cleanup(case.generator, case.spec(), {"url": case.vendor.url, **state})
        case.bench = GeneratorBench()
        with pytest.raises(ReferenceNotFoundError):
            await case.bench.cleanup(case.generator, case.spec(), {"url": case.vendor.url, **state})

    against(case.vendor, refused)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"message":"m","error":"e"}', "m:"),
        (b'{"error":"insufficient_scope"}', "insufficient_scope:"),
        (b'{"message":{"name":["is too <long>"]}}', '{"name":["is too <long>"]}:'),
        (b'{"message":{},"error":"e"}', "e:"),
        (b'{"message":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "the provider answered"),
    ],
)
def test_gitlab_says_why_it_refuses(body: bytes, text: str) -> None:
    case = Gitlab()
    case.vendor.fault = (403, {}, body)
    with pytest.raises(AccessDeniedError, match=re.escape(f"creating a GitLab deploy token: {text}")):
        against(case.vendor, lambda: case.bench.generate(case.generator, case.spec()))


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (
            b'{"id":7,"username":"gitlab+deploy-token-7","token":"t"}',
            {"username": "gitlab+deploy-token-7", "token": "t"},
        ),
        (b'{"id":7,"token":"t"}', {"username": "", "token": "t"}),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_gitlab_any_2xx_with_a_token_is_success(status: int, body: bytes, values: dict[str, str]) -> None:
    case = Gitlab()
    case.vendor.fault = (status, {}, body)
    made, state = against(case.vendor, lambda: case.bench.generate(case.generator, case.spec()))
    assert (made, state["tokenID"]) == (values, 7)


@pytest.mark.parametrize("body", [b'{"id":7,"token":""}', b'{"token":"t"}', b'{"id":0,"token":"t"}'])
def test_gitlab_answer_without_token_or_id_is_an_error(body: bytes) -> None:
    case = Gitlab()
    case.vendor.fault = (201, {}, body)
    with pytest.raises(ProviderError):
        against(case.vendor, lambda: case.bench.generate(case.generator, case.spec()))
