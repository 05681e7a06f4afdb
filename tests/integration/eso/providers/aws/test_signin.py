"""Who the provider is at AWS: keys, service accounts, roles, session tags, and what happens when credentials end."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidSpecError,
    ReferenceNotFoundError,
    UnavailableError,
)
from eso.providers.base import PushRemoteRef, RemoteRef, ValidationResult
from reconcile.api.core_v1 import Secret, ServiceAccount
from reconcile.api.meta_v1 import ObjectMeta
from tests.integration.eso.providers.aws.conftest import REGION, Cloud
from tests.support.vendors.aws import ACCESS_KEY, SECRET_KEY

ROLE = "arn:aws:iam::123456789012:role/"
IRSA = "eks.amazonaws.com/role-arn"


def annotated(role: str | None = f"{ROLE}irsa", audience: str | None = None) -> dict[str, str]:
    found = {} if role is None else {IRSA: role}
    return found if audience is None else {**found, "eks.amazonaws.com/audience": audience}


async def make_account(cloud: Cloud, annotations: dict[str, str], name: str = "sa", namespace: str = "app") -> None:
    metadata = ObjectMeta(name=name, namespace=namespace, annotations=annotations)
    await cloud.kube.create(ServiceAccount(metadata=metadata))


def jwt(**ref: Any) -> dict[str, Any]:
    return {"jwt": {"serviceAccountRef": {"name": "sa", **ref}}}


def keys(**namespace: str) -> dict[str, Any]:
    return {
        "secretRef": {
            "accessKeyIDSecretRef": {"name": "credentials", "key": "id", **namespace},
            "secretAccessKeySecretRef": {"name": "credentials", "key": "secret", **namespace},
        }
    }


async def read(cloud: Cloud, **spec: Any) -> str:
    await cloud.secret("db", "x")
    async with cloud.lend(**spec) as client:
        return (await client.get_secret(RemoteRef("db"))).reveal_text()


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


class TestStaticKeys:
    async def test_keys_sign_in_the_region_of_the_store(self, cloud: Cloud) -> None:
        assert await read(cloud) == "x"
        assert (cloud.aws.requests[0].access_key, cloud.aws.requests[0].region) == (ACCESS_KEY, REGION)

    async def test_session_token(self, cloud: Cloud) -> None:
        cloud.aws.keys["ASIASESSION"] = ("session-secret", "session-token")
        await cloud.object(Secret, "session", id="ASIASESSION", secret="session-secret", token="session-token")
        refs = {
            "accessKeyIDSecretRef": {"name": "session", "key": "id"},
            "secretAccessKeySecretRef": {"name": "session", "key": "secret"},
            "sessionTokenSecretRef": {"name": "session", "key": "token"},
        }
        assert await read(cloud, auth={"secretRef": refs}) == "x"

    @pytest.mark.parametrize(
        ("data", "missing", "expected", "text"),
        [
            (None, "", ReferenceNotFoundError, "not found"),
            ({"id": "a"}, "", ReferenceNotFoundError, 'key: "secret"'),
            ({"id": "a", "secret": ""}, "", InvalidSpecError, "secretAccessKeySecretRef points to an empty value"),
            ({"id": "a", "secret": "canary-b\n"}, "", InvalidSpecError, "line break"),
            ({"id": "a", "secret": "b"}, "secretAccessKeySecretRef", InvalidSpecError, "no secretAccessKeySecretRef"),
            ({"id": "a", "secret": "b"}, "accessKeyIDSecretRef", InvalidSpecError, "no accessKeyIDSecretRef"),
        ],
    )
    async def test_references_that_do_not_work(
        self, cloud: Cloud, data: dict[str, str] | None, missing: str, expected: type[EsoError], text: str
    ) -> None:
        if data is not None:
            await cloud.object(Secret, "bad", **data)
        refs = {
            "accessKeyIDSecretRef": {"name": "bad", "key": "id"},
            "secretAccessKeySecretRef": {"name": "bad", "key": "secret"},
        }
        refs.pop(missing, None)
        with pytest.raises(expected, match=text) as raised:
            async with cloud.lend(auth={"secretRef": refs}):
                pass
        assert "canary" not in str(raised.value)

    async def test_wrong_key_is_refused_without_naming_it(self, cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG")
        cloud.aws.keys[ACCESS_KEY] = ("another", None)
        with pytest.raises(AccessDeniedError, match="InvalidSignatureException") as raised:
            await read(cloud)
        for text in (str(raised.value), repr(raised.value), caplog.text):
            assert ACCESS_KEY not in text and SECRET_KEY not in text and "Credential=" not in text

    async def test_rotated_keys_make_a_new_client(self, cloud: Cloud) -> None:
        store = cloud.store(cloud.spec())
        await cloud.secret("db", "x")
        async with cloud.manager.client_for(store, "app") as client:
            await client.get_secret(RemoteRef("db"))
        cloud.aws.keys = {"AKIANEW": ("new", None)}
        secret = await cloud.kube.get(Secret, "credentials", "app")
        data = {"id": b"AKIANEW", "secret": b"new"}
        await cloud.kube.replace(secret.model_copy(update={"data": data}))
        async with cloud.manager.client_for(store, "app") as client:
            assert (await client.get_secret(RemoteRef("db"))).reveal_text() == "x"

    async def test_stores_with_other_keys_share_nothing(self, cloud: Cloud) -> None:
        cloud.aws.keys["AKIASECOND"] = ("second", None)
        await cloud.object(Secret, "second", id="AKIASECOND", secret="second")
        await cloud.secret("db", "x")
        other = {
            "accessKeyIDSecretRef": {"name": "second", "key": "id"},
            "secretAccessKeySecretRef": {"name": "second", "key": "secret"},
        }
        role = f"{ROLE}x"
        for spec in (cloud.spec(role=role), cloud.spec(auth={"secretRef": other}, role=role)):
            async with cloud.manager.client_for(cloud.store(spec), "app") as client:
                await client.get_secret(RemoteRef("db"))
        assert [seen.access_key for seen in cloud.aws.of("AssumeRole")] == [ACCESS_KEY, "AKIASECOND"]
        first, second = cloud.aws.of("GetSecretValue")
        assert first.access_key != second.access_key

    async def test_cluster_store_uses_the_namespace_of_the_selector(self, cloud: Cloud) -> None:
        auth = keys(namespace="app")
        assert await read(cloud, cluster=True, consumer="other", auth=auth) == "x"

    async def test_namespaced_store_ignores_it(self, cloud: Cloud) -> None:
        await cloud.object(Secret, "credentials", "other", id="AKIAOTHER", secret="other")
        assert await read(cloud, auth=keys(namespace="other")) == "x"
        assert cloud.aws.requests[0].access_key == ACCESS_KEY


class TestServiceAccount:
    @pytest.mark.parametrize(
        ("audience", "more", "expected"),
        [
            (None, None, ["sts.amazonaws.com"]),
            ("mine", None, ["mine"]),
            (None, ["other"], ["other", "sts.amazonaws.com"]),
        ],
    )
    async def test_token_is_exchanged_for_the_annotated_role(
        self, cloud: Cloud, audience: str | None, more: list[str] | None, expected: list[str]
    ) -> None:
        await make_account(cloud, annotated(audience=audience))
        assert await read(cloud, auth=jwt(audiences=more)) == "x"
        request = cloud.aws.of("AssumeRoleWithWebIdentity")[0]
        assert request.access_key == ""
        assert request.body["RoleArn"] == f"{ROLE}irsa"
        assert request.body["RoleSessionName"] == "external-secrets-provider-aws"
        found = claims(request.body["WebIdentityToken"])
        assert sorted(found["aud"]) == expected
        assert found["sub"] == "system:serviceaccount:app:sa"

    async def test_it_wins_over_keys(self, cloud: Cloud) -> None:
        await make_account(cloud, annotated())
        await read(cloud, auth={**jwt(), **keys()})
        assert cloud.aws.of("GetSecretValue")[0].access_key != ACCESS_KEY

    async def test_account_without_role(self, cloud: Cloud) -> None:
        await make_account(cloud, annotated(role=None))
        with pytest.raises(InvalidSpecError, match="IAM role must be associated with service account"):
            await read(cloud, auth=jwt())

    async def test_account_that_is_missing(self, cloud: Cloud) -> None:
        with pytest.raises(ReferenceNotFoundError):
            await read(cloud, auth=jwt())

    async def test_token_that_sts_refuses(self, cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG")
        await make_account(cloud, annotated())
        cloud.aws.fail("AssumeRoleWithWebIdentity", "InvalidIdentityToken", message="canary", times=-1)
        with pytest.raises(AccessDeniedError, match="InvalidIdentityToken") as raised:
            await read(cloud, auth=jwt())
        token = cloud.aws.of("AssumeRoleWithWebIdentity")[0].body["WebIdentityToken"]
        for text in (str(raised.value), caplog.text):
            assert token not in text and "canary" not in text

    async def test_many_reads_sign_in_once(self, cloud: Cloud) -> None:
        await make_account(cloud, annotated())
        for name in "abcde":
            await cloud.secret(name, name)
        async with cloud.lend(auth=jwt(), role=f"{ROLE}top") as client:
            await asyncio.gather(*(client.get_secret(RemoteRef(name, version="AWSCURRENT")) for name in "abcde"))
            await client.validate()
        assert [seen.operation for seen in cloud.aws.requests if seen.operation.startswith("Assume")] == [
            "AssumeRoleWithWebIdentity",
            "AssumeRole",
        ]


class TestRoles:
    async def test_chain(self, cloud: Cloud) -> None:
        await read(
            cloud,
            additionalRoles=[f"{ROLE}one", f"{ROLE}two"],
            role=f"{ROLE}last",
            externalID="external",
            sessionTags=[{"key": "team", "value": "x"}],
            transitiveTagKeys=["team"],
        )
        one, two, last = cloud.aws.of("AssumeRole")
        assert [seen.body["RoleArn"].rpartition("/")[2] for seen in (one, two, last)] == ["one", "two", "last"]
        assert one.access_key == ACCESS_KEY != two.access_key != last.access_key
        for plain in (one.body, two.body):
            assert not {"ExternalId", "Tags.member.1.Key"} & plain.keys()
            assert plain["DurationSeconds"] == "900"
        assert last.body["ExternalId"] == "external"
        assert (last.body["Tags.member.1.Key"], last.body["Tags.member.1.Value"]) == ("team", "x")
        assert last.body["TransitiveTagKeys.member.1"] == "team"
        assert cloud.aws.of("GetSecretValue")[0].access_key not in (ACCESS_KEY, two.access_key, last.access_key)

    async def test_transitive_keys_need_tags(self, cloud: Cloud) -> None:
        await read(cloud, role=f"{ROLE}x", transitiveTagKeys=["team"])
        assert "TransitiveTagKeys.member.1" not in cloud.aws.of("AssumeRole")[0].body

    @pytest.mark.parametrize(
        ("spec", "expected"),
        [
            ({"sessionTags": [{"key": "team", "value": "x"}]}, {"team": "x"}),
            ({"sessionTagsPolicy": "None", "customSessionTags": {"a": "b"}}, {}),
            (
                {"sessionTagsPolicy": "Simple", "sessionTags": [{"key": "team", "value": "x"}]},
                {"esoNamespace": "app", "esoStoreName": "store", "esoStoreKind": "SecretStore"},
            ),
            (
                {
                    "sessionTagsPolicy": "Custom",
                    "customSessionTags": {"a": "b", "": "x", "empty": "", "esoNamespace": "forged"},
                },
                {"esoNamespace": "app", "esoStoreName": "store", "esoStoreKind": "SecretStore", "a": "b"},
            ),
        ],
    )
    async def test_session_tags(self, cloud: Cloud, spec: dict[str, Any], expected: dict[str, str]) -> None:
        await read(cloud, role=f"{ROLE}x", **spec)
        body = cloud.aws.of("AssumeRole")[0].body
        numbers = [key.split(".")[2] for key in body if key.startswith("Tags.member.") and key.endswith(".Key")]
        assert {body[f"Tags.member.{n}.Key"]: body[f"Tags.member.{n}.Value"] for n in numbers} == expected

    async def test_cluster_store_is_tagged_per_consumer(self, cloud: Cloud) -> None:
        await cloud.secret("db", "x")
        spec = cloud.spec(auth=keys(namespace="app"), role=f"{ROLE}x", sessionTagsPolicy="Simple")
        store = cloud.store(spec, cluster=True)
        for namespace in ("app", "other", "app"):
            async with cloud.manager.client_for(store, namespace) as client:
                await client.get_secret(RemoteRef("db"))
        tagged = [seen.body["Tags.member.1.Value"] for seen in cloud.aws.of("AssumeRole")]
        assert tagged == ["app", "other"]

    async def test_role_that_is_refused(self, cloud: Cloud) -> None:
        cloud.aws.fail("AssumeRole", "AccessDenied", message="canary", status=403, times=-1)
        async with cloud.lend(role=f"{ROLE}x") as client:
            with pytest.raises(AccessDeniedError, match=f"assuming role {ROLE}x") as raised:
                await client.validate()
        assert "canary" not in str(raised.value)

    async def test_sts_that_is_out_is_asked_again(self, cloud: Cloud) -> None:
        cloud.aws.fail("AssumeRole", "InternalFailure", status=500, times=1)
        async with cloud.lend(role=f"{ROLE}x") as client:
            assert await client.validate() is ValidationResult.READY
        assert len(cloud.aws.of("AssumeRole")) == 2


class TestEnd:
    @pytest.mark.parametrize("ended", ["early", "soon", "not"])
    async def test_sessions_are_renewed(self, cloud: Cloud, ended: str) -> None:
        await cloud.secret("db", "x")
        async with cloud.lend(additionalRoles=[f"{ROLE}one"], role=f"{ROLE}two") as client:
            await client.validate()
            if ended == "early":
                cloud.aws.expired |= cloud.aws.keys.keys() - {ACCESS_KEY}
            cloud.world.ahead = {"early": 60.0, "soon": 601.0, "not": 590.0}[ended]
            assert (await client.get_secret(RemoteRef("db"))).reveal_text() == "x"
        assert len(cloud.aws.of("AssumeRole")) == (2 if ended == "not" else 4)

    async def test_sessions_are_used_to_their_end_while_sts_is_out(self, cloud: Cloud) -> None:
        await cloud.secret("db", "x")
        async with cloud.lend(role=f"{ROLE}x") as client:
            await client.validate()
            cloud.environ["AWS_STS_ENDPOINT"] = "http://127.0.0.1:9"
            cloud.world.ahead = 700.0
            assert (await client.get_secret(RemoteRef("db"))).reveal_text() == "x"
            cloud.world.ahead = 901.0
            with pytest.raises(UnavailableError):
                await client.get_secret(RemoteRef("db", version="AWSPENDING"))

    async def test_a_refused_renewal_is_an_error(self, cloud: Cloud) -> None:
        async with cloud.lend(role=f"{ROLE}x") as client:
            await client.validate()
            cloud.aws.fail("AssumeRole", "AccessDenied", status=403, times=-1)
            cloud.world.ahead = 700.0
            with pytest.raises(AccessDeniedError, match="assuming role"):
                await client.get_secret(RemoteRef("db"))

    async def test_static_keys_that_ended_are_refused_once(self, cloud: Cloud) -> None:
        cloud.aws.expired.add(ACCESS_KEY)
        with pytest.raises(AccessDeniedError, match="ExpiredTokenException"):
            await read(cloud)
        assert len(cloud.aws.of("GetSecretValue")) == 1


class TestDefaultChain:
    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    async def test_environment(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        assert await read(cloud, auth=None) == "x"

    async def test_shared_credentials_file_with_a_role_on_top(self, cloud: Cloud, tmp_path: Path) -> None:
        text = f"[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
        (tmp_path / "credentials").write_text(text)
        assert await read(cloud, auth=None, role=f"{ROLE}x") == "x"
        assert cloud.aws.of("AssumeRole")[0].access_key == ACCESS_KEY

    async def test_nothing_found(self, cloud: Cloud) -> None:
        async with cloud.lend(auth=None) as client:
            with pytest.raises(AccessDeniedError, match="no AWS credentials were found"):
                await client.validate()
            with pytest.raises(AccessDeniedError, match="no AWS credentials were found"):
                await client.get_secret(RemoteRef("db"))

    async def test_profile_that_does_not_exist(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nope")
        with pytest.raises(InvalidSpecError, match="configuration cannot be used"):
            async with cloud.lend(auth=None):
                pass

    async def test_service_accounts_do_not_see_the_files(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nope")
        await make_account(cloud, annotated())
        assert await read(cloud, auth=jwt()) == "x"


class TestEndpoints:
    @pytest.mark.parametrize(
        ("service", "variable"),
        [
            ("SecretsManager", "AWS_SECRETSMANAGER_ENDPOINT"),
            ("ParameterStore", "AWS_SSM_ENDPOINT"),
            ("CertificateManager", "AWS_ACM_ENDPOINT"),
            ("CertificateManager", "AWS_RESOURCE_GROUPS_TAGGING_API_ENDPOINT"),
            ("SecretsManager", "AWS_STS_ENDPOINT"),
        ],
    )
    async def test_each_variable_moves_its_service(self, cloud: Cloud, service: str, variable: str) -> None:
        cloud.environ[variable] = "http://127.0.0.1:9"
        async with cloud.lend(service, role=f"{ROLE}x") as client:
            with pytest.raises(UnavailableError, match="cannot be reached"):
                if variable == "AWS_RESOURCE_GROUPS_TAGGING_API_ENDPOINT":
                    await client.secret_exists(PushRemoteRef("web"))
                await client.get_secret(RemoteRef("arn:aws:acm:eu-central-1:123456789012:certificate/none"))
        assert bool(cloud.aws.of("AssumeRole")) is (variable != "AWS_STS_ENDPOINT")


class TestValidation:
    async def test_validate_needs_credentials_only(self, cloud: Cloud) -> None:
        async with cloud.lend() as client:
            assert await client.validate() is ValidationResult.READY
        assert cloud.aws.requests == []

    async def test_sts_that_cannot_be_reached(self, cloud: Cloud) -> None:
        cloud.environ["AWS_STS_ENDPOINT"] = "http://127.0.0.1:9"
        async with cloud.lend(role=f"{ROLE}x") as client:
            with pytest.raises(UnavailableError, match="cannot be reached"):
                await client.validate()

    @pytest.mark.parametrize(
        "spec",
        [
            {"auth": jwt()},
            {"auth": keys()},
            {"auth": keys(namespace="app"), "role": f"{ROLE}x", "sessionTagsPolicy": "Simple"},
        ],
    )
    async def test_referent_cluster_store_is_unknown(self, cloud: Cloud, spec: dict[str, Any]) -> None:
        store = cloud.store(cloud.spec(**spec), cluster=True)
        async with cloud.manager.client_for(store, "") as client:
            assert await client.validate() is ValidationResult.UNKNOWN
