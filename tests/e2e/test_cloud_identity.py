"""ServiceAccounts as identities at clouds: the cloud verifies the cluster's token as the issuer's keys say, then answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import jwt
import pytest
from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.identity.aws.connection import ENDPOINTS
from eso.identity.gcp import GoogleEndpoints
from eso.providers.aws.provider import AWSProvider
from eso.providers.azurekv.provider import AzureKVProvider
from eso.providers.base import Provider, RemoteRef
from eso.providers.gcpsm.provider import GCPSMProvider
from eso.providers.registry import ProviderRegistry
from eso.stores.client_manager import ClientManager
from eso.stores.metrics import StoreMetrics
from reconcile.client import Client, load_config
from tests.support.operator import ClusterUnderTest
from tests.support.vendors.aws import amazon, moto_server
from tests.support.vendors.azurekv import CLIENT, TENANT, azure
from tests.support.vendors.gcpsm import PROJECT, google_cloud

ROLE = "arn:aws:iam::123456789012:role/reader"
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


def account(cluster: ClusterUnderTest, **annotations: str) -> None:
    metadata = {"name": "robot", "annotations": annotations}
    cluster.api.ok("POST", "/api/v1/namespaces/{ns}/serviceaccounts", {"metadata": metadata})


def verified(cluster: ClusterUnderTest, token: str, audience: str) -> dict[str, Any]:
    """Claims of a token, once its signature and audience are proven, as a cloud does it that trusts the issuer."""
    keys = jwt.PyJWKSet.from_dict(cluster.api("GET", "/openid/v1/jwks", accept="*/*").body)
    key = next(each for each in keys.keys if each.key_id == jwt.get_unverified_header(token)["kid"])
    issuer = cluster.api("GET", "/.well-known/openid-configuration").body["issuer"]
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256", "ES256"], audience=audience, issuer=issuer)
    assert claims["sub"] == f"system:serviceaccount:{cluster.namespace}:robot"
    return claims


@asynccontextmanager
async def lent(cluster: ClusterUnderTest, provider: Provider[Any], spec: dict[str, Any]) -> AsyncIterator[Any]:
    registry = ProviderRegistry({})
    registry.add(provider)
    async with Client(load_config(str(cluster.kubeconfig))) as kube:
        manager = ClientManager(kube, registry, StoreMetrics(CollectorRegistry()))
        metadata = {"name": "store", "namespace": cluster.namespace, "uid": "1"}
        body = {"metadata": metadata, "spec": {"provider": {provider.name: spec}}}
        try:
            async with manager.client_for(SecretStore.from_wire(body), cluster.namespace) as client:
                yield client
        finally:
            await manager.close()


async def test_aws_role_of_a_service_account(cluster: ClusterUnderTest, moto: str) -> None:
    account(cluster, **{"eks.amazonaws.com/role-arn": ROLE})
    async with amazon(moto) as aws:
        await aws.direct("secretsmanager.CreateSecret", Name="db", SecretString="from aws")
        spec = {
            "service": "SecretsManager",
            "region": "eu-central-1",
            "auth": {"jwt": {"serviceAccountRef": {"name": "robot", "audiences": ["more"]}}},
        }
        async with lent(cluster, AWSProvider(dict.fromkeys(ENDPOINTS.values(), aws.url)), spec) as client:
            assert (await client.get_secret(RemoteRef("db"))).reveal() == b"from aws"
        (request,) = aws.of("AssumeRoleWithWebIdentity")
    assert request.body["RoleArn"] == ROLE
    claims = verified(cluster, request.body["WebIdentityToken"], "sts.amazonaws.com")
    assert sorted(claims["aud"]) == ["more", "sts.amazonaws.com"]


async def test_azure_application_of_a_service_account(cluster: ClusterUnderTest) -> None:
    annotations = {"azure.workload.identity/client-id": CLIENT, "azure.workload.identity/tenant-id": TENANT}
    account(cluster, **annotations)
    async with azure() as vendor:
        vendor.assertions[""] = CLIENT
        vendor.put("secrets", "db", value="from azure")
        spec = {"vaultUrl": vendor.url, "authType": "WorkloadIdentity", "serviceAccountRef": {"name": "robot"}}
        provider = AzureKVProvider(vendor.url, vendor.url, {}, vendor.ca)
        async with lent(cluster, provider, spec) as client:
            assert (await client.get_secret(RemoteRef("db"))).reveal() == b"from azure"
        (form,) = vendor.sign_ins
    verified(cluster, form["client_assertion"], "api://AzureADTokenExchange")


@pytest.mark.parametrize("federated", [False, True], ids=["gke", "federation"])
async def test_google_identity_of_a_service_account(cluster: ClusterUnderTest, federated: bool) -> None:
    account(cluster)
    ref = {"name": "robot", "audiences": [POOL]}
    auth: dict[str, Any] = {"workloadIdentityFederation": {"serviceAccountRef": ref, "audience": POOL}}
    if not federated:
        auth = {"workloadIdentity": {"serviceAccountRef": ref, "clusterLocation": "l", "clusterName": "c"}}
    async with google_cloud() as google:
        google.put("db", b"from google")
        endpoints = GoogleEndpoints(binding=f"{google.url}/binding", sts=f"{google.url}/sts")
        provider = GCPSMProvider(lambda host, roots: grpc.aio.insecure_channel(google.target), endpoints, environ={})
        async with lent(cluster, provider, {"projectID": PROJECT, "auth": auth}) as client:
            assert (await client.get_secret(RemoteRef("db"))).reveal() == b"from google"
        ((path, sent),) = google.exchanges
    assert path == ("/sts" if federated else "/binding")
    claims = verified(cluster, sent["subject_token"], POOL)
    assert claims["exp"] - claims["iat"] == 900
    assert (f"{PROJECT}.svc.id.goog" in claims["aud"]) is not federated
