"""providers/gitlab.md, row by row, against a server that speaks GitLab's API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, ValidationResult
from eso.providers.gitlab.provider import GitlabProvider
from eso.values import reveal_all
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.gitlab import Gitlab
from tests.support.vendors.tokenserver import serving

AUTH = {"SecretRef": {"accessToken": {"name": "gitlab", "key": "token"}}}
VARIABLES = {
    "projects/7": [
        ("DB_PW", "canary-any", "*"),
        ("DB_PW", "canary-prod", "prod"),
        ("ONLY_PROD", "p", "prod"),
        ("EMPTY", "", "*"),
        ("DOC", '{"a": "x", "n": {"k": 1}}', "*"),
        ("MAP", '{"a": "x", "b": null}', "*"),
        ("NESTED", '{"inner": {"c": "y"}, "list": [1]}', "*"),
    ],
    "projects/team/app": [("PATHED", "by path", "*")],
    "groups/10": [("FAR", "ten", "*"), ("BOTH", "ten", "*"), ("SPEC", "ten", "prod")],
    "groups/11": [("BOTH", "eleven", "*"), ("NEAR", "eleven", "prod"), ("SPEC", "eleven", "*"), ("DB_PW", "g", "prod")],
}


class Case:
    def __init__(self, gitlab: Gitlab, stores: ProviderBench) -> None:
        self.gitlab = gitlab
        self.stores = stores

    def lend(self, **spec: Any) -> Any:
        return self.stores.lend({"url": self.gitlab.url, "auth": AUTH, "projectID": "7", **spec})


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    gitlab = Gitlab(variables={place: list(found) for place, found in VARIABLES.items()})
    gitlab.groups["projects/7"] = [{"id": 11, "full_path": "team/inner"}, {"id": 10, "full_path": "team"}]
    async with serving(gitlab), bench(GitlabProvider()) as stores:
        await stores.secret("gitlab", token="canary-token", wrong="canary-wrong")
        yield Case(gitlab, stores)


async def found(client: Any, **ref: Any) -> dict[str, str]:
    return {key: text.decode() for key, text in reveal_all(await client.get_all_secrets(FindRef(**ref))).items()}


# 1. Auth, 2. remoteRef


@pytest.mark.parametrize(
    ("spec", "key", "property", "wanted"),
    [
        ({}, "DB_PW", "", "canary-any"),
        ({"environment": "*"}, "DB_PW", "", "canary-any"),
        ({"environment": "prod"}, "DB-PW", "", "canary-prod"),
        ({"environment": "test"}, "DB_PW", "", "canary-any"),
        ({}, "DOC", "n.k", "1"),
        ({}, "DOC", "n", '{"k": 1}'),
        ({"projectID": "team/app"}, "PATHED", "", "by path"),
        ({"groupIDs": ["10", "11"]}, "BOTH", "", "eleven"),
        ({"groupIDs": ["10", "11"]}, "FAR", "", "ten"),
        ({"groupIDs": ["10", "11"], "environment": "prod"}, "NEAR", "", "eleven"),
        ({"groupIDs": ["10", "11"], "environment": "test"}, "BOTH", "", "eleven"),
        ({"inheritFromGroups": True}, "BOTH", "", "eleven"),
        ({"projectID": None, "groupIDs": ["10"]}, "BOTH", "", "ten"),
    ],
)
async def test_reading(case: Case, spec: dict[str, Any], key: str, property: str, wanted: str) -> None:
    async with case.lend(**spec) as client:
        assert await value(client, key, property, version="1", metadata_policy="Fetch") == wanted


async def test_requests_and_metrics(case: Case) -> None:
    async with case.lend(projectID="team/app", environment="a b") as client:
        await value(client, "PATHED")
    assert case.gitlab.seen == [
        "/api/v4/projects/team%2Fapp/variables/PATHED?filter%5Benvironment_scope%5D=a+b",
        "/api/v4/projects/team%2Fapp/variables/PATHED?filter%5Benvironment_scope%5D=*",
    ]
    async with case.lend(inheritFromGroups=True) as client:
        await value(client, "FAR")
        await found(client, name_regexp=".")
    for call in ("ListProjectsGroups", "ProjectVariablesList", "GroupVariablesList", "GroupVariableGet"):
        assert case.stores.counted("GitLab", call) >= 1, call
    assert case.stores.counted("GitLab", "ProjectVariableGet") == 1


@pytest.mark.parametrize(
    ("key", "property", "text"),
    [("EMPTY", "", "empty"), ("DOC", "absent", "absent"), ("NONE", "", "404"), ("ONLY_PROD_X", "", "404")],
)
async def test_what_is_missing_is_a_plain_error(case: Case, key: str, property: str, text: str) -> None:
    async with case.lend(groupIDs=["10", "11"], environment="test") as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await value(client, key, property)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


async def test_a_failing_group_aborts(case: Case) -> None:
    async with case.lend(groupIDs=["10", "11"]) as client:
        case.gitlab.faults = [(404, {}), (403, {})]
        with pytest.raises(AccessDeniedError):
            await value(client, "FAR")


async def test_a_wrong_token(case: Case) -> None:
    async with case.lend(auth={"SecretRef": {"accessToken": {"name": "gitlab", "key": "wrong"}}}) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "DB_PW")
    assert "canary" not in told(caught.value)


# 3. dataFrom


async def test_extract(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "MAP") == {"a": "x", "b": ""}
        assert await mapped(client, "NESTED", "inner") == {"c": "y"}
        with pytest.raises(ProviderError):
            await mapped(client, "NESTED", "list")
        for key in ("DOC", "DB_PW"):
            with pytest.raises(ProviderError) as caught:
                await mapped(client, key)
            assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("spec", "ref", "wanted"),
    [
        ({}, {}, {"DB_PW": "canary-prod", "ONLY_PROD": "p"}),
        ({"environment": "prod"}, {}, {"DB_PW": "canary-prod", "ONLY_PROD": "p"}),
        ({"environment": "test"}, {}, {"DB_PW": "canary-any"}),
        ({}, {"tags": {"environment_scope": "test"}}, {"DB_PW": "canary-any"}),
        ({"environment": "test"}, {"tags": {}}, {"DB_PW": "canary-prod", "ONLY_PROD": "p"}),
    ],
)
async def test_find_by_environment(
    case: Case, spec: dict[str, Any], ref: dict[str, Any], wanted: dict[str, str]
) -> None:
    async with case.lend(**spec) as client:
        assert await found(client, name_regexp="DB_PW|ONLY", **ref) == wanted


async def test_find_in_groups(case: Case) -> None:
    case.gitlab.variables["projects/7"].append(("SPEC", "own", "*"))
    async with case.lend(groupIDs=["10", "11"], environment="prod") as client:
        everything = await found(client, name_regexp="^(BOTH|SPEC|NEAR|FAR|DB_PW)$")
    # A wildcard of a later group replaces nothing; the project replaces any group.
    assert everything == {"BOTH": "ten", "SPEC": "own", "NEAR": "eleven", "FAR": "ten", "DB_PW": "canary-prod"}


async def test_find_follows_pages(case: Case) -> None:
    case.gitlab.page = 2
    async with case.lend() as client:
        assert {"DB_PW", "MAP", "DOC"} <= set(await found(client, name_regexp="."))
    assert sum("per_page=100" in path for path in case.gitlab.seen) == 4


@pytest.mark.parametrize(
    ("spec", "ref"),
    [
        ({}, {}),
        ({}, {"name_regexp": ".", "path": "a"}),
        ({}, {"name_regexp": ".", "tags": {"other": "x"}}),
        ({"environment": "prod"}, {"name_regexp": ".", "tags": {"environment_scope": "test"}}),
        ({}, {"name_regexp": "("}),
        ({"projectID": "404"}, {"name_regexp": "."}),
    ],
)
async def test_find_that_is_refused(case: Case, spec: dict[str, Any], ref: dict[str, Any]) -> None:
    async with case.lend(**spec) as client:
        with pytest.raises(EsoError) as caught:
            await found(client, **ref)
    assert not isinstance(caught.value, NoSecretError)


# 4. Push


async def test_push_delete_and_exists_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.push_secret(source(k="v"), entry("A", "k"))
        with pytest.raises(InvalidRequestError):
            await client.delete_secret(PushRemoteRef("A"))
        with pytest.raises(InvalidRequestError):
            await client.secret_exists(PushRemoteRef("A"))


# 5. Store


async def test_validate(case: Case) -> None:
    assert GitlabProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend(groupIDs=["10", "11"]) as client:
        assert await client.validate() is ValidationResult.READY
    assert len(case.gitlab.seen) == 3
    async with case.lend(groupIDs=["404"]) as client:
        with pytest.raises(ProviderError):
            await client.validate()


@pytest.mark.parametrize(
    ("change", "cluster", "text"),
    [
        ({"projectID": None}, False, "must not both be empty"),
        ({"url": "https://[::1"}, False, "url must be a URL"),
        ({"url": "gitlab.example.com"}, False, "url must be a URL"),
        ({"groupIDs": ["1"], "inheritFromGroups": True}, False, "inheritFromGroups"),
        ({"auth": {"SecretRef": {}}}, False, "accessToken"),
        ({"auth": {"SecretRef": {"accessToken": {"name": "a"}}}}, False, r"accessToken\.key"),
        ({"auth": {"SecretRef": {"accessToken": {"name": "", "key": "k"}}}}, False, r"accessToken\.name"),
        ({}, True, "namespace"),
        ({"auth": {"SecretRef": {"accessToken": {"name": "a", "key": "k", "namespace": "x"}}}}, False, "namespace"),
    ],
)
async def test_static_checks(case: Case, change: dict[str, Any], cluster: bool, text: str) -> None:
    spec = {"auth": AUTH, "projectID": "7"}
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check({**spec, **change}, cluster=cluster)
    assert case.stores.check(spec) == []


# 6. API


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_one_failure_is_tried_again(case: Case, status: int) -> None:
    case.gitlab.faults = [(status, {})]
    async with case.lend() as client:
        assert await value(client, "DB_PW") == "canary-any"
    assert len(case.gitlab.seen) == 2


@pytest.mark.parametrize(
    ("status", "error"), [(429, ThrottledError), (503, UnavailableError), (400, InvalidRequestError)]
)
async def test_faults(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    case.gitlab.faults = [(status, {"Retry-After": "9"})]
    async with case.lend() as client:
        with pytest.raises(error) as caught:
            await value(client, "DB_PW")
    assert "canary" not in told(caught.value) + caplog.text


async def test_an_answer_that_is_none(case: Case) -> None:
    case.gitlab.faults = [(200, {})]
    async with case.lend() as client:
        with pytest.raises(ProviderError) as caught:
            await value(client, "DB_PW")
    assert "canary" not in told(caught.value)


async def test_a_renamed_project_is_followed_on_its_own_host(case: Case) -> None:
    for status in (301, 302, 307, 308):
        moved = {"Location": "/api/v4/projects/team%2Fapp/variables/PATHED"}
        case.gitlab.faults = [(status, moved)]
        async with case.lend() as client:
            assert await value(client, "PATHED") == "by path"


@pytest.mark.parametrize(
    "target", ["", "http://127.0.0.2:9/canary", "//canary.example.com/", "https://[::1", "canary:x"]
)
async def test_the_token_follows_no_other_redirect(case: Case, target: str) -> None:
    case.gitlab.faults = [(302, {"Location": target})]
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="another host") as caught:
            await value(client, "DB_PW")
    assert "canary" not in told(caught.value)


async def test_redirects_without_end(case: Case) -> None:
    case.gitlab.faults = [(302, {"Location": "/x"})] * 11
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="without end"):
            await value(client, "DB_PW")
    assert len(case.gitlab.seen) == 10


async def test_a_token_with_a_line_break_is_told_by_its_secret(case: Case) -> None:
    await case.stores.secret("line", token="canary-token\n")
    with pytest.raises(InvalidSpecError, match='key "token" of secret "app/line" cannot be sent') as caught:
        async with case.lend(auth={"SecretRef": {"accessToken": {"name": "line", "key": "token"}}}):
            pass
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize("key", ["", [{}], None, {"canary": 1}])
async def test_variables_without_a_key(case: Case, key: Any) -> None:
    case.gitlab.variables["projects/7"] = [(key, "canary-value", "*")]
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="with key") as caught:
            await found(client, name_regexp=".")
    assert "canary" not in told(caught.value)
