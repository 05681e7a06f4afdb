"""The providers `kubernetes` and `crd` against a real kube-apiserver: client certificates, TokenRequest, RBAC, discovery."""

from __future__ import annotations

import base64
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.errors import AccessDeniedError, InvalidSpecError, NoSecretError
from eso.providers.base import FindRef, PushEntry, PushRemoteRef, RemoteRef, SourceSecret, ValidationResult
from eso.providers.registry import ProviderRegistry
from eso.stores.client_manager import ClientManager
from eso.stores.metrics import StoreMetrics
from eso.values import wrap_all
from reconcile.api.core_v1 import ConfigMap, Namespace, Secret, ServiceAccount
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.client.config import Config
from tests.support.controlplane import ControlPlane, Unavailable, running_control_plane

pytestmark = pytest.mark.controlplane

RBAC = "/apis/rbac.authorization.k8s.io/v1"
NUMBERS = itertools.count()


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain)


class Authority:
    """Signs the certificates of users."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._signed("users", self._key, ca=True)
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def user(self, name: str) -> tuple[bytes, bytes]:
        """Certificate and key of a user."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._signed(name, key, ca=False).public_bytes(serialization.Encoding.PEM), pem_of(key)

    def _signed(self, name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named("users"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            usage = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH])
            builder = builder.add_extension(usage, critical=False)
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def plane(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that knows users by certificate."""
    folder: Path = tmp_path_factory.mktemp("plane")
    (folder / "users.crt").write_bytes(authority.pem)
    try:
        with running_control_plane(folder / "plane", f"--client-ca-file={folder / 'users.crt'}") as found:
            yield found
    except Unavailable as err:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"not on this machine: {err}")


class Cluster:
    """Two namespaces of a test: `home` with the stores, `remote` with what they read."""

    def __init__(self, plane: ControlPlane, kube: Client) -> None:
        self._plane = plane
        self.kube = kube
        number = next(NUMBERS)
        self.home, self.remote = f"home-{number}", f"remote-{number}"
        self.manager = ClientManager(kube, ProviderRegistry(), StoreMetrics(CollectorRegistry()))

    def lend(self, auth: dict[str, Any], *, key: str = "kubernetes", **spec: Any) -> Any:
        """A client of a SecretStore in `home`."""
        ca = base64.b64encode(self._plane.ca_file.read_bytes()).decode()
        given = {"server": {"url": self._plane.url, "caBundle": ca}, "auth": auth, **spec}
        metadata = {"name": "store", "namespace": self.home, "uid": str(next(NUMBERS))}
        store = SecretStore.from_wire({"metadata": metadata, "spec": {"provider": {key: given}}})
        return self.manager.client_for(store, self.home)

    async def grant(self, subject: dict[str, str], namespace: str, resources: list[str], verbs: list[str]) -> None:
        """Let somebody do something in a namespace."""
        name = f"r{next(NUMBERS)}"
        group = "rbac.authorization.k8s.io"
        head = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
        rules = [{"apiGroups": [""], "resources": resources, "verbs": verbs}]
        path = f"{RBAC}/namespaces/{namespace}"
        await self.kube.raw("POST", f"{path}/roles", body={**head, "kind": "Role", "rules": rules})
        binding = {"roleRef": {"apiGroup": group, "kind": "Role", "name": name}, "subjects": [subject]}
        await self.kube.raw("POST", f"{path}/rolebindings", body={**head, "kind": "RoleBinding", **binding})


@pytest.fixture
async def cluster(plane: ControlPlane) -> AsyncIterator[Cluster]:
    async with Client(Config(server=plane.url, token=plane.token, ca_file=str(plane.ca_file))) as kube:
        found = Cluster(plane, kube)
        for name in (found.home, found.remote):
            await kube.create(Namespace(metadata=ObjectMeta(name=name)))
        for name in ("reader", "stranger"):
            await kube.create(ServiceAccount(metadata=ObjectMeta(name=name, namespace=found.home)))
        await kube.create(Secret(metadata=ObjectMeta(name="db", namespace=found.remote), data={"pw": b"canary"}))
        yield found
        await found.manager.close()


def account(cluster: Cluster, name: str = "reader") -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": name, "namespace": cluster.home}


@asynccontextmanager
async def certificate(cluster: Cluster, authority: Authority, user: str) -> AsyncIterator[dict[str, Any]]:
    """`auth` with the certificate of a user in a Secret."""
    chain, key = authority.user(user)
    metadata = ObjectMeta(name=user, namespace=cluster.home)
    await cluster.kube.create(Secret(metadata=metadata, data={"crt": chain, "key": key}))
    yield {"cert": {"clientCert": {"name": user, "key": "crt"}, "clientKey": {"name": user, "key": "key"}}}


async def test_a_client_certificate(cluster: Cluster, authority: Authority) -> None:
    user = {"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}
    await cluster.grant(user, cluster.remote, ["secrets"], ["get"])
    async with (
        certificate(cluster, authority, "ann") as auth,
        cluster.lend(auth, remoteNamespace=cluster.remote) as client,
    ):
        assert await client.validate() is ValidationResult.READY
        assert (await client.get_secret(RemoteRef("db", "pw"))).reveal() == b"canary"
        with pytest.raises(NoSecretError):
            await client.get_secret(RemoteRef("gone"))
        with pytest.raises(AccessDeniedError, match="permissions"):
            await client.get_all_secrets(FindRef(name_regexp="."))


async def test_a_certificate_of_another_authority(cluster: Cluster) -> None:
    async with (
        certificate(cluster, Authority(), "eve") as auth,
        cluster.lend(auth, remoteNamespace=cluster.remote) as client,
    ):
        with pytest.raises(AccessDeniedError, match="credentials"):
            await client.get_secret(RemoteRef("db", "pw"))


async def test_a_service_account_reads_finds_pushes_and_deletes(cluster: Cluster) -> None:
    everything = ["get", "list", "create", "update", "delete"]
    await cluster.grant(account(cluster), cluster.remote, ["secrets"], everything)
    source = SourceSecret(wrap_all({"a": "1"}), namespace=cluster.home)
    async with cluster.lend({"serviceAccount": {"name": "reader"}}, remoteNamespace=cluster.remote) as client:
        assert await client.validate() is ValidationResult.READY
        assert set(await client.get_all_secrets(FindRef(name_regexp="^db$"))) == {"db"}
        remote = PushRemoteRef("pushed", "k")
        assert not await client.secret_exists(remote)
        await client.push_secret(source, PushEntry("a", remote))
        assert (await cluster.kube.get(Secret, "pushed", cluster.remote)).data == {"k": b"1"}
        await client.delete_secret(remote)
        assert await cluster.kube.find(Secret, "pushed", cluster.remote) is None


async def test_validation_by_rules_and_reviews(cluster: Cluster) -> None:
    async with cluster.lend({"serviceAccount": {"name": "stranger"}}, remoteNamespace=cluster.remote) as client:
        with pytest.raises(AccessDeniedError, match="not allowed to get secrets"):
            await client.validate()
        with pytest.raises(AccessDeniedError, match="permissions"):
            await client.get_secret(RemoteRef("db"))


async def test_a_token_for_another_audience_is_refused(cluster: Cluster) -> None:
    await cluster.grant(account(cluster), cluster.remote, ["secrets"], ["get"])
    auth = {"serviceAccount": {"name": "reader", "audiences": ["elsewhere"]}}
    async with cluster.lend(auth, remoteNamespace=cluster.remote) as client:
        with pytest.raises(AccessDeniedError, match="credentials"):
            await client.get_secret(RemoteRef("db"))


async def test_objects_of_a_kind(cluster: Cluster) -> None:
    await cluster.grant(account(cluster), cluster.home, ["configmaps"], ["get", "list"])
    metadata = ObjectMeta(name="settings", namespace=cluster.home)
    await cluster.kube.create(ConfigMap(metadata=metadata, data={"k": "v"}))
    auth = {"serviceAccount": {"name": "reader"}}
    resource = {"group": "", "version": "v1", "kind": "ConfigMap"}
    async with cluster.lend(auth, key="crd", resource=resource) as client:
        assert await client.validate() is ValidationResult.READY
        assert (await client.get_secret(RemoteRef("settings", "data.k"))).reveal() == b"v"
        assert set(await client.get_all_secrets(FindRef(name_regexp="^settings$"))) == {"settings"}
        with pytest.raises(NoSecretError):
            await client.get_secret(RemoteRef("gone"))
    with pytest.raises(InvalidSpecError, match="kind Nothing"):
        async with cluster.lend(auth, key="crd", resource={**resource, "kind": "Nothing"}):
            pass
    with pytest.raises(AccessDeniedError, match="not allowed to get configmaps"):
        async with cluster.lend({"serviceAccount": {"name": "stranger"}}, key="crd", resource=resource):
            pass
