"""Signing in, stores, referent credentials: providers/gcp.md sections 1 and 5."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import jwt
import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidSpecError,
    ProviderError,
    ReferenceNotFoundError,
    UnavailableError,
)
from eso.providers.base import RemoteRef
from eso.providers.gcpsm.provider import GCPSMProvider
from eso.providers.gcpsm.spec import GCPSMSpec
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta
from tests.integration.eso.providers.gcpsm.conftest import KEY, Cloud
from tests.support.keypairs import key_pair
from tests.support.vendors.gcpsm import EMAIL, PROJECT, service_account_key

ROBOT = {"name": "robot"}
CLUSTER = {"clusterLocation": "zone-a", "clusterName": "prod"}
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"


async def reads(cloud: Cloud, *, project: str = PROJECT, **spec: Any) -> list[tuple[str, dict[str, Any]]]:
    """Read a secret through a store; the exchanges of its sign-in."""
    cloud.google.put("db", b"v", parent=f"projects/{project}")
    before = len(cloud.google.exchanges)
    async with cloud.lend(**spec) as client:
        assert (await client.get_secret(RemoteRef("db"))).reveal() == b"v"
    return cloud.google.exchanges[before:]


async def refuses(cloud: Cloud, text: str, **spec: Any) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        async with cloud.lend(**spec):
            pass


def federation(**fields: Any) -> dict[str, Any]:
    return {"workloadIdentityFederation": fields}


def external(**changes: Any) -> str:
    info = {
        "type": "external_account",
        "audience": POOL,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": "/nowhere"},
        **changes,
    }
    return json.dumps(info)


async def test_service_account_key(cloud: Cloud) -> None:
    ((path, _),) = await reads(cloud)
    assert path == "/token"


async def test_a_key_needs_a_project(cloud: Cloud) -> None:
    await refuses(cloud, "projectID", projectID=None)


@pytest.mark.parametrize(
    "auth", [{"secretRef": {}}, {"secretRef": {}, "workloadIdentity": {"serviceAccountRef": ROBOT}}]
)
async def test_a_secret_ref_without_a_key_does_not_fall_back_to_the_operator(
    cloud: Cloud, auth: dict[str, Any]
) -> None:
    cloud.google.metadata["project/project-id"] = "machine"
    await refuses(cloud, r"auth\.secretRef\.secretAccessKeySecretRef must be set", auth=auth)


async def test_the_system_s_certificates_count(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "roots.pem").write_bytes(key_pair()[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    await reads(cloud)
    assert cloud.roots == key_pair()[0]


async def test_a_selection_policy_that_does_not_exist_is_the_default(cloud: Cloud) -> None:
    cloud.google.put("db", b"one", b"two")
    cloud.google.set_state("db", 2, "DISABLED")
    async with cloud.lend(secretVersionSelectionPolicy="latest") as client:
        with pytest.raises(ProviderError):
            await client.get_secret(RemoteRef("db"))
    for policy, warnings in (("latest", 1), ("", 0), ("LatestOrFail", 0), ("LatestOrFetch", 0)):
        spec = GCPSMSpec(secret_version_selection_policy=policy)
        found = GCPSMProvider().validate_store(spec, store_kind="SecretStore", store_namespace="app")
        assert len(found) == warnings


@pytest.mark.parametrize(
    "key",
    [
        "canary text",
        "[]",
        '{"type": "canary"}',
        service_account_key(private_key="canary"),
        service_account_key(token_uri=["canary"]),
        '{"type":"service_account"}',
        "[" * 100_000,
    ],
)
async def test_what_is_no_key(cloud: Cloud, key: str) -> None:
    await cloud.secret("bad", key=key)
    auth = {"secretRef": {"secretAccessKeySecretRef": {"name": "bad", "key": "key"}}}
    with pytest.raises(InvalidSpecError) as caught:
        async with cloud.lend(auth=auth):
            pass
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error"), [(400, AccessDeniedError), (403, AccessDeniedError), (503, UnavailableError)]
)
async def test_refused_sign_in_fails_the_store(cloud: Cloud, status: int, error: type[EsoError]) -> None:
    cloud.google.refuse_sign_in = status
    with pytest.raises(error) as caught:
        async with cloud.lend():
            pass
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("email", ["", EMAIL])
async def test_workload_identity(cloud: Cloud, email: str) -> None:
    await cloud.account(email)
    exchanges = await reads(cloud, auth={"workloadIdentity": {"serviceAccountRef": ROBOT, **CLUSTER}})
    path, sent = exchanges[0]
    assert path == "/binding"
    cluster = f"https://container.googleapis.com/v1/projects/{PROJECT}/locations/zone-a/clusters/prod"
    assert sent["audience"] == f"identitynamespace:{PROJECT}.svc.id.goog:{cluster}"
    expected = [f"/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"] if email else []
    assert [path for path, _ in exchanges[1:]] == expected
    assert cloud.counted("GenerateServiceAccountToken") == 1
    assert cloud.counted("GenerateIDBindToken") == 1
    assert cloud.counted("GenerateAccessToken") == len(expected)
    token = jwt.decode(sent["subject_token"], options={"verify_signature": False})
    assert token["aud"] == [f"{PROJECT}.svc.id.goog"]
    assert token["exp"] - token["iat"] == 900


async def test_refused_exchanges_count_as_errors(cloud: Cloud) -> None:
    await cloud.account(EMAIL)
    cloud.google.refuse_sign_in = 403
    with pytest.raises(AccessDeniedError):
        async with cloud.lend(auth={"workloadIdentity": {"serviceAccountRef": ROBOT, **CLUSTER}}):
            pass
    assert cloud.counted("GenerateServiceAccountToken") == 1
    assert cloud.counted("GenerateIDBindToken", "error") == 1
    assert cloud.counted("GenerateAccessToken", "error") == 0


async def test_workload_identity_asks_the_metadata_server(cloud: Cloud) -> None:
    await cloud.account()
    cloud.google.metadata |= {
        "project/project-id": "machine",
        "instance/attributes/cluster-location": "zone-b",
        "instance/attributes/cluster-name": "found",
    }
    auth: dict[str, Any] = {"workloadIdentity": {"serviceAccountRef": ROBOT}}
    ((_, sent),) = await reads(cloud, project="machine", projectID=None, auth=auth)
    assert sent["audience"].endswith("/projects/machine/locations/zone-b/clusters/found")
    auth = {"workloadIdentity": {"serviceAccountRef": ROBOT, "clusterProjectID": "own"}}
    ((_, sent),) = await reads(cloud, project="own", projectID=None, auth=auth)
    assert sent["audience"].startswith("identitynamespace:own.svc.id.goog:")


async def test_a_metadata_server_that_is_not_ready_is_no_fault_of_the_spec(cloud: Cloud) -> None:
    await cloud.account()
    cloud.google.machine_status = 503
    with pytest.raises(UnavailableError, match="metadata server"):
        async with cloud.lend(projectID=None, auth={"workloadIdentity": {"serviceAccountRef": ROBOT}}):
            pass
    cloud.google.machine_status = 404
    await refuses(cloud, "set it in the spec", projectID=None, auth={"workloadIdentity": {"serviceAccountRef": ROBOT}})


async def test_default_credentials(cloud: Cloud, tmp_path: Path) -> None:
    cloud.google.metadata["project/project-id"] = "machine"
    assert await reads(cloud, project="machine", auth=None, projectID=None) == []
    file = tmp_path / "adc.json"
    cloud.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(file)
    file.write_text(service_account_key(token_uri=f"{cloud.google.url}/token"))
    assert len(await reads(cloud, auth=None)) == 1
    (tmp_path / "token").write_text("subject")
    file.write_text(external(credential_source={"file": str(tmp_path / "token")}))
    ((path, sent),) = await reads(cloud, auth=None)
    assert (path, sent["subject_token"]) == ("/sts", "subject")


async def test_no_project_anywhere(cloud: Cloud) -> None:
    await refuses(cloud, "project-id", auth=None, projectID=None)


@pytest.mark.parametrize(("annotated", "own"), [("", ""), (EMAIL, ""), ("other@x.iam.gserviceaccount.com", EMAIL)])
async def test_federation_of_a_service_account(cloud: Cloud, annotated: str, own: str) -> None:
    await cloud.account(annotated)
    fields = {"serviceAccountRef": ROBOT, "audience": POOL, **({"gcpServiceAccountEmail": own} if own else {})}
    exchanges = await reads(cloud, auth=federation(**fields))
    path, sent = exchanges[0]
    assert (path, sent["audience"]) == ("/sts", POOL)
    assert sent["subject_token_type"].endswith(":jwt")
    assert [EMAIL in path for path, _ in exchanges[1:]] == ([True] if own or annotated else [])


async def test_federation_of_aws_keys(cloud: Cloud) -> None:
    await cloud.secret("aws", aws_access_key_id="AKIA", aws_secret_access_key="canary", aws_session_token="session")
    aws = {"region": "eu-central-1", "awsCredentialsSecretRef": {"name": "aws"}}
    ((_, sent),) = await reads(cloud, auth=federation(awsSecurityCredentials=aws, audience=POOL))
    assert sent["subject_token_type"] == "urn:ietf:params:aws:token-type:aws4_request"
    request = json.loads(urllib.parse.unquote(sent["subject_token"]))
    headers = {header["key"]: header["value"] for header in request["headers"]}
    assert request["url"].startswith("https://sts.eu-central-1.amazonaws.com?Action=GetCallerIdentity")
    assert headers["x-goog-cloud-target-resource"] == POOL
    assert headers["x-amz-security-token"] == "session"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIA/")
    assert "canary" not in json.dumps(request)
    await cloud.kube.create(
        Secret(
            metadata=ObjectMeta(name="bytes", namespace="app"),
            data={"aws_access_key_id": b"A", "aws_secret_access_key": b"\xff", "aws_session_token": b"\xff"},
        )
    )
    binary = {**aws, "awsCredentialsSecretRef": {"name": "bytes"}}
    await refuses(
        cloud, "aws_session_token .*must be text", auth=federation(awsSecurityCredentials=binary, audience=POOL)
    )
    await cloud.secret("half", aws_access_key_id="AKIA")
    aws = {**aws, "awsCredentialsSecretRef": {"name": "half"}}
    await refuses(cloud, "aws_secret_access_key", auth=federation(awsSecurityCredentials=aws, audience=POOL))


async def test_federation_by_configuration(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "token").write_text('{"t": "subject"}')
    source = {"file": str(tmp_path / "token"), "format": {"type": "json", "subject_token_field_name": "t"}}
    url = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
    await cloud.config("c", a=external(credential_source=source, service_account_impersonation_url=url))
    config = {"name": "c", "key": "a"}
    exchanges = await reads(cloud, auth=federation(credConfig=config))
    assert (exchanges[0][1]["subject_token"], exchanges[0][1]["audience"]) == ("subject", POOL)
    assert EMAIL in exchanges[1][0]
    exchanges = await reads(cloud, auth=federation(credConfig=config, audience="other"))
    assert exchanges[0][1]["audience"] == "other"


IAM = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"type": "service_account"}, "external_account"),
        ({"credential_source": {"environment_id": "aws1", "url": "http://[x"}}, "metadata service of AWS"),
        ({"credential_source": {"file": "/a\0b"}}, "not a path"),
        ({"token_url": "https://evil.example/v1/token"}, "token_url"),
        ({"token_url": "https://sts.evil.example/v1/token"}, "token_url"),
        ({"token_url": "https://sts.googleapis.com.evil.example/v1/token"}, "token_url"),
        ({"token_url": "https://sts.evilgoogleapis.com/v1/token"}, "token_url"),
        ({"token_url": "https://sts.storage.googleapis.com/v1/token"}, "token_url"),
        ({"token_url": "http://sts.googleapis.com/v1/token"}, "token_url"),
        ({"token_url": "https://sts.googleapis.com:444/v1/token"}, "token_url"),
        ({"token_url": "https://sts.googleapis.com/v1/token?to=evil"}, "token_url"),
        ({"token_url": "https://sts.s3nsapis.fr/v1/token"}, "token_url"),
        ({"token_info_url": "https://sts.evil.example/v1/introspect"}, "token_info_url"),
        ({"universe_domain": "s3nsapis.fr"}, "universe_domain"),
        ({"token_url": "https://sts.googleapis.com@evil.example/v1/token"}, "token_url"),
        ({"token_info_url": "https://evil.example/"}, "token_info_url"),
        ({"service_account_impersonation_url": "https://evil.example/"}, "impersonation"),
        ({"service_account_impersonation_url": f"{IAM}/a@b/keys:generateAccessToken"}, "impersonation"),
        (
            {
                "service_account_impersonation_url": f"{IAM}/a@b:generateAccessToken".replace(
                    "googleapis.com", "evil.example"
                )
            },
            "impersonation",
        ),
        ({"credential_source": None}, "credential_source"),
        ({"credential_source": {}}, "no source"),
        ({"credential_source": {"executable": {"command": "id"}}}, "executable"),
        ({"credential_source": {"url": "https://elsewhere.example"}}, "externalTokenEndpoint"),
        ({"credential_source": {"file": "/var/run/secrets/kubernetes.io/serviceaccount/token"}}, "no source"),
        ({"credential_source": {"environment_id": "aws1", "url": "http://evil.example/"}}, "metadata service of AWS"),
    ],
)
async def test_configurations_that_are_not_allowed(cloud: Cloud, changes: dict[str, Any], text: str) -> None:
    await cloud.config("c", a=external(**changes))
    await refuses(cloud, text, auth=federation(credConfig={"name": "c", "key": "a"}, externalTokenEndpoint="https://t"))
    assert cloud.google.exchanges == []


@pytest.mark.parametrize("url", ["https://sts.googleapis.com/v1/token", ""])
async def test_googles_own_endpoints_may_be_named(cloud: Cloud, tmp_path: Path, url: str) -> None:
    (tmp_path / "token").write_text("subject")
    source = {"file": str(tmp_path / "token")}
    info = "https://sts.europe-west3.rep.googleapis.com/v1/introspect"
    await cloud.config("c", a=external(token_url=url, token_info_url=info, credential_source=source))
    ((path, _),) = await reads(cloud, auth=federation(credConfig={"name": "c", "key": "a"}))
    assert path == "/sts"


async def test_what_is_nested_too_deeply_is_no_configuration_and_no_token(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("[" * 100_000)
    source = {"file": str(tmp_path / "token"), "format": {"type": "json", "subject_token_field_name": "t"}}
    await cloud.config("c", deep="[" * 100_000, source=external(credential_source=source))
    await refuses(cloud, "not JSON", auth=federation(credConfig={"name": "c", "key": "deep"}))
    await refuses(cloud, "holds no token", auth=federation(credConfig={"name": "c", "key": "source"}))


async def test_the_operators_token_is_not_read_by_another_name(cloud: Cloud, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/var/run/secrets/kubernetes.io/serviceaccount/token")
    for file in (str(link), "/var/run/../run/secrets/kubernetes.io//serviceaccount/token"):
        config = f"c{len(file)}"
        await cloud.config(config, a=external(credential_source={"file": file}))
        await refuses(cloud, "own token", auth=federation(credConfig={"name": config, "key": "a"}))
    assert cloud.google.exchanges == []


async def test_token_from_an_endpoint(cloud: Cloud) -> None:
    """The endpoint of the store is the only one a configuration may name."""
    url = f"{cloud.google.url}/computeMetadata/v1/subject"
    cloud.google.metadata["subject"] = "subject"
    source = {"url": url, "headers": {"Metadata-Flavor": "Google"}}
    await cloud.config("c", a=external(credential_source=source))
    auth = federation(credConfig={"name": "c", "key": "a"}, externalTokenEndpoint=url)
    ((_, sent),) = await reads(cloud, auth=auth)
    assert sent["subject_token"] == "subject"


async def test_federation_that_is_incomplete(cloud: Cloud) -> None:
    await cloud.account()
    await refuses(cloud, "exactly one", auth=federation(audience=POOL))
    both = federation(serviceAccountRef=ROBOT, credConfig={"name": "c", "key": "a"}, audience=POOL)
    await refuses(cloud, "exactly one", auth=both)
    await refuses(cloud, "audience", auth=federation(serviceAccountRef=ROBOT))
    with pytest.raises(ReferenceNotFoundError):
        async with cloud.lend(auth=federation(credConfig={"name": "none", "key": "a"})):
            pass


async def test_the_first_way_wins(cloud: Cloud) -> None:
    await cloud.account()
    both = {**KEY, "workloadIdentity": {"serviceAccountRef": ROBOT, **CLUSTER}}
    assert [path for path, _ in await reads(cloud, auth=both)] == ["/token"]


async def test_cluster_store_reads_the_consumers_key(cloud: Cloud) -> None:
    await reads(cloud, cluster=True)


@pytest.mark.parametrize(
    ("auth", "referent"),
    [
        (KEY, True),
        ({"workloadIdentity": {"serviceAccountRef": ROBOT}}, True),
        ({"workloadIdentity": {"serviceAccountRef": {"name": "robot", "namespace": "other"}}}, False),
        (federation(serviceAccountRef=ROBOT), False),
        (None, False),
    ],
)
def test_referent_and_validation(auth: Any, referent: bool) -> None:
    spec = GCPSMSpec.model_validate({"auth": auth})
    assert GCPSMProvider().is_referent(spec) is referent
    GCPSMProvider().validate_store(spec, store_kind="ClusterSecretStore", store_namespace="")
    if auth is not None and "other" in str(auth):
        with pytest.raises(InvalidSpecError, match=r"workloadIdentity\.serviceAccountRef: namespace"):
            GCPSMProvider().validate_store(spec, store_kind="SecretStore", store_namespace="app")


def test_sdk_is_imported_on_first_use() -> None:
    code = "import sys, eso.providers.registry, eso.identity.gcp; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
