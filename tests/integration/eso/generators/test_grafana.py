"""generators/grafana.md against a server that checks what Grafana checks."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
)
from tests.support.tokenvendors import (
    GrafanaCase,
    against,
)


@pytest.mark.parametrize("prefix", ["", "/grafana"])
def test_grafana_makes_the_account_once_and_deletes_tokens(prefix: str) -> None:
    case = GrafanaCase(prefix)

    async def story() -> None:
        case.vendor.accounts[1] = {"id": 1, "name": "robot-2", "login": "other"}
        values, state = await case.bench.generate(case.generator, case.spec())
        assert values == {"login": "sa-robot", "token": "glsa_canary_1"}
        assert state == {"serviceAccount": {"id": 2, "login": "sa-robot", "tokenID": 1}}
        assert case.vendor.accounts[2]["role"] == "Viewer"
        changed = {"name": "robot", "role": "Admin", "secondsToLive": 60}
        _, second = await case.bench.generate(case.generator, case.spec(serviceAccount=changed))
        assert second["serviceAccount"]["tokenID"] == 2
        assert case.vendor.accounts[2]["role"] == "Viewer"
        names = {token["name"] for token in case.vendor.tokens.values()}
        assert len(names) == 2
        assert [token.get("secondsToLive") for token in case.vendor.tokens.values()] == [None, 60]
        await case.bench.cleanup(case.generator, case.spec(), state)
        await case.bench.cleanup(case.generator, case.spec(), state)
        assert list(case.vendor.tokens) == [(2, 2)]
        assert 2 in case.vendor.accounts

    against(case.vendor, story)


def test_grafana_finds_a_token_by_what_was_intended() -> None:
    case = GrafanaCase()

    async def story() -> None:
        spec = case.generator.spec_type.model_validate(case.spec())
        intent = case.generator.intent(spec)
        await case.bench.cleanup(case.generator, case.spec(), intent)
        await case.bench.generate(case.generator, case.spec())
        async with case.bench.context() as context:
            await case.generator.generate_intended(spec, intent, context)
        assert len(case.vendor.tokens) == 2
        for _ in range(2):
            await case.bench.cleanup(case.generator, case.spec(), intent)
            assert [
                token["name"] != intent["serviceAccount"]["tokenName"] for token in case.vendor.tokens.values()
            ] == [True]

    against(case.vendor, story)


@pytest.mark.parametrize(
    ("auth", "error"),
    [
        ({"basic": {"username": "admin", "password": {"name": "admin", "key": "p"}}}, None),
        (
            {
                "token": {"name": "admin", "key": "t"},
                "basic": {"username": "admin", "password": {"name": "admin", "key": "w"}},
            },
            None,
        ),
        ({"token": {"name": "admin", "key": "w"}}, AccessDeniedError),
        ({}, InvalidSpecError),
    ],
)
def test_grafana_sign_in(auth: dict[str, Any], error: type[EsoError] | None) -> None:
    case = GrafanaCase()
    call = lambda: case.bench.generate(case.generator, case.spec(auth=auth))  # noqa: E731
    if error is None:
        assert against(case.vendor, call)[0]["login"] == "sa-robot"
        return
    with pytest.raises(error):
        against(case.vendor, call)


@pytest.mark.parametrize("state", [None, {}, {"serviceAccount": {"id": None, "tokenID": None}}])
def test_grafana_state_must_name_a_token(state: Any) -> None:
    case = GrafanaCase()
    with pytest.raises(InvalidSpecError, match="names no service account"):
        against(case.vendor, lambda: case.bench.cleanup(case.generator, case.spec(), state))


def test_grafana_404_of_something_else_is_no_success() -> None:
    case = GrafanaCase()
    state = {"serviceAccount": {"id": 1, "login": "l", "tokenID": 1}}
    with pytest.raises(InvalidRequestError):
        against(
            case.vendor,
            lambda: case.bench.cleanup(case.generator, case.spec(url=f"{case.vendor.url}/wrong"), state),
        )


@pytest.mark.parametrize(
    "answer",
    [
        (404, b'{"message":"Service account token not found"}'),
        (404, b'{"messageId":"serviceaccounts.ErrTokenNotFound","message":"gone"}'),
        (500, b'{"message":"failed: service account token not found"}'),
    ],
)
def test_grafana_token_that_is_gone_needs_no_cleanup(answer: tuple[int, bytes]) -> None:
    case = GrafanaCase()
    status, body = answer
    case.vendor.fault = (status, {}, body)
    state = {"serviceAccount": {"id": 1, "login": "l", "tokenID": 1}}
    against(case.vendor, lambda: case.bench.cleanup(case.generator, case.spec(), state))
    assert case.vendor.seen == ["DELETE /api/serviceaccounts/1/tokens/1"]


def test_grafana_role_none_and_name_of_the_token() -> None:
    case = GrafanaCase()
    account = {"name": "robot", "role": "None"}
    against(case.vendor, lambda: case.bench.generate(case.generator, case.spec(serviceAccount=account)))
    assert case.vendor.accounts[1]["role"] == "None"
    (token,) = case.vendor.tokens.values()
    assert uuid.UUID(token["name"]).version == 4
    assert "secondsToLive" not in token
