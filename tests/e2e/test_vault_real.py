"""Signing in to a real Vault with tokens of ServiceAccounts of a real kube-apiserver, which Vault checks itself."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.errors import AccessDeniedError
from eso.providers.base import RemoteRef
from eso.providers.registry import ProviderRegistry
from eso.stores.client_manager import ClientManager
from eso.stores.metrics import StoreMetrics
from reconcile.api.core_v1 import Namespace, ServiceAccount
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.client.config import Config
from tests.support.controlplane import ControlPlane
from tests.support.vault import Vault, vault_or_skip

pytestmark = pytest.mark.controlplane

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def vault() -> Iterator[Vault]:
    for found in vault_or_skip():
        found.mount("kv", 2)
        found.call("PUT", "kv/data/k", {"data": {"n": "value"}})
        found.policy("reader", kv__STAR=["read", "list"])
        yield found


@asynccontextmanager
async def cluster(plane: ControlPlane) -> AsyncIterator[tuple[Client, str]]:
    """A client of the administrator and a namespace of its own with the ServiceAccounts `account` and `stranger`."""
    async with Client(Config(server=plane.url, token=plane.token, ca_file=str(plane.ca_file))) as kube:
        namespace = f"vault-{next(NUMBERS)}"
        await kube.create(Namespace(metadata=ObjectMeta(name=namespace)))
        for name in ("account", "stranger"):
            await kube.create(ServiceAccount(metadata=ObjectMeta(name=name, namespace=namespace)))
        yield kube, namespace


async def read(kube: Client, vault: Vault, namespace: str, auth: dict[str, Any]) -> bytes:
    """What a SecretStore that signs in like that reads."""
    spec = {"provider": {"vault": {"server": vault.url, "path": "kv", "auth": auth}}}
    metadata = {"name": "store", "namespace": namespace, "uid": str(next(NUMBERS))}
    manager = ClientManager(kube, ProviderRegistry(), StoreMetrics(CollectorRegistry()))
    try:
        store = SecretStore.from_wire({"metadata": metadata, "spec": spec})
        async with manager.client_for(store, namespace) as client:
            return (await client.get_secret(RemoteRef("k", "n"))).reveal()
    finally:
        await manager.close()


async def test_kubernetes_auth_by_token_review(control_plane: ControlPlane, vault: Vault) -> None:
    async with cluster(control_plane) as (kube, namespace):
        mount = f"cluster-{namespace}"
        vault.enable("kubernetes", mount)
        config = {
            "kubernetes_host": control_plane.url,
            "kubernetes_ca_cert": control_plane.ca_file.read_text(),
            "token_reviewer_jwt": control_plane.token,
        }
        vault.call("POST", f"auth/{mount}/config", config)
        role = {
            "bound_service_account_names": "account",
            "bound_service_account_namespaces": namespace,
            "audience": "vault",
            "token_policies": ["reader"],
        }
        vault.call("POST", f"auth/{mount}/role/app", role)

        def settings(name: str, audience: str) -> dict[str, Any]:
            account = {"name": name, "audiences": [audience]}
            return {"kubernetes": {"mountPath": mount, "role": "app", "serviceAccountRef": account}}

        # The audience must be one that the API server takes as well: it reviews the token.
        issuer = claims_of((await kube.request_token(namespace, "account", [], 600)).token)["aud"][0]
        vault.call("POST", f"auth/{mount}/role/app", {**role, "audience": issuer})
        assert await read(kube, vault, namespace, settings("account", issuer)) == b"value"
        with pytest.raises(AccessDeniedError):
            await read(kube, vault, namespace, settings("stranger", issuer))
        with pytest.raises(AccessDeniedError):
            await read(kube, vault, namespace, settings("account", "elsewhere"))


async def test_jwt_auth_by_the_keys_of_the_cluster(control_plane: ControlPlane, vault: Vault) -> None:
    async with cluster(control_plane) as (kube, namespace):
        mount = f"jwt-{namespace}"
        vault.enable("jwt", mount)
        keys = json.loads(control_plane.kubectl("get", "--raw", "/openid/v1/jwks"))["keys"]
        vault.call("POST", f"auth/{mount}/config", {"jwt_validation_pubkeys": [pem(key) for key in keys]})
        role = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_subject": f"system:serviceaccount:{namespace}:account",
            "bound_audiences": "vault",
            "token_policies": ["reader"],
        }
        vault.call("POST", f"auth/{mount}/role/app", role)

        def settings(name: str, **more: Any) -> dict[str, Any]:
            account = {"serviceAccountRef": {"name": name}, **more}
            return {"jwt": {"path": mount, "role": "app", "kubernetesServiceAccountToken": account}}

        assert await read(kube, vault, namespace, settings("account")) == b"value"
        with pytest.raises(AccessDeniedError):
            await read(kube, vault, namespace, settings("stranger"))
        with pytest.raises(AccessDeniedError):
            await read(kube, vault, namespace, settings("account", audiences=["elsewhere"]))


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def pem(key: dict[str, Any]) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public: Any = jwt.PyJWK(key).key
    text: bytes = public.public_bytes(serialization.Encoding.PEM, form)
    return text.decode()
