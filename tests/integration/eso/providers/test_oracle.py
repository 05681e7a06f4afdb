"""providers/oracle.md, row by row, against a server that verifies signatures as Oracle does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
    ValidationUnknownError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, ValidationResult
from eso.providers.oracle.auth import Surroundings
from eso.providers.oracle.provider import OracleProvider
from eso.providers.oracle.regions import region_of
from eso.values import reveal_all
from tests.support.oraclecase import AUTH, REFS, STORE, OracleCase, oracle_case
from tests.support.providerbench import entry, mapped, source, told, value
from tests.support.vendors.oracle import VAULT


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[OracleCase]:
    async with oracle_case(tmp_path) as found:
        yield found


async def found(client: Any, **ref: Any) -> dict[str, bytes]:
    return reveal_all(await client.get_all_secrets(FindRef(**ref)))


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "property", "version", "wanted"),
    [
        ("db", "", "", "canary-db"),
        ("db", "", "CURRENT", "canary-db"),
        ("db", "", "PREVIOUS", "canary-old"),
        ("odd name/+&", "", "", "\udcff\x00canary"),
        ("doc", "n.k", "", "1"),
        ("doc", "n", "LATEST", '{"k":1}'),
        ("doc", "dot\\.ted", "", "y"),
    ],
)
async def test_reading(case: OracleCase, key: str, property: str, version: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, property, version=version, metadata_policy="Fetch") == wanted


@pytest.mark.parametrize(
    ("key", "property", "version", "text"),
    [
        ("none", "", "", "Secrets service failed to GetSecretBundleByName none, HTTP status code 404"),
        ("doc", "", "PREVIOUS", "404"),
        ("db", "", "7", "version of db must be a stage"),
        ("doc", "absent", "", "missing Key"),
        ("db", "a", "", "missing Key"),
    ],
)
async def test_what_is_missing_is_a_plain_error(
    case: OracleCase, key: str, property: str, version: str, text: str
) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await value(client, key, property, version=version)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


# 3. dataFrom


async def test_extract(case: OracleCase) -> None:
    async with case.lend() as client:
        assert await mapped(client, "texts") == {"a": "canary-x", "b": ""}
        for key, property in (("doc", ""), ("db", ""), ("texts", "a")):
            with pytest.raises(ProviderError, match="unable to unmarshal") as caught:
                await mapped(client, key, property)
            assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("ref", "wanted"),
    [
        ({"name_regexp": "^d", "path": "ignored", "tags": {"team": "none"}}, {"db", "doc"}),
        ({"tags": {"team": "db"}}, {"db", "doc"}),
        ({"tags": {"team": "none", "env": "prod"}}, {"db"}),
        ({"tags": {"team": "prod"}}, set()),
        ({"tags": {}}, set()),
        ({}, set()),
    ],
)
@pytest.mark.parametrize("page", [1, 100])
async def test_find(case: OracleCase, page: int, ref: dict[str, Any], wanted: set[str]) -> None:
    case.oracle.page = page
    async with case.lend() as client:
        assert await found(client, **ref) == {key: case.oracle.secrets[key]["versions"][-1] for key in wanted}


async def test_find_that_fails(case: OracleCase) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidSpecError, match="could not compile"):
            await found(client, name_regexp="(")
    async with case.lend(compartment="other") as client:
        with pytest.raises(InvalidRequestError, match="compartment"):
            await found(client, name_regexp="d")
    async with case.lend(compartment=None) as client:
        with pytest.raises(InvalidSpecError, match="compartment"):
            await found(client, name_regexp="d")


# 4. PushSecret


async def test_push(case: OracleCase) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="canary-1"), entry("new", "k", property="ignored", metadata={"x": 1}))
        assert case.oracle.secrets["new"]["versions"] == [b"canary-1"]
        await client.push_secret(source(k="canary-1"), entry("new", "k"))
        assert len(case.oracle.secrets["new"]["versions"]) == 1
        await client.push_secret(source(k=b"\xff"), entry("new", "k"))
        await client.push_secret(source(b="<2>", a="1"), entry("new"))
        assert case.oracle.secrets["new"]["versions"][1:] == [b"\xff", b'{"a":"1","b":"\\u003c2\\u003e"}']
        assert await value(client, "new", "b") == "<2>"
    for call, times in (("CreateSecret", 1), ("UpdateSecret", 2), ("GetSecretBundleByName", 4)):
        assert case.stores.counted("Oracle/Vault", call) == times


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"encryptionKey": None}, InvalidSpecError, "SecretStore must reference encryption key"),
        ({"compartment": None}, InvalidSpecError, "compartment"),
        ({"encryptionKey": "other"}, InvalidRequestError, "Vaults service failed to CreateSecret new"),
    ],
)
async def test_push_that_fails(case: OracleCase, change: dict[str, Any], error: type[EsoError], text: str) -> None:
    async with case.lend(**change) as client:
        with pytest.raises(error, match=text) as caught:
            await client.push_secret(source(k="canary-1"), entry("new", "k"))
        assert "canary" not in told(caught.value)
        assert not isinstance(caught.value, NoSecretError)
        assert not await client.secret_exists(PushRemoteRef("new"))
        assert await client.secret_exists(PushRemoteRef("db", "whatever"))


async def test_delete(case: OracleCase) -> None:
    async with case.lend() as client:
        for name in ("none", "ending", "db"):
            await client.delete_secret(PushRemoteRef(name))
        assert case.oracle.secrets["db"]["ending"]
    changes = [path for path in case.oracle.seen if "getByName" not in path]
    assert changes == [f"POST /20180608/secrets/{case.oracle.secrets['db']['id']}/actions/scheduleDeletion"]


# 5. Store


async def test_validation(case: OracleCase) -> None:
    assert OracleProvider.capabilities is Capabilities.READ_WRITE
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.oracle.seen == [f"GET /20180608/vaults/{VAULT}"]
    async with case.lend(vault="ocid1.vault.oc1.iad.two") as client:
        with pytest.raises(ValidationUnknownError, match="NotAuthorizedOrNotFound") as caught:
            await client.validate()
        assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (401, "NotAuthenticated", AccessDeniedError),
        (404, "InvalidParameter", InvalidRequestError),
        (400, "NotAuthorizedOrNotFound", ValidationUnknownError),
        (500, "canary-code", UnavailableError),
    ],
)
async def test_validation_by_code(case: OracleCase, status: int, code: str, error: type[EsoError]) -> None:
    case.oracle.refusals = [(status, code, {})]
    async with case.lend() as client:
        with pytest.raises(error) as caught:
            await client.validate()
    assert "canary" not in told(caught.value)
    assert not isinstance(caught.value, NoSecretError)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"vault": ""}, "vault cannot be empty"),
        ({"region": ""}, "region cannot be empty"),
        ({"auth": {**AUTH, "user": ""}}, "user cannot be empty"),
        ({"auth": {**AUTH, "tenancy": ""}}, "tenant cannot be empty"),
        ({"auth": {**AUTH, "secretRef": {**REFS, "privatekey": {"key": "k"}}}}, r"privateKey\.name cannot be empty"),
        ({"auth": {**AUTH, "secretRef": {**REFS, "privatekey": {"name": "n"}}}}, r"privateKey\.key cannot be empty"),
        ({"auth": {**AUTH, "secretRef": {**REFS, "fingerprint": {"key": "k"}}}}, r"fingerprint\.name cannot be empty"),
        ({"auth": {**AUTH, "secretRef": {**REFS, "fingerprint": {"name": "n"}}}}, r"fingerprint\.key cannot be empty"),
        ({"serviceAccountRef": {"name": "a", "namespace": "x"}}, "invalid ServiceAccountRef"),
    ],
)
async def test_static_checks(case: OracleCase, change: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check({**STORE, "auth": AUTH, **change})


async def test_static_checks_of_references(case: OracleCase) -> None:
    def refs(name: str, namespace: str | None) -> dict[str, Any]:
        return {**AUTH, "secretRef": {**REFS, name: {**REFS[name], "namespace": namespace}}}

    for name in REFS:
        for auth, cluster in ((refs(name, "x"), False), (refs(name, None), True)):
            with pytest.raises(InvalidSpecError, match="namespace"):
                case.stores.check({**STORE, "auth": auth}, cluster=cluster)
    everywhere = {name: {**ref, "namespace": "x"} for name, ref in REFS.items()}
    assert case.stores.check({**STORE, "auth": {**AUTH, "secretRef": everywhere}}, cluster=True) == []
    assert case.stores.check({**STORE, "auth": AUTH}) == []
    assert case.stores.check({**STORE, "serviceAccountRef": {"name": "a"}}, cluster=True) == []  # referent


# 6. API


@pytest.mark.parametrize(
    ("region", "environ", "wanted"),
    [
        ("eu-frankfurt-1", {}, "https://secrets.vaults.eu-frankfurt-1.oci.oraclecloud.com"),
        ("PHX", {}, "https://secrets.vaults.us-phoenix-1.oci.oraclecloud.com"),
        ("us-gov-ashburn-1", {}, "https://secrets.vaults.us-gov-ashburn-1.oci.oraclegovcloud.com"),
        ("uk-gov-london-1", {"OCI_DEFAULT_REALM": "x"}, "https://secrets.vaults.uk-gov-london-1.oci.oraclegovcloud.uk"),
        ("new-region-1", {"OCI_DEFAULT_REALM": "acme.cloud"}, "https://secrets.vaults.new-region-1.oci.acme.cloud"),
    ],
)
def test_endpoints(region: str, environ: dict[str, str], wanted: str) -> None:
    assert region_of(region, environ).url(Surroundings().secrets) == wanted


@pytest.mark.parametrize("region", ["evil.example/", "a b", "-", "us-ashburn-1.evil.example"])
async def test_a_region_is_no_other_host(case: OracleCase, region: str) -> None:
    with pytest.raises(InvalidSpecError, match="region"):
        async with case.lend(region=region):
            pass


def test_the_clock_of_a_signature_is_the_operators() -> None:
    assert abs(Surroundings().now() - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("settings", "refusals", "left"),
    [
        (None, 2, 1),
        ({"maxRetries": 3, "retryInterval": "1ms"}, 2, 0),
        ({"maxRetries": 3, "retryInterval": "1ms"}, 4, 1),
        ({"maxRetries": 0, "retryInterval": "1ms"}, 2, 1),
        ({"retryInterval": "1ms"}, 7, 0),
    ],
)
async def test_retry_settings(case: OracleCase, settings: dict[str, Any] | None, refusals: int, left: int) -> None:
    case.oracle.refusals = [(500, "InternalServerError", {}), (409, "IncorrectState", {})] * refusals
    del case.oracle.refusals[refusals:]
    works = settings is not None and not left
    async with case.stores.lend({**STORE, "auth": AUTH}, retry=settings) as client:
        if works:
            await client.push_secret(source(k="canary-1"), entry("new", "k"))
        else:
            with pytest.raises(UnavailableError):
                await client.push_secret(source(k="canary-1"), entry("new", "k"))
    assert len(case.oracle.refusals) == left


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequestError),
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
        (302, InvalidRequestError),
    ],
)
async def test_failures(case: OracleCase, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    case.oracle.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b"canary-body")
    async with case.lend() as client:
        with pytest.raises(error, match=f"HTTP status code {status}") as caught:
            await value(client, "db")
        assert "canary" not in told(caught.value) + caplog.text
    async with case.lend() as client:
        with pytest.raises(error, match=f"Vaults service failed to ListSecrets .*HTTP status code {status}") as caught:
            await found(client, name_regexp="db")
        assert not isinstance(caught.value, NoSecretError)
        assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize(
    "body", [b"canary", b'["canary"]', b'{"canary":1}', b'{"secretBundleContent":{"content":"canary!"}}', b"null"]
)
async def test_malformed_answers(case: OracleCase, body: bytes) -> None:
    case.oracle.fault = (200, {}, body)
    async with case.lend() as client:
        for call in (value(client, "db"), found(client, name_regexp="db")):
            with pytest.raises(ProviderError, match="answer") as caught:
                await call
            assert "canary" not in told(caught.value)
