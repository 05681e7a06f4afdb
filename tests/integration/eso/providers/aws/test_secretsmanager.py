"""Secrets Manager through the provider: reading, finding, pushing and what can go wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
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
from eso.providers.base import FindRef, PushRemoteRef, RemoteRef
from eso.values import reveal_all
from reconcile.api.core_v1 import ConfigMap, Secret
from tests.integration.eso.providers.aws.conftest import Cloud, entry, source

SERVICE = "SecretsManager"
DOCUMENT = '{"user":"admin","a.b":"literal","a":{"b":"path"},"n":1.50,"list":[1,2],"none":null}'


async def value(cloud: Cloud, key: str, **spec: Any) -> str:
    async with cloud.lend(**spec) as client:
        return (await client.get_secret(RemoteRef(key))).reveal_text()


async def push(cloud: Cloud, remote: str, key: str = "", prop: str = "", *, data: Any = None, **spec: Any) -> None:
    async with cloud.lend() as client:
        await client.push_secret(source(**(data or {"a": "1"})), entry(remote, key, prop, **spec))


async def described(cloud: Cloud, name: str) -> dict[str, Any]:
    return await cloud.aws.direct("secretsmanager.DescribeSecret", SecretId=name)


async def tags(cloud: Cloud, name: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in (await described(cloud, name))["Tags"]}


class TestGet:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("", DOCUMENT),
            ("user", "admin"),
            ("a.b", "literal"),
            ("n", "1.5"),
            ("list", "[1,2]"),
            ("list.1", "2"),
            ("none", ""),
        ],
    )
    async def test_value_and_property(self, cloud: Cloud, name: str, expected: str) -> None:
        await cloud.secret("db", DOCUMENT)
        async with cloud.lend() as client:
            assert (await client.get_secret(RemoteRef("db", name))).reveal_text() == expected

    async def test_absent_property_is_a_plain_error(self, cloud: Cloud) -> None:
        await cloud.secret("db", DOCUMENT)
        async with cloud.lend() as client:
            with pytest.raises(ProviderError, match="key nope does not exist in secret db") as raised:
                await client.get_secret(RemoteRef("db", "nope"))
        assert not isinstance(raised.value, NoSecretError)

    async def test_binary_value(self, cloud: Cloud) -> None:
        await cloud.aws.direct(
            "secretsmanager.CreateSecret", Name="bin", SecretBinary=base64.b64encode(b"\x00\xff").decode()
        )
        async with cloud.lend() as client:
            assert (await client.get_secret(RemoteRef("bin"))).reveal() == b"\x00\xff"

    async def test_key_may_be_an_arn(self, cloud: Cloud) -> None:
        await cloud.secret("db", "x")
        assert await value(cloud, (await described(cloud, "db"))["ARN"]) == "x"

    async def test_prefix_is_put_before_the_key(self, cloud: Cloud) -> None:
        await cloud.secret("team/db", "x")
        assert await value(cloud, "db", prefix="team/") == "x"

    async def test_versions(self, cloud: Cloud) -> None:
        await cloud.secret("db", "one")
        first = next(iter((await described(cloud, "db"))["VersionIdsToStages"]))
        await cloud.aws.direct("secretsmanager.PutSecretValue", SecretId="db", SecretString="two")
        async with cloud.lend() as client:
            for version, expected in (
                ("", "two"),
                ("AWSCURRENT", "two"),
                ("AWSPREVIOUS", "one"),
                (f"uuid/{first}", "one"),
            ):
                assert (await client.get_secret(RemoteRef("db", version=version))).reveal_text() == expected

    async def test_fetch_gives_tags(self, cloud: Cloud) -> None:
        await cloud.secret("db", "x", Tags=[{"Key": "b", "Value": "<2>"}, {"Key": "a.x", "Value": "1"}])
        async with cloud.lend() as client:
            whole = await client.get_secret(RemoteRef("db", metadata_policy="Fetch", version="ignored"))
            assert whole.reveal_text() == '{"a.x":"1","b":"\\u003c2\\u003e"}'
            assert (await client.get_secret(RemoteRef("db", "a.x", metadata_policy="Fetch"))).reveal_text() == "1"
            with pytest.raises(ProviderError) as raised:
                await client.get_secret(RemoteRef("gone", metadata_policy="Fetch"))
        assert not isinstance(raised.value, NoSecretError)

    async def test_missing_and_deleted_secrets_are_no_secret(self, cloud: Cloud) -> None:
        await cloud.secret("old", "x")
        await cloud.aws.direct("secretsmanager.DeleteSecret", SecretId="old")
        cloud.aws.fail(
            "GetSecretValue",
            "InvalidParameterException",
            message="You can't perform this operation on the secret because it was marked for deletion.",
            contains="other",
        )
        async with cloud.lend() as client:
            for key in ("gone", "old", "other"):
                with pytest.raises(NoSecretError):
                    await client.get_secret(RemoteRef(key))
            with pytest.raises(NoSecretError):
                await client.get_secret(RemoteRef("old", version="AWSPENDING"))

    async def test_other_invalid_requests_are_errors(self, cloud: Cloud) -> None:
        cloud.aws.fail("GetSecretValue", "InvalidParameterException", message="no")
        async with cloud.lend() as client:
            with pytest.raises(InvalidRequestError, match="InvalidParameterException"):
                await client.get_secret(RemoteRef("db"))

    async def test_extract_splits_an_object(self, cloud: Cloud) -> None:
        await cloud.secret("db", DOCUMENT)
        await cloud.secret("text", "x")
        async with cloud.lend() as client:
            found = reveal_all(await client.get_secret_map(RemoteRef("db")))
            assert found["user"] == b"admin" and found["n"] == b"1.50" and found["list"] == b"[1,2]"
            with pytest.raises(ProviderError):
                await client.get_secret_map(RemoteRef("text"))


class TestBatches:
    async def test_reads_that_arrive_together_are_one_request(self, cloud: Cloud) -> None:
        for number in range(25):
            await cloud.secret(f"s{number}", f"v{number}")
        await cloud.secret("old", "x")
        await cloud.aws.direct("secretsmanager.DeleteSecret", SecretId="old")
        keys = [*(f"s{number}" for number in range(25)), "gone", "old"]
        async with cloud.lend() as client:
            found = await asyncio.gather(*(client.get_secret(RemoteRef(key)) for key in keys), return_exceptions=True)
        assert [item.reveal_text() for item in found[:25] if not isinstance(item, BaseException)] == [
            f"v{number}" for number in range(25)
        ]
        assert all(isinstance(item, NoSecretError) for item in found[25:])
        assert cloud.aws.operations() == ["BatchGetSecretValue"] * 2
        assert cloud.counted(SERVICE, "BatchGetSecretValue") == 2

    async def test_a_lone_read_is_a_single_call(self, cloud: Cloud) -> None:
        await cloud.secret("db", "x")
        assert await value(cloud, "db") == "x"
        assert cloud.aws.operations() == ["GetSecretValue"]
        assert cloud.counted(SERVICE, "GetSecretValue") == 1
        assert cloud.counted(SERVICE, "BatchGetSecretValue") == 0

    async def test_denied_per_key(self, cloud: Cloud) -> None:
        body = {
            "SecretValues": [{"Name": "a", "ARN": "arn:a", "SecretString": "1"}],
            "Errors": [{"SecretId": "b", "ErrorCode": "AccessDeniedException", "Message": "no"}],
        }
        cloud.aws.fail("BatchGetSecretValue", status=200, body=json.dumps(body).encode())
        async with cloud.lend() as client:
            first, second = await asyncio.gather(
                client.get_secret(RemoteRef("a")), client.get_secret(RemoteRef("b")), return_exceptions=True
            )
        assert first.reveal_text() == "1"
        assert isinstance(second, AccessDeniedError)

    async def test_batches_that_are_not_allowed_become_single_calls(self, cloud: Cloud) -> None:
        for name in "abc":
            await cloud.secret(name, name)
        cloud.aws.fail("BatchGetSecretValue", "AccessDeniedException", times=-1)
        async with cloud.lend() as client:
            for _ in range(2):
                found = await asyncio.gather(*(client.get_secret(RemoteRef(name)) for name in "abc"))
                assert [item.reveal_text() for item in found] == ["a", "b", "c"]
        assert cloud.counted(SERVICE, "BatchGetSecretValue", "error") == 1
        assert cloud.counted(SERVICE, "GetSecretValue") >= 3

    async def test_a_key_that_the_answer_leaves_out_is_asked_for_alone(self, cloud: Cloud) -> None:
        await cloud.secret("a", "1")
        await cloud.secret("b", "2")
        body = {"SecretValues": [{"Name": "a", "ARN": "arn:a", "SecretString": "1"}], "NextToken": "more"}
        cloud.aws.fail("BatchGetSecretValue", status=200, body=json.dumps(body).encode())
        async with cloud.lend() as client:
            found = await asyncio.gather(*(client.get_secret(RemoteRef(name)) for name in "ab"))
        assert [item.reveal_text() for item in found] == ["1", "2"]
        assert cloud.aws.operations() == ["BatchGetSecretValue", "GetSecretValue"]


class TestFind:
    @pytest.fixture(autouse=True)
    async def secrets(self, cloud: Cloud) -> None:
        for name, tag in (("app/one", "a"), ("app/two", "b"), ("web/one", "a")):
            await cloud.secret(name, f"value of {name}", Tags=[{"Key": "team", "Value": tag}])

    @pytest.mark.parametrize(
        ("ref", "expected", "operations"),
        [
            (FindRef(name_regexp="one$"), {"app/one", "web/one"}, ["ListSecrets", "BatchGetSecretValue"]),
            (FindRef(name_regexp="p/o"), {"app/one"}, ["ListSecrets", "GetSecretValue"]),
            (FindRef(name_regexp="one", path="app/"), {"app/one"}, ["BatchGetSecretValue"]),
            (FindRef(tags={"team": "a"}), {"app/one", "web/one"}, ["BatchGetSecretValue"]),
            (FindRef(tags={"team": "a"}, path="web"), {"web/one"}, ["BatchGetSecretValue"]),
            (
                FindRef(tags={"team": "a"}, name_regexp="^(app|web)"),
                {"app/one", "web/one"},
                ["ListSecrets", "BatchGetSecretValue"],
            ),
            (FindRef(name_regexp="nothing"), set(), ["ListSecrets"]),
        ],
    )
    async def test_find(self, cloud: Cloud, ref: FindRef, expected: set[str], operations: list[str]) -> None:
        async with cloud.lend() as client:
            found = reveal_all(await client.get_all_secrets(ref))
        assert found == {name: f"value of {name}".encode() for name in expected}
        assert cloud.aws.operations() == operations

    async def test_prefix_does_not_disturb_finding_by_name(self, cloud: Cloud) -> None:
        async with cloud.lend(prefix="app/") as client:
            assert set(await client.get_all_secrets(FindRef(name_regexp="two"))) == {"app/two"}

    async def test_tags_become_two_filters_each(self, cloud: Cloud) -> None:
        async with cloud.lend() as client:
            await client.get_all_secrets(FindRef(tags={"team": "a", "x": "y"}, path="p"))
        assert cloud.aws.of("BatchGetSecretValue")[0].body["Filters"] == [
            {"Key": "name", "Values": ["p"]},
            {"Key": "tag-key", "Values": ["team"]},
            {"Key": "tag-value", "Values": ["a"]},
            {"Key": "tag-key", "Values": ["x"]},
            {"Key": "tag-value", "Values": ["y"]},
        ]

    async def test_what_a_batch_cannot_read_is_left_out(self, cloud: Cloud) -> None:
        body = {
            "SecretValues": [{"Name": "app/one", "ARN": "arn:a", "SecretString": "1"}],
            "Errors": [{"SecretId": "app/two", "ErrorCode": "AccessDeniedException", "Message": "no"}],
        }
        cloud.aws.fail("BatchGetSecretValue", status=200, body=json.dumps(body).encode())
        async with cloud.lend() as client:
            assert reveal_all(await client.get_all_secrets(FindRef(tags={"team": "a"}))) == {"app/one": b"1"}

    async def test_every_page_is_read(self, cloud: Cloud) -> None:
        first = {"SecretList": [{"Name": "app/one"}], "NextToken": "2"}
        second = {"SecretList": [{"Name": "app/two"}]}
        for body in (first, second):
            cloud.aws.fail("ListSecrets", status=200, body=json.dumps(body).encode())
        async with cloud.lend() as client:
            assert set(await client.get_all_secrets(FindRef(name_regexp="."))) == {"app/one", "app/two"}

    async def test_neither_name_nor_tags(self, cloud: Cloud) -> None:
        async with cloud.lend() as client:
            with pytest.raises(InvalidRequestError, match="unexpected find operator"):
                await client.get_all_secrets(FindRef(path="app"))
            with pytest.raises(InvalidSpecError):
                await client.get_all_secrets(FindRef(name_regexp="("))


class TestPush:
    async def test_new_secret(self, cloud: Cloud) -> None:
        await push(cloud, "new", data={"b": "<2>", "a": "1"})
        request = cloud.aws.of("CreateSecret")[0].body
        assert request["ClientRequestToken"] == "00000000-0000-0000-0000-000000000001"
        assert request["Description"] == "secret 'managed-by:external-secrets'"
        assert request["KmsKeyId"] == "alias/aws/secretsmanager"
        assert base64.b64decode(request["SecretBinary"]) == b'{"a":"1","b":"<2>"}'
        assert await tags(cloud, "new") == {"managed-by": "external-secrets"}
        assert cloud.aws.operations() == ["DescribeSecret", "CreateSecret"]

    async def test_metadata_of_a_new_secret(self, cloud: Cloud) -> None:
        await cloud.object(ConfigMap, "policies", text='{"Version":"2012-10-17"}')
        await push(
            cloud,
            "new",
            "a",
            tags={"team": "x"},
            description="d",
            secretPushFormat="string",
            kmsKeyId="k",
            replicationLocations=["eu-west-1"],
            resourcePolicy={
                "blockPublicPolicy": True,
                "policySourceRef": {"kind": "ConfigMap", "name": "policies", "key": "text"},
            },
        )
        request = cloud.aws.of("CreateSecret")[0].body
        assert request["SecretString"] == "1" and request["Description"] == "d" and request["KmsKeyId"] == "k"
        assert request["AddReplicaRegions"] == [{"Region": "eu-west-1", "KmsKeyId": "k"}]
        assert await tags(cloud, "new") == {"managed-by": "external-secrets", "team": "x"}
        assert cloud.aws.of("PutResourcePolicy")[0].body["BlockPublicPolicy"] is True

    async def test_unchanged_value_is_not_written_again(self, cloud: Cloud) -> None:
        await push(cloud, "s", "a")
        await push(cloud, "s", "a")
        assert "PutSecretValue" not in cloud.aws.operations()
        await push(cloud, "s", "a", data={"a": "2"})
        token = cloud.aws.of("PutSecretValue")[0].body["ClientRequestToken"]
        assert token != "00000000-0000-0000-0000-000000000001"
        assert await value(cloud, "s") == "2"

    async def test_property_is_written_into_the_present_json(self, cloud: Cloud) -> None:
        await push(cloud, "s", "a", "x.y")
        assert await value(cloud, "s") == '{"x":{"y":"1"}}'
        await push(cloud, "s", "a", "z", data={"a": "2"})
        assert await value(cloud, "s") == '{"x":{"y":"1"},"z":"2"}'

    async def test_properties_written_at_once_all_arrive(self, cloud: Cloud) -> None:
        store = cloud.store(cloud.spec())

        async def write(name: str) -> None:
            async with cloud.manager.client_for(store, "app") as client:
                await client.push_secret(source(k=name), entry("s", "k", name))

        await asyncio.gather(*(write(name) for name in "abcd"))
        assert json.loads(await value(cloud, "s")) == {name: name for name in "abcd"}

    async def test_property_of_what_is_not_json(self, cloud: Cloud) -> None:
        await push(cloud, "s", "a", data={"a": "not json"})
        with pytest.raises(ProviderError, match="holds JSON"):
            await push(cloud, "s", "a", "x")

    async def test_somebody_elses_secret(self, cloud: Cloud) -> None:
        await cloud.secret("s", "x")
        with pytest.raises(ProviderError, match="not managed by external-secrets"):
            await push(cloud, "s", "a")
        assert await value(cloud, "s") == "x"

    async def test_secret_without_versions(self, cloud: Cloud) -> None:
        await cloud.secret("s", Tags=[{"Key": "managed-by", "Value": "external-secrets"}])
        await push(cloud, "s", "a")
        assert cloud.aws.of("PutSecretValue")[0].body["ClientRequestToken"] == "00000000-0000-0000-0000-000000000001"
        assert await value(cloud, "s") == "1"

    async def test_secret_marked_for_deletion(self, cloud: Cloud) -> None:
        await push(cloud, "s", "a")
        await cloud.aws.direct("secretsmanager.DeleteSecret", SecretId="s")
        with pytest.raises(ProviderError, match="marked for deletion"):
            await push(cloud, "s", "a")

    async def test_tags_are_synced_when_metadata_lists_some(self, cloud: Cloud) -> None:
        await push(cloud, "s", "a", tags={"a": "1", "b": "1"})
        await push(cloud, "s", "a")
        assert set(await tags(cloud, "s")) == {"managed-by", "a", "b"}
        await push(cloud, "s", "a", tags={"b": "2", "c": "3"})
        assert await tags(cloud, "s") == {"managed-by": "external-secrets", "b": "2", "c": "3"}
        assert cloud.aws.of("UntagResource")[0].body["TagKeys"] == ["a"]

    async def test_resource_policy_is_synced(self, cloud: Cloud) -> None:
        await cloud.object(Secret, "policies", text='{"Version": "1"}', empty="")
        await cloud.object(Secret, "policies", "other", text='{"Version": "other"}')
        ref = {"kind": "Secret", "name": "policies", "key": "text"}
        await push(cloud, "s", "a", resourcePolicy={"policySourceRef": ref})
        await push(cloud, "s", "a", resourcePolicy={"policySourceRef": ref})
        assert [seen.body["ResourcePolicy"] for seen in cloud.aws.of("PutResourcePolicy")] == ['{"Version": "1"}']
        assert cloud.aws.of("DeleteResourcePolicy") == []
        await push(cloud, "s", "a", resourcePolicy={"policySourceRef": {**ref, "key": "empty"}})
        await push(cloud, "s", "a")
        assert len(cloud.aws.of("DeleteResourcePolicy")) == 2

    async def test_policy_of_a_cluster_store_comes_from_the_consumer(self, cloud: Cloud) -> None:
        await cloud.object(Secret, "policies", text='{"Version": "1"}')
        auth = {
            "secretRef": {
                "accessKeyIDSecretRef": {"name": "credentials", "key": "id", "namespace": "app"},
                "secretAccessKeySecretRef": {"name": "credentials", "key": "secret", "namespace": "app"},
            }
        }
        policy = {"policySourceRef": {"kind": "Secret", "name": "policies", "key": "text"}}
        async with cloud.lend(cluster=True, consumer="other", auth=auth) as client:
            await client.push_secret(source(a="1"), entry("s", "a", resourcePolicy=policy))
        assert len(cloud.aws.of("PutResourcePolicy")) == 1

    async def test_replicas_are_synced_when_metadata_lists_some(self, cloud: Cloud) -> None:
        await push(cloud, "s", "a", replicationLocations=["eu-west-1"])
        await push(cloud, "s", "a")
        await push(cloud, "s", "a", replicationLocations=["eu-west-2"])
        assert cloud.aws.of("RemoveRegionsFromReplication")[0].body["RemoveReplicaRegions"] == ["eu-west-1"]
        added = cloud.aws.of("ReplicateSecretToRegions")[0].body["AddReplicaRegions"]
        assert [region["Region"] for region in added] == ["eu-west-2"]

    @pytest.mark.parametrize(
        ("spec", "text"),
        [
            ({"tags": {"managed-by": "me"}}, "managed-by"),
            ({"secretPushFormat": "hex"}, "secretPushFormat"),
            ({"nope": 1}, "unknown field"),
            ({"resourcePolicy": {"policySourceRef": {"kind": "Pod", "name": "a", "key": "b"}}}, "kind"),
        ],
    )
    async def test_wrong_metadata(self, cloud: Cloud, spec: dict[str, Any], text: str) -> None:
        with pytest.raises(InvalidSpecError, match=text):
            await push(cloud, "s", "a", **spec)
        assert cloud.aws.operations() == []

    async def test_binary_pushed_as_string(self, cloud: Cloud) -> None:
        with pytest.raises(InvalidSpecError, match="use binary"):
            await push(cloud, "s", "a", data={"a": b"\xff"}, secretPushFormat="string")

    async def test_exists(self, cloud: Cloud) -> None:
        await cloud.secret("s", "x")
        async with cloud.lend() as client:
            assert await client.secret_exists(PushRemoteRef("s", "ignored"))
            assert not await client.secret_exists(PushRemoteRef("gone"))
            cloud.aws.fail("GetSecretValue", "AccessDeniedException", times=-1, contains="denied")
            with pytest.raises(AccessDeniedError):
                await client.secret_exists(PushRemoteRef("denied"))

    @pytest.mark.parametrize(
        ("settings", "force", "days"),
        [({}, None, None), ({"forceDeleteWithoutRecovery": True}, True, None), ({"recoveryWindowInDays": 8}, None, 8)],
    )
    async def test_delete(self, cloud: Cloud, settings: dict[str, Any], force: Any, days: Any) -> None:
        await push(cloud, "s", "a", replicationLocations=["eu-west-1"])
        async with cloud.lend(secretsManager=settings) as client:
            await client.delete_secret(PushRemoteRef("s", "ignored"))
            await client.delete_secret(PushRemoteRef("s"))
        deleted = cloud.aws.of("DeleteSecret")
        assert len(deleted) == len(cloud.aws.of("RemoveRegionsFromReplication")) == 1
        assert deleted[0].body.get("ForceDeleteWithoutRecovery") == force
        assert deleted[0].body.get("RecoveryWindowInDays") == days

    async def test_delete_leaves_what_is_not_ours(self, cloud: Cloud) -> None:
        await cloud.secret("s", "x")
        async with cloud.lend() as client:
            await client.delete_secret(PushRemoteRef("s"))
            await client.delete_secret(PushRemoteRef("gone"))
        assert await value(cloud, "s") == "x"


HUGE = b'{"SecretString": "' + b"x" * (17 << 20) + b'"}'


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            ({"code": "AccessDeniedException"}, AccessDeniedError),
            ({"code": "ThrottlingException", "headers": {"Retry-After": "7"}}, ThrottledError),
            ({"code": "InternalServiceError", "status": 500}, UnavailableError),
            ({"code": "DecryptionFailure"}, InvalidRequestError),
            ({"body": b"<html>canary-value</html>", "status": 502}, UnavailableError),
            ({"body": b"not json canary-value", "status": 200}, EsoError),
            ({"body": b'{"SecretString": ["canary-value"]}', "status": 200}, EsoError),
            ({"body": b"{}", "status": 200}, ProviderError),
            ({"body": HUGE, "status": 200}, InvalidRequestError),
        ],
    )
    async def test_answers_that_are_not_values(
        self, cloud: Cloud, caplog: pytest.LogCaptureFixture, fault: dict[str, Any], expected: type[EsoError]
    ) -> None:
        caplog.set_level(logging.DEBUG)
        details = {"message": "canary-value Credential=AKIAEXAMPLE", **fault}
        cloud.aws.fail("GetSecretValue", details.pop("code", ""), times=-1, **details)
        async with cloud.lend() as client:
            with pytest.raises(expected) as raised:
                await client.get_secret(RemoteRef("db"))
        shown = f"{raised.value!r} {raised.value} {raised.value.__cause__!r} {caplog.text}"
        for canary in ("canary", "AKIAEXAMPLE", "Credential="):
            assert canary not in shown
        if isinstance(raised.value, ThrottledError):
            assert raised.value.retry_after == 7.0

    async def test_values_are_not_logged(self, cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        await push(cloud, "s", "a", data={"a": "canary-value"})
        assert await value(cloud, "s") == "canary-value"
        assert "canary" not in caplog.text

    @pytest.mark.parametrize("retries", [None, {"maxRetries": 3}, {"retryInterval": "1ms"}])
    async def test_throttled_requests_are_repeated(self, cloud: Cloud, retries: dict[str, Any] | None) -> None:
        await cloud.secret("db", "x")
        cloud.aws.fail("GetSecretValue", "ThrottlingException", times=1)
        assert await value(cloud, "db", retries=retries) == "x"
        assert cloud.aws.operations() == ["GetSecretValue"] * 2

    @pytest.mark.parametrize(("wait", "requests"), [("0", 2), ("6", 1)])
    async def test_a_long_pause_is_left_to_the_caller(self, cloud: Cloud, wait: str, requests: int) -> None:
        cloud.aws.fail("GetSecretValue", "ThrottlingException", times=-1, headers={"Retry-After": wait})
        with pytest.raises(ThrottledError) as raised:
            await value(cloud, "db")
        assert raised.value.retry_after == float(wait)
        assert cloud.aws.operations() == ["GetSecretValue"] * requests

    @pytest.mark.parametrize(("most", "requests"), [(1, 1), (0, 1), (4, 4)])
    async def test_max_retries_counts_requests(self, cloud: Cloud, most: int, requests: int) -> None:
        cloud.aws.fail("GetSecretValue", "ThrottlingException", times=-1)
        with pytest.raises(ThrottledError):
            await value(cloud, "db", retries={"maxRetries": most, "retryInterval": "1ms"})
        assert cloud.aws.operations() == ["GetSecretValue"] * requests

    async def test_refusals_are_not_repeated(self, cloud: Cloud) -> None:
        cloud.aws.fail("GetSecretValue", "AccessDeniedException", times=-1)
        with pytest.raises(AccessDeniedError):
            await value(cloud, "db")
        assert cloud.aws.operations() == ["GetSecretValue"]

    async def test_nobody_listens(self, cloud: Cloud) -> None:
        cloud.environ["AWS_SECRETSMANAGER_ENDPOINT"] = "http://127.0.0.1:9"
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await value(cloud, "db")

    async def test_endpoint_that_is_not_a_url(self, cloud: Cloud) -> None:
        cloud.environ["AWS_SECRETSMANAGER_ENDPOINT"] = "nonsense"
        with pytest.raises(InvalidSpecError, match="endpoint"):
            await value(cloud, "db")
