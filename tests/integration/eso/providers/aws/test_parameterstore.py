"""Parameter Store through the provider."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
)
from eso.providers.base import FindRef, PushRemoteRef, RemoteRef
from eso.values import reveal_all
from tests.integration.eso.providers.aws.conftest import Cloud, entry, source

SERVICE = "ParameterStore"


async def value(cloud: Cloud, key: str, version: str = "", **spec: Any) -> str:
    async with cloud.lend(SERVICE, **spec) as client:
        return (await client.get_secret(RemoteRef(key, version=version))).reveal_text()


async def push(cloud: Cloud, remote: str, key: str = "", *, data: Any = None, **spec: Any) -> None:
    async with cloud.lend(SERVICE) as client:
        await client.push_secret(source(**(data or {"a": "1"})), entry(remote, key, "ignored", **spec))


async def tags(cloud: Cloud, name: str) -> dict[str, str]:
    found = await cloud.aws.direct("AmazonSSM.ListTagsForResource", ResourceType="Parameter", ResourceId=name)
    return {tag["Key"]: tag["Value"] for tag in found["TagList"]}


class TestGet:
    async def test_value_property_and_extract(self, cloud: Cloud) -> None:
        await cloud.parameter("/db", '{"user":"admin","a.b":"literal","n":1}')
        async with cloud.lend(SERVICE) as client:
            for name, expected in (("user", "admin"), ("a.b", "literal"), ("n", "1")):
                assert (await client.get_secret(RemoteRef("/db", name))).reveal_text() == expected
            assert reveal_all(await client.get_secret_map(RemoteRef("/db"))) == {
                "user": b"admin",
                "a.b": b"literal",
                "n": b"1",
            }
            with pytest.raises(ProviderError) as raised:
                await client.get_secret(RemoteRef("/db", "nope"))
        assert not isinstance(raised.value, NoSecretError)
        assert cloud.aws.of("GetParameter")[0].body == {"Name": "/db", "WithDecryption": True}

    async def test_prefix_and_version(self, cloud: Cloud) -> None:
        await cloud.parameter("/team/db", "one")
        await cloud.parameter("/team/db", "two", Overwrite=True)
        assert await value(cloud, "db", prefix="/team/") == "two"
        assert await value(cloud, "db", "1", prefix="/team/") == "one"
        assert cloud.aws.of("GetParameter")[-1].body["Name"] == "/team/db:1"

    async def test_secure_string_is_decrypted(self, cloud: Cloud) -> None:
        await push(cloud, "/s", "a", secretType="SecureString")
        assert await value(cloud, "/s") == "1"

    async def test_missing_is_no_secret_and_without_value_is_an_error(self, cloud: Cloud) -> None:
        with pytest.raises(NoSecretError):
            await value(cloud, "/gone")
        cloud.aws.fail("GetParameter", status=200, body=b'{"Parameter": {"Name": "/x"}}')
        with pytest.raises(ProviderError, match="no value") as raised:
            await value(cloud, "/x")
        assert not isinstance(raised.value, NoSecretError)

    async def test_fetch_gives_tags(self, cloud: Cloud) -> None:
        await cloud.parameter("/db", "x", Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}])
        async with cloud.lend(SERVICE) as client:
            assert (
                await client.get_secret(RemoteRef("/db", metadata_policy="Fetch"))
            ).reveal_text() == '{"a":"1","b":"2"}'
            assert (await client.get_secret(RemoteRef("/db", "a", "1", "Fetch"))).reveal_text() == "1"
            with pytest.raises(ProviderError) as raised:
                await client.get_secret(RemoteRef("/gone", metadata_policy="Fetch"))
        assert cloud.aws.of("ListTagsForResource")[1].body["ResourceId"] == "/db:1"
        assert not isinstance(raised.value, NoSecretError)


class TestBatches:
    async def test_reads_that_arrive_together(self, cloud: Cloud) -> None:
        for number in range(12):
            await cloud.parameter(f"/p{number}", f"v{number}")
        keys = [*(f"/p{number}" for number in range(12)), "/gone"]
        async with cloud.lend(SERVICE) as client:
            found = await asyncio.gather(*(client.get_secret(RemoteRef(key)) for key in keys), return_exceptions=True)
        assert [item.reveal_text() for item in found[:12]] == [f"v{number}" for number in range(12)]  # type: ignore[union-attr]
        assert isinstance(found[12], NoSecretError)
        assert cloud.aws.operations() == ["GetParameters"] * 2
        assert cloud.counted(SERVICE, "GetParameters") == 2

    async def test_one_denied_key_does_not_fail_the_others(self, cloud: Cloud) -> None:
        for name in ("/a", "/b", "/secret"):
            await cloud.parameter(name, name)
        for operation in ("GetParameters", "GetParameter"):
            cloud.aws.fail(operation, "AccessDeniedException", times=-1, contains="/secret")
        async with cloud.lend(SERVICE) as client:
            found = await asyncio.gather(
                *(client.get_secret(RemoteRef(key)) for key in ("/a", "/b", "/secret")), return_exceptions=True
            )
        assert [item.reveal_text() for item in found[:2]] == ["/a", "/b"]  # type: ignore[union-attr]
        assert isinstance(found[2], AccessDeniedError)
        assert cloud.aws.operations().count("GetParameters") == 1

    async def test_throttled_batches_are_throttled(self, cloud: Cloud) -> None:
        cloud.aws.fail("GetParameters", "ThrottlingException", times=-1)
        async with cloud.lend(SERVICE) as client:
            found = await asyncio.gather(*(client.get_secret(RemoteRef(key)) for key in "ab"), return_exceptions=True)
        assert all(isinstance(item, ThrottledError) for item in found)
        assert cloud.aws.of("GetParameter") == []


class TestFind:
    @pytest.fixture(autouse=True)
    async def parameters(self, cloud: Cloud) -> None:
        for name, tag in (("/app/one", "a"), ("/app/deep/two", "b"), ("/web/one", "a")):
            await cloud.parameter(name, f"value of {name}", Tags=[{"Key": "team", "Value": tag}])

    @pytest.mark.parametrize(
        ("ref", "expected", "first"),
        [
            (FindRef(name_regexp="one$"), {"/app/one", "/web/one"}, "GetParametersByPath"),
            (FindRef(name_regexp=".", path="/app"), {"/app/one", "/app/deep/two"}, "GetParametersByPath"),
            (FindRef(name_regexp="two", tags={"team": "a"}), {"/app/deep/two"}, "GetParametersByPath"),
            (FindRef(tags={"team": "a"}), {"/app/one", "/web/one"}, "DescribeParameters"),
            (FindRef(tags={"team": "a"}, path="/app"), {"/app/one"}, "DescribeParameters"),
        ],
    )
    async def test_find(self, cloud: Cloud, ref: FindRef, expected: set[str], first: str) -> None:
        async with cloud.lend(SERVICE) as client:
            found = reveal_all(await client.get_all_secrets(ref))
        assert found == {name: f"value of {name}".encode() for name in expected}
        assert cloud.aws.operations()[0] == first

    @pytest.mark.parametrize(
        ("path", "filters", "expected"),
        [
            (None, None, {"/app/one", "/web/one"}),
            ("/app", [{"Key": "Path", "Option": "Recursive", "Values": ["/app"]}], {"/app/one"}),
        ],
    )
    async def test_names_are_listed_where_trees_may_not_be_read(
        self, cloud: Cloud, path: str | None, filters: Any, expected: set[str]
    ) -> None:
        cloud.aws.fail("GetParametersByPath", "AccessDeniedException", times=-1)
        async with cloud.lend(SERVICE) as client:
            assert set(await client.get_all_secrets(FindRef(name_regexp="one", path=path))) == expected
        assert cloud.aws.of("DescribeParameters")[0].body.get("ParameterFilters") == filters
        assert cloud.counted(SERVICE, "DescribeParameter") == 1

    async def test_every_page_is_read(self, cloud: Cloud) -> None:
        for number in range(23):
            await cloud.parameter(f"/many/{number:02}", "x")
        async with cloud.lend(SERVICE) as client:
            assert len(await client.get_all_secrets(FindRef(name_regexp=".", path="/many"))) == 23
        assert len(cloud.aws.of("GetParametersByPath")) == 3

    async def test_neither_name_nor_tags(self, cloud: Cloud) -> None:
        async with cloud.lend(SERVICE) as client:
            with pytest.raises(InvalidRequestError, match="unexpected find operator"):
                await client.get_all_secrets(FindRef(path="/app"))


class TestPush:
    async def test_new_parameter(self, cloud: Cloud) -> None:
        await push(cloud, "/p", "a", tags={"team": "x"}, description="d")
        request = cloud.aws.of("PutParameter")[0].body
        assert request["Type"] == "String" and request["Overwrite"] is False and request["Description"] == "d"
        assert await tags(cloud, "/p") == {"managed-by": "external-secrets", "team": "x"}
        assert await value(cloud, "/p") == "1"

    @pytest.mark.parametrize(
        ("spec", "expected"),
        [({}, '{"a":"MQ==","b":"PDI+"}'), ({"encodeAsDecoded": True}, '{"a":"1","b":"<2>"}')],
    )
    async def test_whole_secret(self, cloud: Cloud, spec: dict[str, Any], expected: str) -> None:
        await push(cloud, "/p", data={"b": "<2>", "a": "1"}, **spec)
        assert await value(cloud, "/p") == expected

    async def test_type_key_and_tier(self, cloud: Cloud) -> None:
        policies = [{"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": "2030-01-01T00:00:00Z"}}]
        await push(cloud, "/s", "a", secretType="SecureString", kmsKeyID="key")
        await push(cloud, "/d", "a", secretType="SecureString", tier={"type": "Advanced", "policies": policies})
        await push(
            cloud, "/l", "a", secretType="StringList", kmsKeyID="key", tier={"type": "Standard", "policies": policies}
        )
        secure, advanced, plain = (seen.body for seen in cloud.aws.of("PutParameter"))
        assert secure["KeyId"] == "key" and "Tier" not in secure
        assert advanced["KeyId"] == "alias/aws/ssm" and advanced["Tier"] == "Advanced"
        assert json.loads(advanced["Policies"]) == policies
        assert not plain.keys() & {"KeyId", "Tier", "Policies"}

    async def test_same_value_ends_before_any_tag_work(self, cloud: Cloud) -> None:
        await push(cloud, "/p", "a", tags={"x": "1"})
        await push(cloud, "/p", "a", tags={"x": "2"})
        assert len(cloud.aws.of("PutParameter")) == 1
        assert (await tags(cloud, "/p"))["x"] == "1"

    async def test_changed_value_is_written_and_tags_follow(self, cloud: Cloud) -> None:
        await push(cloud, "/p", "a", tags={"x": "1", "y": "1"})
        await push(cloud, "/p", "a", data={"a": "2"}, tags={"y": "2"})
        second = cloud.aws.of("PutParameter")[1].body
        assert second["Overwrite"] is True and "Tags" not in second
        assert await tags(cloud, "/p") == {"managed-by": "external-secrets", "y": "2"}
        assert await value(cloud, "/p") == "2"

    async def test_somebody_elses_parameter(self, cloud: Cloud) -> None:
        await cloud.parameter("/p", "x")
        with pytest.raises(ProviderError, match="not managed by external-secrets"):
            await push(cloud, "/p", "a")
        async with cloud.lend(SERVICE) as client:
            await client.delete_secret(PushRemoteRef("/p"))
        assert await value(cloud, "/p") == "x"

    async def test_value_that_was_not_decrypted(self, cloud: Cloud) -> None:
        await push(cloud, "/p", "a", data={"a": "sensitive"})
        with pytest.raises(ProviderError, match="cannot be compared"):
            await push(cloud, "/p", "a")

    @pytest.mark.parametrize(
        "spec", [{"tags": {"managed-by": "x"}}, {"secretType": "Map"}, {"tier": {"type": "Huge"}}, {"nope": True}]
    )
    async def test_wrong_metadata(self, cloud: Cloud, spec: dict[str, Any]) -> None:
        with pytest.raises(InvalidSpecError):
            await push(cloud, "/p", "a", **spec)

    async def test_binary_value(self, cloud: Cloud) -> None:
        with pytest.raises(InvalidSpecError, match="UTF-8"):
            await push(cloud, "/p", "a", data={"a": b"\xff"})

    async def test_exists_and_delete(self, cloud: Cloud) -> None:
        await push(cloud, "/p", "a")
        async with cloud.lend(SERVICE) as client:
            assert await client.secret_exists(PushRemoteRef("/p"))
            assert cloud.aws.operations()[-1] == "GetParameter"
            assert cloud.aws.of("GetParameter")[-1].body["WithDecryption"] is False
            await client.delete_secret(PushRemoteRef("/p"))
        async with cloud.lend(SERVICE) as client:
            assert not await client.secret_exists(PushRemoteRef("/p"))
            await client.delete_secret(PushRemoteRef("/p"))
        assert len(cloud.aws.of("DeleteParameter")) == 1
