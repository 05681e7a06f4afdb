"""How stores of the provider `oracle` sign in: providers/oracle.md, section 1."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidSpecError,
    ProviderError,
    ReferenceNotFoundError,
    UnavailableError,
    ValidationUnknownError,
)
from eso.providers.base import PushRemoteRef
from eso.providers.oracle.provider import OracleProvider
from tests.support.keypairs import certificate_pem
from tests.support.oraclecase import AUTH, REFS, STORE, OracleCase, oracle_case
from tests.support.providerbench import bench, entry, source, told, value
from tests.support.vendors.oracle import pem_of


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[OracleCase]:
    async with oracle_case(tmp_path) as found:
        yield found


# 1. Authentication


async def test_user_key(case: OracleCase) -> None:
    async with case.lend(principalType="UserPrincipal") as client:
        assert await value(client, "db") == "canary-db"
    query = "secretName=db&vaultId=ocid1.vault.oc1.iad.one"
    assert case.oracle.seen == [f"POST /20190301/secretbundles/actions/getByName?{query}"]
    assert case.stores.counted("Oracle/Vault", "GetSecretBundleByName") == 1


@pytest.mark.parametrize(
    ("field", "key", "error"),
    [
        ("privatekey", "empty", InvalidSpecError),
        ("privatekey", "bad", InvalidSpecError),
        ("privatekey", "none", ReferenceNotFoundError),
        ("fingerprint", "empty", InvalidSpecError),
        ("fingerprint", "none", ReferenceNotFoundError),
    ],
)
async def test_user_keys_that_cannot_be_used(case: OracleCase, field: str, key: str, error: type[EsoError]) -> None:
    refs = {**REFS, field: {"name": "oci", "key": key}}
    with pytest.raises(error, match=r"missing|cannot find|not the PEM") as caught:
        async with case.lend(auth={**AUTH, "secretRef": refs}):
            pass
    assert "canary" not in told(caught.value)


async def test_a_user_key_that_oracle_does_not_know(case: OracleCase) -> None:
    async with case.lend(auth={**AUTH, "user": "ocid1.user.oc1..bob"}) as client:
        with pytest.raises(AccessDeniedError, match="401 NotAuthenticated") as caught:
            await value(client, "db")
        assert "canary" not in told(caught.value)
        with pytest.raises(AccessDeniedError):
            await client.validate()


@pytest.mark.parametrize("change", [{"auth": None}, {"principalType": "InstancePrincipal"}])
async def test_instance_principal(case: OracleCase, change: dict[str, Any]) -> None:
    async with case.lend(**change) as client:
        assert case.oracle.seen == []  # with the first request
        assert await value(client, "db") == "canary-db"
        assert await value(client, "doc", "a") == "canary-a"
        assert case.oracle.signed_in == ["machine"]
    assert sorted(case.oracle.seen[:4])[0] == "GET /opc/v2/identity/cert.pem"
    assert case.oracle.seen[4] == "POST /v1/x509"
    assert case.stores.counted("Oracle/Vault", "Authenticate") == 1


async def test_instance_principal_is_renewed_in_time_and_once_when_refused(case: OracleCase) -> None:
    case.oracle.old_metadata = True
    async with case.lend(auth=None) as client:
        await value(client, "db")
        case.later(1200 - 301)
        await value(client, "doc")
        assert len(case.oracle.signed_in) == 1
        case.later(2)
        await value(client, "texts")
        assert len(case.oracle.signed_in) == 2
        case.oracle.expire()
        assert await value(client, "ending") == "canary-ending"
        assert len(case.oracle.signed_in) == 3


@pytest.mark.parametrize("named", [False, True])
async def test_no_instance(case: OracleCase, tmp_path: Path, named: bool) -> None:
    case.oracle.fault = (404, {}, b"canary")
    around = case.around(tmp_path)
    if named:
        around = replace(around, environ={"OCI_METADATA_BASE_URL": f"{case.oracle.url}/opc/v1"})
    async with bench(OracleProvider(around)) as stores, stores.lend({**STORE, "auth": None}) as client:
        for call in (
            value(client, "db"),
            client.validate(),
            client.push_secret(source(k="canary"), entry("db", "k")),
            client.delete_secret(PushRemoteRef("db")),  # a success would say that it is gone
            client.secret_exists(PushRemoteRef("db")),
        ):
            with pytest.raises(AccessDeniedError, match="metadata") as caught:
                await call
            assert "canary" not in told(caught.value)
            assert not isinstance(caught.value, ValidationUnknownError)


@pytest.mark.parametrize(
    ("part", "content", "text"),
    [
        ("instance/region", b"canary/", "name of a region"),
        ("identity/cert.pem", b"canary", "certificate cannot be read"),
        ("identity/cert.pem", certificate_pem(), "does not name a tenancy"),
        ("identity/key.pem", b"canary", "not an RSA key"),
        ("identity/key.pem", None, "401"),  # of another machine
    ],
)
async def test_an_instance_with_odd_metadata(case: OracleCase, part: str, content: bytes | None, text: str) -> None:
    case.oracle.metadata[part] = content or pem_of(generate_private_key(65537, 2048)).encode()
    async with case.lend(auth=None) as client:
        with pytest.raises(EsoError, match=text) as caught:
            await value(client, "db")
    assert "canary" not in told(caught.value)


async def test_the_environment_says_where_machines_sign_in(case: OracleCase, tmp_path: Path) -> None:
    environ = {
        "OCI_METADATA_BASE_URL": f"{case.oracle.url}/opc/v1/",
        "OCI_SDK_AUTH_CLIENT_REGION_URL": f"{case.oracle.url}/",
    }
    nowhere = "http://127.0.0.1:1"
    around = replace(case.around(tmp_path), metadata=nowhere, federation=nowhere, environ=environ)
    async with bench(OracleProvider(around)) as stores, stores.lend(STORE) as client:
        assert await value(client, "db") == "canary-db"
    assert "GET /opc/v1/identity/key.pem" in case.oracle.seen


@pytest.mark.parametrize("answer", [b"canary", b"[]", b'{"token":""}'])
async def test_a_sign_in_that_gives_no_token(case: OracleCase, answer: bytes) -> None:
    case.oracle.fault = (200, {}, answer)
    async with case.lend(principalType="Workload") as client:
        with pytest.raises(ProviderError, match="answer") as caught:
            await value(client, "db")
    assert "canary" not in told(caught.value)


async def test_a_token_without_end_is_taken_for_one_of_five_minutes(case: OracleCase) -> None:
    case.oracle.lifetime = None
    case.oracle.workloads = {"canary-pod-token": "operator"}
    async with case.lend(principalType="Workload") as client:
        await value(client, "db")
        case.later(149)
        await value(client, "doc")
        assert len(case.oracle.signed_in) == 1
        case.later(2)
        await value(client, "texts")
        assert len(case.oracle.signed_in) == 2


async def test_workload_at_an_address_of_ipv6(case: OracleCase, tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "::1"}
    around = replace(case.around(tmp_path), proxymux="http://{host}:1", environ=environ)
    spec = {**STORE, "principalType": "Workload"}
    async with bench(OracleProvider(around)) as stores, stores.lend(spec) as client:
        with pytest.raises(UnavailableError, match="signing in as a workload"):
            await value(client, "db")


@pytest.mark.parametrize("cluster", [False, True])
async def test_workload_of_a_service_account(case: OracleCase, cluster: bool) -> None:
    ref = {"name": "robot", "audiences": ["more"], **({"namespace": "other"} if cluster else {})}
    async with case.lend(principalType="Workload", serviceAccountRef=ref, auth=None, cluster=cluster) as client:
        assert await value(client, "db") == "canary-db"
    assert case.oracle.accounts[0]["aud"] == ["api", "more"]
    assert case.oracle.signed_in == [f"system:serviceaccount:{'other' if cluster else 'app'}:robot"]


async def test_workload_of_the_operator_is_renewed_at_half_time(case: OracleCase) -> None:
    case.oracle.workloads = {"canary-pod-token": "operator"}
    async with case.lend(principalType="Workload") as client:
        await value(client, "db")
        case.later(599)
        await value(client, "doc")
        assert case.oracle.signed_in == ["operator"]
        case.later(2)
        await value(client, "texts")
        assert case.oracle.signed_in == ["operator"] * 2


async def test_a_workload_that_is_refused(case: OracleCase) -> None:
    case.oracle.workloads = {}
    async with case.lend(principalType="Workload") as client:
        with pytest.raises(AccessDeniedError, match="enhanced") as caught:
            await value(client, "db")
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("ref", "cluster"), [({"name": "robot", "namespace": "other"}, False), ({"name": "robot"}, True)]
)
async def test_no_token_is_requested_against_the_strict_rule(
    case: OracleCase, ref: dict[str, Any], cluster: bool
) -> None:
    with pytest.raises(InvalidSpecError, match="invalid ServiceAccountRef"):
        async with case.lend(principalType="Workload", serviceAccountRef=ref, cluster=cluster):
            pass


async def test_workload_outside_of_a_cluster(case: OracleCase, tmp_path: Path) -> None:
    for change, text in (({"environ": {}}, "KUBERNETES_SERVICE_HOST"), ({"ca_file": str(tmp_path / "no")}, "cannot")):
        around = replace(case.around(tmp_path), **change)
        async with bench(OracleProvider(around)) as stores:
            with pytest.raises(EsoError, match=text):
                async with stores.lend({**STORE, "principalType": "Workload"}):
                    pass
