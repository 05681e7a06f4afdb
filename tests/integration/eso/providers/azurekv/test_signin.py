"""Signing in, stores, referent credentials: providers/azure.md sections 1 and 5."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from eso.errors import AccessDeniedError, InvalidSpecError, ReferenceNotFoundError, UnavailableError
from eso.identity.azure import CLOUDS
from eso.providers.azurekv.provider import AzureKVProvider
from eso.providers.azurekv.spec import AzureKVSpec
from eso.providers.base import RemoteRef
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta
from tests.integration.eso.providers.azurekv.conftest import PRINCIPAL, Cloud
from tests.support.vendors.azurekv import CLIENT, TENANT

ROBOT = {"name": "robot"}
FEDERATED: dict[str, Any] = {"authType": "WorkloadIdentity", "serviceAccountRef": ROBOT, "authSecretRef": None}


async def reads(cloud: Cloud, **spec: Any) -> None:
    cloud.azure.put("secrets", "db", value="v")
    async with cloud.lend(**spec) as client:
        assert (await client.get_secret(RemoteRef("db"))).reveal() == b"v"


async def refuses(cloud: Cloud, text: str, **spec: Any) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        async with cloud.lend(**spec):
            pass


async def test_client_secret(cloud: Cloud) -> None:
    await reads(cloud)
    (form,) = cloud.azure.sign_ins
    assert form["scope"] == "https://vault.azure.net/.default"


@pytest.mark.parametrize("environment", ["USGovernmentCloud", "ChinaCloud", "GermanCloud"])
async def test_clouds_have_their_own_resource(cloud: Cloud, environment: str) -> None:
    await reads(cloud, environmentType=environment)
    assert cloud.azure.sign_ins[0]["scope"] == f"{CLOUDS[environment].vault}/.default"


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
async def test_client_certificate(cloud: Cloud, form: PrivateFormat) -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    cloud.azure.certificate = builder.sign(key, hashes.SHA256())
    pem = cloud.azure.certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, form, NoEncryption())
    await cloud.kube.create(Secret(metadata=ObjectMeta(name="pem", namespace="app"), data={"pem": pem}))
    auth = {"clientId": PRINCIPAL["clientId"], "clientCertificate": {"name": "pem", "key": "pem"}}
    await reads(cloud, authSecretRef=auth)


async def test_certificate_that_is_none(cloud: Cloud) -> None:
    auth = {"clientId": PRINCIPAL["clientId"], "clientCertificate": {"name": "credentials", "key": "wrong"}}
    with pytest.raises(InvalidSpecError, match="clientCertificate") as caught:
        async with cloud.lend(authSecretRef=auth):
            pass
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"tenantId": None}, "tenantId"),
        ({"authSecretRef": None}, "authSecretRef"),
        ({"authSecretRef": {"clientSecret": PRINCIPAL["clientSecret"]}}, "clientId"),
        ({"authSecretRef": {"clientId": PRINCIPAL["clientId"]}}, "exactly one"),
        ({"authSecretRef": {**PRINCIPAL, "clientCertificate": PRINCIPAL["clientId"]}}, "exactly one"),
        ({"authType": "WorkloadIdentity"}, "AZURE_FEDERATED_TOKEN_FILE"),
        ({"environmentType": "GermanCloud", "useAzureSDK": True}, "discontinued"),
        ({"environmentType": "AzureStackCloud", "useAzureSDK": True}, "customCloudConfig"),
        ({"tenantId": "a/b"}, "tenant id is not valid"),
        ({"tenantId": f"{TENANT}\n"}, "tenant id is not valid"),
        (
            {"useAzureSDK": True, "customCloudConfig": {"activeDirectoryEndpoint": "http://login.example"}},
            "activeDirectoryEndpoint must be a URL that begins with https",
        ),
        ({"vaultUrl": "http://vault.example"}, "https"),
        ({"vaultUrl": "https://[vault.example"}, "https"),
        ({"vaultUrl": "https://vault.example:99999"}, "https"),
        ({"vaultUrl": ""}, "https"),
    ],
)
async def test_incomplete_specs(cloud: Cloud, spec: dict[str, Any], text: str) -> None:
    await refuses(cloud, text, **spec)


async def test_refused_and_missing_credentials(cloud: Cloud) -> None:
    auth = {"clientId": PRINCIPAL["clientId"], "clientSecret": {"name": "credentials", "key": "wrong"}}
    async with cloud.lend(authSecretRef=auth) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await client.get_secret(RemoteRef("db"))
    assert "canary" not in str(caught.value)
    auth["clientSecret"] = {"name": "credentials", "key": "nope"}
    with pytest.raises(ReferenceNotFoundError):
        async with cloud.lend(authSecretRef=auth):
            pass


@pytest.mark.parametrize("identity", ["", "user-assigned"])
async def test_managed_identity(cloud: Cloud, identity: str) -> None:
    cloud.azure.identities = (identity,)
    await reads(cloud, authType="ManagedIdentity", identityId=identity or None, authSecretRef=None, tenantId=None)
    assert cloud.azure.sign_ins[0]["resource"] == "https://vault.azure.net"
    cloud.azure.identities = ()
    async with cloud.lend(authType="ManagedIdentity", authSecretRef=None) as client:
        with pytest.raises(AccessDeniedError, match="no such managed identity"):
            await client.get_secret(RemoteRef("db"))


async def test_workload_identity_of_the_operator(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("federated\n")
    cloud.azure.assertions["federated"] = CLIENT
    cloud.environ |= {
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_TENANT_ID": TENANT,
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
    }
    spec: dict[str, Any] = {"authType": "WorkloadIdentity", "authSecretRef": None, "tenantId": None}
    await reads(cloud, **spec)
    cloud.azure.assertions.clear()
    with pytest.raises(AccessDeniedError):
        async with cloud.lend(**spec):
            pass
    async with cloud.lend(**spec, useAzureSDK=True):
        pass


@pytest.mark.parametrize("current", [False, True])
async def test_workload_identity_by_annotations(cloud: Cloud, current: bool) -> None:
    await cloud.account(client_id=CLIENT, tenant_id=TENANT)
    cloud.azure.assertions[""] = CLIENT
    await reads(cloud, **FEDERATED, tenantId=None, useAzureSDK=current)


async def test_workload_identity_by_secret(cloud: Cloud) -> None:
    await cloud.account()
    cloud.azure.assertions[""] = CLIENT
    auth = {"clientId": PRINCIPAL["clientId"], "tenantId": {"name": "credentials", "key": "tenant"}}
    await reads(cloud, **{**FEDERATED, "authSecretRef": auth}, tenantId="other")
    cloud.environ["AZURE_TENANT_ID"] = TENANT
    await reads(cloud, **{**FEDERATED, "authSecretRef": {"clientId": PRINCIPAL["clientId"]}}, tenantId=None)


async def test_what_is_empty_in_the_secret_counts_as_absent_and_bytes_are_refused(cloud: Cloud) -> None:
    data = {"id": b"", "bytes": b"\xff"}
    await cloud.kube.create(Secret(metadata=ObjectMeta(name="blank", namespace="app"), data=data))
    for field in ("clientId", "clientSecret"):
        auth = {**PRINCIPAL, field: {"name": "blank", "key": "bytes"}}
        await refuses(cloud, f"authSecretRef.{field} must be text", authSecretRef=auth)
    empty = {"name": "blank", "key": "id"}
    for field in ("clientId", "clientSecret"):
        await refuses(cloud, "is empty or malformed", authSecretRef={**PRINCIPAL, field: empty})
    await cloud.account()
    cloud.azure.assertions[""] = CLIENT
    await refuses(cloud, "client-id", **{**FEDERATED, "authSecretRef": {"clientId": empty}})
    await reads(cloud, **{**FEDERATED, "authSecretRef": {"clientId": PRINCIPAL["clientId"], "tenantId": empty}})


async def test_what_is_given_twice_or_nowhere(cloud: Cloud) -> None:
    await cloud.account(client_id=CLIENT, tenant_id=TENANT)
    await refuses(cloud, "tenant id is given twice", **FEDERATED)
    await refuses(cloud, "client id is given twice", **{**FEDERATED, "authSecretRef": PRINCIPAL})
    await refuses(cloud, "clientId must be set", **{**FEDERATED, "authSecretRef": {}})
    cloud.azure.assertions[""] = CLIENT
    await reads(cloud, **FEDERATED, useAzureSDK=True)


async def test_federation_that_is_not_trusted_fails_the_store(cloud: Cloud) -> None:
    await cloud.account(client_id=CLIENT)
    with pytest.raises(AccessDeniedError):
        async with cloud.lend(**FEDERATED):
            pass


async def test_annotations_that_are_missing(cloud: Cloud) -> None:
    await cloud.account()
    await refuses(cloud, "client-id", **FEDERATED)
    await refuses(cloud, "tenant id is missing", **{**FEDERATED, "authSecretRef": PRINCIPAL}, tenantId=None)


@pytest.mark.parametrize("auth_type", ["ManagedIdentity", "WorkloadIdentity"])
async def test_tokens_of_the_operator_stay_within_azure(cloud: Cloud, auth_type: str) -> None:
    ambient = {"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t", "AZURE_FEDERATED_TOKEN_FILE": "/nowhere"}
    cloud.registry_of(AzureKVProvider(environ=ambient))
    spec: dict[str, Any] = {"authType": auth_type, "authSecretRef": None}
    for url in ("https://evil.example", "https://vault.azure.net.evil.example", "https://evilvault.azure.net"):
        with pytest.raises(InvalidSpecError, match=r"within vault\.azure\.net"):
            async with cloud.lend(vaultUrl=url, **spec):
                pass
    async with cloud.lend(vaultUrl="https://mine.vault.azure.net", useAzureSDK=True, **spec):
        pass


async def test_custom_cloud_signs_in_at_its_own_authority(cloud: Cloud) -> None:
    own: dict[str, Any] = {"environmentType": "AzureStackCloud", "useAzureSDK": True}
    await reads(cloud, **own, customCloudConfig={"activeDirectoryEndpoint": cloud.azure.url})
    async with cloud.lend(**own, customCloudConfig={"activeDirectoryEndpoint": "https://127.0.0.1:1"}) as client:
        with pytest.raises(UnavailableError):
            await client.get_secret(RemoteRef("db"))


@pytest.mark.parametrize("stack", [True, False])
@pytest.mark.parametrize("auth_type", ["ServicePrincipal", "ManagedIdentity"])
async def test_only_an_azure_stack_names_its_own_resource(cloud: Cloud, auth_type: str, stack: bool) -> None:
    cloud.azure.resource = "https://vault.stack.example/4de154de"
    own = {
        "useAzureSDK": True,
        "customCloudConfig": {"activeDirectoryEndpoint": cloud.azure.url},
        "authType": auth_type,
    }
    await reads(cloud, **own, environmentType="AzureStackCloud" if stack else "PublicCloud")
    asked = cloud.azure.sign_ins[0].get("resource") or cloud.azure.sign_ins[0]["scope"].removesuffix("/.default")
    assert asked == (cloud.azure.resource if stack else "https://vault.azure.net")


@pytest.mark.parametrize(
    "resource", ["https://management.stack.example/1", "https://graph.windows.net", "http://vault.x", "vault.x", ""]
)
async def test_an_azure_stack_gets_tokens_for_key_vaults_only(cloud: Cloud, resource: str) -> None:
    cloud.azure.resource = resource
    own = {"useAzureSDK": True, "customCloudConfig": {"activeDirectoryEndpoint": cloud.azure.url}}
    async with cloud.lend(**own, environmentType="AzureStackCloud") as client:
        with pytest.raises(AccessDeniedError):
            await client.get_secret(RemoteRef("db"))
    assert cloud.azure.sign_ins == []


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"authSecretRef": {"clientId": {"name": "s", "key": "k", "namespace": "other"}}}, r"\.clientId: namespace"),
        ({"authSecretRef": {"clientSecret": {"name": "s", "key": "k", "namespace": "other"}}}, "Secret: namespace"),
        ({"serviceAccountRef": {"name": "s", "namespace": "other"}}, "serviceAccountRef: namespace"),
        ({"customCloudConfig": {"activeDirectoryEndpoint": "https://x"}}, "useAzureSDK"),
        ({"customCloudConfig": {"activeDirectoryEndpoint": ""}, "useAzureSDK": True}, "activeDirectoryEndpoint"),
        ({"environmentType": "AzureStackCloud"}, "customCloudConfig"),
    ],
)
def test_validation_refuses(spec: dict[str, Any], text: str) -> None:
    parsed = AzureKVSpec.model_validate({"vaultUrl": "https://v", **spec})
    with pytest.raises(InvalidSpecError, match=text):
        AzureKVProvider().validate_store(parsed, store_kind="SecretStore", store_namespace="app")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"authSecretRef": {"clientId": {"name": "s", "key": "k"}}}, True),
        ({"authSecretRef": {"clientSecret": {"name": "s", "key": "k"}}}, True),
        ({"serviceAccountRef": {"name": "s"}}, True),
        ({"serviceAccountRef": {"name": "s", "namespace": "n"}}, False),
        ({"authSecretRef": {"clientCertificate": {"name": "s", "key": "k"}}}, False),
        ({}, False),
    ],
)
def test_referent(spec: dict[str, Any], expected: bool) -> None:
    parsed = AzureKVSpec.model_validate({"vaultUrl": "https://v", **spec})
    assert AzureKVProvider().is_referent(parsed) is expected


async def test_cluster_store_reads_the_consumers_credentials(cloud: Cloud) -> None:
    await reads(cloud, cluster=True)


def test_sdk_is_imported_on_first_use() -> None:
    code = "import sys, eso.providers.registry, eso.identity.azure; sys.exit(any(n.startswith('azure') for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
