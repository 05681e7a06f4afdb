"""providers/cloudru.md: remoteRef, extract and find."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
)
from eso.providers.base import FindRef, RemoteRef
from eso.providers.cloudrusm.uuids import is_uuid
from eso.values import reveal_all
from tests.integration.eso.providers.cloudrusm.conftest import DB, Case
from tests.support.providerbench import mapped, told, value
from tests.support.vendors.cloudrusm import PROJECT
from tests.support.vendors.grpcserver import GrpcFault


async def found(client: Any, **ref: Any) -> dict[str, bytes]:
    return reveal_all(await client.get_all_secrets(FindRef(**ref)))


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "version", "text"),
    [
        ("app/db", "", "canary-password"),
        ("app/db", "latest", "canary-password"),
        ("app/db", "1", "canary-older"),
        ("app/db", "+1", "canary-older"),
        (DB, "", "canary-password"),
        (DB, "latest", "canary-password"),
        (DB, "1", "canary-older"),
        ("odd/empty", "", ""),
    ],
)
async def test_versions(case: Case, key: str, version: str, text: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, version=version, metadata_policy="Fetch") == text
    method = "AccessSecretVersion" if key == DB else "Access"
    [request] = case.cloud.asked(method)
    if key == DB:
        assert (request.secret_id, request.secret_version_id) == (DB, version or "latest")
    else:
        assert (request.project_id, request.path) == (PROJECT, key)
        assert bool(request.WhichOneof("_version")) == (version not in ("", "latest"))


@pytest.mark.parametrize("version", ["v1", "1.0", " 1", "2147483648", "1_0", "٣", "-2147483649"])
async def test_a_version_that_is_no_number(case: Case, version: str) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="should be a valid int32 value or 'latest' keyword"):
            await value(client, "app/db", version=version)
    assert case.cloud.seen == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DB, True),
        (DB.upper(), True),
        (DB.replace("-", ""), True),
        (f"urn:uuid:{DB}", True),
        (f"{{{DB}}}", True),
        (DB[:-1], False),
        (f"{DB}0", False),
        ("app/db", False),
        ("g" * 32, False),
        (f"{{{DB}", False),
    ],
)
def test_what_is_a_uuid(text: str, expected: bool) -> None:
    assert is_uuid(text) is expected


@pytest.mark.parametrize(
    ("key", "version"), [("app/gone", ""), ("app/db", "9"), ("app/db", "0"), (DB, "9"), ("odd/gone", "")]
)
async def test_what_does_not_exist(case: Case, key: str, version: str) -> None:
    async with case.lend() as client:
        for read in (client.get_secret, client.get_secret_map):
            with pytest.raises(NoSecretError, match="failed to get the secret by") as caught:
                await read(RemoteRef(key, version=version))
            assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("property", "text"),
    [
        ("a", "x"),
        (" a ", "x"),
        ("n.k", "deep"),
        ("l.0", "first"),
        ("dot\\.ted", "y"),
        ("esc", "é\n"),
        # What is not a text is empty, as upstream.
        ("num", ""),
        ("n.m", ""),
        ("n", ""),
        ("l", ""),
        ("l.#", ""),
        ("yes", ""),
        ("null", ""),
    ],
)
async def test_properties(case: Case, property: str, text: str) -> None:
    async with case.lend() as client:
        assert await value(client, "app/doc", property) == text


@pytest.mark.parametrize(
    ("key", "property", "text"),
    [
        ("app/doc", "none", 'the requested property "none" does not exist in secret "app/doc"'),
        ("app/doc", "dot.ted", "does not exist"),
        ("app/db", "a", 'expecting the secret "app/db" in JSON format, could not access property "a"'),
        ("odd/list", "0", "in JSON format"),
        ("odd/empty", "a", "in JSON format"),
    ],
)
async def test_properties_that_cannot_be_had(case: Case, key: str, property: str, text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await value(client, key, property)
        assert not isinstance(caught.value, NoSecretError)
        assert "canary" not in told(caught.value)


async def test_equal_reads_are_one_request(case: Case) -> None:
    async with case.lend() as client:
        await asyncio.gather(*(value(client, "app/doc", name) for name in ("a", "n.k", "esc") * 4))
    assert len(case.cloud.asked("Access")) == 1


# 3. extract, find


async def test_extract_keeps_the_text_of_members(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "odd/raw", "q") == {"q": '\\"in\\', "o": '{ "x" : 1 }', "t": "a<b"}
        assert await mapped(client, "app/doc") == {
            "a": "x",
            "n": '{"k":"deep","m":1}',
            "l": '["first"]',
            "num": "1.50",
            "yes": "true",
            "null": "null",
            "dot.ted": "y",
            "esc": "\\u00e9\\n",
        }
        for key in ("app/db", "odd/list"):
            with pytest.raises(ProviderError, match=f'expecting the secret "{key}" in JSON format') as caught:
                await mapped(client, key)
            assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("ref", "paths"),
    [
        ({"name_regexp": "^d"}, {"app_db", "app_doc"}),
        ({"tags": {"team": "db"}}, {"app_db", "app_doc"}),
        ({"tags": {"team": "db", "env": "prod"}}, {"app_db"}),
        ({"path": "app"}, {"app_db", "app_doc"}),
        ({"path": ""}, {"app_db", "app_doc", "root", "odd_raw", "odd_list", "odd_empty"}),
        ({"path": "app", "name_regexp": "oc$", "tags": {"team": "db"}}, {"app_doc"}),
        ({"name_regexp": "", "path": "odd"}, {"odd_raw", "odd_list", "odd_empty"}),
        ({"name_regexp": "^none$"}, set()),
    ],
)
async def test_find_is_one_search(case: Case, ref: dict[str, Any], paths: set[str]) -> None:
    async with case.lend() as client:
        assert set(await found(client, **ref)) == paths
    [search] = case.cloud.asked("Search")
    assert (search.project_id, search.depth, search.path) == (PROJECT, -1, ref.get("path", ""))
    assert dict(search.labels) == ref.get("tags", {})
    assert search.WhichOneof("name") == ("regex" if ref.get("name_regexp") else None)


async def test_find_reads_the_newest_versions_by_id(case: Case) -> None:
    async with case.lend() as client:
        assert await found(client, name_regexp="^db$", conversion_strategy="Unicode") == {
            "app_U002f_db": b"canary-password"
        }
    [request] = case.cloud.asked("AccessSecretVersion")
    assert (request.secret_id, request.secret_version_id) == (DB, "latest")


async def test_find_needs_something_to_look_for(case: Case) -> None:
    async with case.lend() as client:
        for ref in ({}, {"tags": {}}):
            with pytest.raises(
                InvalidSpecError, match="at least one of the following fields must be set: tags, name, path"
            ):
                await found(client, **ref)


async def test_a_search_that_fails_deletes_nothing(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="failed to list secrets") as caught:
            await found(client, path="none")
        assert not isinstance(caught.value, NoSecretError)
        denied = "/sbercloud.secretmanager.v1.SecretManagerService/AccessSecretVersion"
        case.cloud.fault = GrpcFault(grpc.StatusCode.PERMISSION_DENIED, path=denied)
        with pytest.raises(AccessDeniedError):
            await found(client, path="app")
