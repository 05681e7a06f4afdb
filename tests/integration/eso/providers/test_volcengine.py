"""providers/volcengine.md, row by row, against a server that recomputes signatures as Volcengine does."""

from __future__ import annotations

import asyncio
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
    ReferenceNotFoundError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, ValidationResult
from eso.providers.volcengine.api import endpoint_of
from eso.providers.volcengine.auth import Surroundings
from eso.providers.volcengine.provider import VolcengineProvider
from tests.support.loopback import accepting
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.tokenserver import serving
from tests.support.vendors.volcengine import ACCESS_KEY, ROLE, SECRET_KEY, TOKEN, Volcengine

REFS = {"accessKeyID": {"name": "keys", "key": "id"}, "secretAccessKey": {"name": "keys", "key": "secret"}}
DOCUMENT = '{"a":"canary-a","n":{"k": 1},"dot.ted":"y","t":true,"z":null,"f":1.50,"n.k":"literal"}'
START = datetime(2026, 1, 1, tzinfo=UTC)


class Case:
    """An account, and stores in a cluster that use it; time passes when `later` says so."""

    def __init__(self, vendor: Volcengine, folder: Path) -> None:
        self.vendor = vendor
        self.environ = {
            "VOLCENGINE_OIDC_TOKEN_FILE": str(folder / "token"),
            "VOLCENGINE_OIDC_ROLE_TRN": ROLE,
        }
        (folder / "token").write_text(f"{TOKEN}\n")
        self.now = START
        self.later(0)
        self.stores: ProviderBench

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.vendor.now = self.now

    def lend(self, refs: dict[str, Any] | None = None, **change: Any) -> Any:
        options = {name: change.pop(name) for name in ("cluster", "consumer", "uid") if name in change}
        return self.stores.lend(
            {"region": "cn-beijing", "auth": {"secretRef": {**REFS, **(refs or {})}}, **change}, **options
        )


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[Case]:
    vendor = Volcengine(
        secrets={
            "db": {"v1": "canary-old", "v2": "canary-db"},
            "doc": {"v1": DOCUMENT},
            "list": {"v1": '["canary"]'},
            "odd <&> näme": {"v1": "ünï"},
            "empty": {"v1": None},
        }
    )
    found = Case(vendor, tmp_path)
    async with serving(vendor):
        around = Surroundings(kms=vendor.url, sts=vendor.url, environ=found.environ, now=lambda: found.now, pause=0.001)
        async with bench(VolcengineProvider(around)) as stores:
            found.stores = stores
            await stores.secret("keys", id=ACCESS_KEY, secret=SECRET_KEY, token="canary-session", bad="canary\nx")
            yield found


# 1. Authentication


async def test_keys(case: Case) -> None:
    async with case.lend() as client:
        assert case.vendor.seen == []
        assert await value(client, "db") == "canary-db"
    assert case.vendor.seen == ["POST /?Action=GetSecretValue&Version=2021-02-18"]
    assert case.stores.counted("Volcengine/KMS", "GetSecretValue") == 1


async def test_keys_with_a_session_token(case: Case) -> None:
    case.vendor.keys[ACCESS_KEY] = (SECRET_KEY, "canary-session")
    async with case.lend({"token": {"name": "keys", "key": "token"}}) as client:
        assert await value(client, "db") == "canary-db"
    async with case.lend() as client:
        with pytest.raises(AccessDeniedError, match="InvalidAccessKey"):
            await value(client, "db")


@pytest.mark.parametrize("name", ["id", "secret"])
async def test_wrong_keys(case: Case, name: str) -> None:
    field = "accessKeyID" if name == "id" else "secretAccessKey"
    async with case.lend({field: {"name": "keys", "key": "token"}}) as client:
        assert await client.validate() is ValidationResult.READY
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "db")
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("field", "key", "error"),
    [
        ("accessKeyID", "none", ReferenceNotFoundError),
        ("secretAccessKey", "none", ReferenceNotFoundError),
        ("token", "none", ReferenceNotFoundError),
        ("secretAccessKey", "bad", InvalidSpecError),
        ("token", "bad", InvalidSpecError),
    ],
)
async def test_keys_that_cannot_be_used(case: Case, field: str, key: str, error: type[EsoError]) -> None:
    with pytest.raises(error) as caught:
        async with case.lend({field: {"name": "keys", "key": key}}):
            pass
    assert "canary" not in told(caught.value)


async def test_a_cluster_store_signs_with_what_its_consumer_has(case: Case) -> None:
    await case.stores.secret("keys", namespace="other", id=ACCESS_KEY, secret="canary-wrong")
    async with case.lend(cluster=True, consumer="app", uid="one") as client:
        assert await value(client, "db") == "canary-db"
    async with case.lend(cluster=True, consumer="other", uid="one") as client:
        with pytest.raises(AccessDeniedError):
            await value(client, "db")


async def test_the_role_of_the_pod(case: Case) -> None:
    case.environ["VOLCENGINE_OIDC_ROLE_POLICY"] = '{"a":"b c&d"}'
    async with case.lend(auth=None) as client:
        assert case.vendor.seen == []
        assert await value(client, "db") == "canary-db"
        case.later(3659 - 60)
        await value(client, "doc")
        assert len(case.vendor.assumed) == 1
        case.later(2)
        await value(client, "list")
        assert len(case.vendor.assumed) == 2
        case.vendor.expire()
        assert await value(client, "db", version="v1") == "canary-old"  # refused, and renewed once
    assert len(case.vendor.assumed) == 3
    assert case.vendor.seen[0] == "POST /?Action=AssumeRoleWithOIDC&Version=2018-01-01"
    assert case.vendor.assumed[0] == {
        "RoleTrn": ROLE,
        "OIDCToken": TOKEN,
        "RoleSessionName": "external-secrets-provider-volcengine",
        "DurationSeconds": "3660",
        "Policy": '{"a":"b c&d"}',
    }
    assert case.stores.counted("Volcengine/KMS", "AssumeRoleWithOIDC") == 3


@pytest.mark.parametrize(
    ("name", "content", "error", "text"),
    [
        ("VOLCENGINE_OIDC_TOKEN_FILE", "", InvalidSpecError, "must be set"),
        ("VOLCENGINE_OIDC_ROLE_TRN", "", InvalidSpecError, "must be set"),
        ("VOLCENGINE_OIDC_TOKEN_FILE", "/nowhere", ProviderError, "cannot be read"),
        ("VOLCENGINE_OIDC_TOKEN_FILE", __file__, AccessDeniedError, "AccessDenied"),
        ("VOLCENGINE_OIDC_ROLE_TRN", "other", InvalidRequestError, "MissingParameter"),
    ],
)
async def test_no_role(case: Case, name: str, content: str, error: type[EsoError], text: str) -> None:
    case.environ[name] = content
    async with case.lend(auth=None) as client:
        assert await client.validate() is ValidationResult.READY
        with pytest.raises(error, match=text) as caught:
            await value(client, "db")
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    "result", ["{}", '{"Credentials":{"AccessKeyId":"canary","SecretAccessKey":"canary","SessionToken":"canary"}}']
)
async def test_an_answer_that_has_no_keys(case: Case, result: str) -> None:
    case.vendor.fault = (200, {}, f'{{"ResponseMetadata":{{}},"Result":{result}}}'.encode())
    async with case.lend(auth=None) as client:
        with pytest.raises(ProviderError, match="the answer") as caught:
            await value(client, "db")
    assert "canary" not in told(caught.value)


async def test_auth_without_reference(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match="SecretRef is required"):
        async with case.lend(auth={}):
            pass


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "property", "version", "wanted"),
    [
        ("db", "", "", "canary-db"),
        ("db", "", "v1", "canary-old"),
        ("odd <&> näme", "", "", "ünï"),
        ("doc", "a", "", "canary-a"),
        ("doc", "n", "", '{"k": 1}'),
        ("doc", "n.k", "", "literal"),
        ("doc", "dot.ted", "v1", "y"),
        ("doc", "t", "", "true"),
        ("doc", "f", "", "1.50"),
        ("doc", "z", "", ""),
    ],
)
async def test_reading(case: Case, key: str, property: str, version: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, property, version=version, metadata_policy="Fetch") == wanted


@pytest.mark.parametrize(
    ("key", "property", "version", "text"),
    [
        ("none", "", "", "404"),
        ("db", "", "v9", "404"),
        ("empty", "", "", "no value"),
        ("doc", "absent", "", 'property "absent" not found'),
        ("doc", "n.absent", "", "not found"),
        ("db", "a", "", "failed to unmarshal"),
        ("list", "0", "", "failed to unmarshal"),
    ],
)
async def test_what_is_missing_is_a_plain_error(case: Case, key: str, property: str, version: str, text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await value(client, key, property, version=version)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


# 3. dataFrom


async def test_extract_gives_raw_json(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "doc") == {
            "a": '"canary-a"',
            "n": '{"k": 1}',
            "dot.ted": '"y"',
            "t": "true",
            "z": "null",
            "f": "1.50",
            "n.k": '"literal"',
        }
        assert await mapped(client, "doc", "n") == {"k": "1"}
        for key, property in (("db", ""), ("list", ""), ("doc", "a")):
            with pytest.raises(ProviderError, match="failed to unmarshal") as caught:
                await mapped(client, key, property)
            assert "canary" not in told(caught.value)


async def test_find_is_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.get_all_secrets(FindRef(name_regexp="."))


# 4. PushSecret


async def test_push_and_delete_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.push_secret(source(k="v"), entry("a", "k"))
        with pytest.raises(InvalidRequestError):
            await client.delete_secret(PushRemoteRef("a"))
    assert case.vendor.seen == []


async def test_exists(case: Case) -> None:
    async with case.lend() as client:
        assert await client.secret_exists(PushRemoteRef("db"))
        for name, text in (("none", "404"), ("", "empty")):
            with pytest.raises(InvalidRequestError, match=text):
                await client.secret_exists(PushRemoteRef(name))
    assert case.vendor.seen == ["POST /?Action=DescribeSecret&Version=2021-02-18"] * 2


# 5. Store


async def test_validation_asks_nobody(case: Case) -> None:
    assert VolcengineProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.vendor.seen == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"region": ""}, "region is required"),
        ({"region": "evil.example/"}, "region is not the name"),
        ({"auth": {}}, "SecretRef is required"),
        ({"accessKeyID": {"name": "a", "namespace": "x"}}, "invalid AccessKeyID"),
        ({"secretAccessKey": {"name": "a", "namespace": "x"}}, "invalid SecretAccessKey"),
        ({"token": {"name": "a", "namespace": "x"}}, "invalid Token"),
    ],
)
async def test_static_checks(case: Case, change: dict[str, Any], text: str) -> None:
    spec = {"region": "cn-beijing", "auth": {"secretRef": REFS}}
    whole = change if change.keys() <= spec.keys() else {"auth": {"secretRef": {**REFS, **change}}}
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check({**spec, **whole})
    for cluster in (False, True):
        assert case.stores.check(spec, cluster=cluster) == []  # referent
        assert case.stores.check({"region": "cn-beijing"}, cluster=cluster) == []


# 6. Remote calls


@pytest.mark.parametrize(
    ("region", "environ", "wanted"),
    [
        ("cn-beijing", {"VOLC_ENABLE_DUALSTACK": "true"}, "https://open.volcengineapi.com"),
        ("ap-southeast-2", {}, "https://kms.ap-southeast-2.volcengineapi.com"),
        ("ap-southeast-3", {"VOLC_ENABLE_DUALSTACK": "true"}, "https://kms.ap-southeast-3.volcengine-api.com"),
    ],
)
def test_endpoints(region: str, environ: dict[str, str], wanted: str) -> None:
    assert endpoint_of(region, environ) == wanted


@pytest.mark.parametrize(
    ("refusal", "times", "error"),
    [
        ((500, "canary", {}), 3, None),
        ((500, "canary", {}), 4, UnavailableError),
        ((429, "canary", {}), 3, None),
        ((400, "AccountFlowLimitExceeded", {}), 4, ThrottledError),
        ((200, "FlowLimitExceeded", {}), 1, None),
        ((200, "InternalError", {}), 4, UnavailableError),
        ((429, "canary", {"Retry-After": "9"}), 1, ThrottledError),
        ((400, "canary", {}), 1, InvalidRequestError),
        ((403, "canary", {}), 1, AccessDeniedError),
        ((400, "LackPolicy", {}), 1, AccessDeniedError),
        ((302, "canary", {"Location": "/canary"}), 1, InvalidRequestError),
        ((404, "canary", {}), 1, InvalidRequestError),
        ((200, "canary", {}), 1, InvalidRequestError),
    ],
)
async def test_failures(
    case: Case,
    refusal: tuple[int, str, dict[str, str]],
    times: int,
    error: type[EsoError] | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    case.vendor.refusals = [refusal] * times
    async with case.lend() as client:
        if error is None:
            assert await value(client, "db") == "canary-db"
            return
        with pytest.raises(error) as caught:
            await value(client, "db")
    assert case.vendor.refusals == []
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize("body", [b"canary", b'["canary"]', b'{"canary":1}', b'{"Result":"canary"}', b"null"])
async def test_malformed_answers(case: Case, body: bytes) -> None:
    case.vendor.fault = (200, {}, body)
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="answer") as caught:
            await value(client, "db")
    assert "canary" not in told(caught.value)


async def test_a_connection_that_breaks_is_tried_again() -> None:
    tries = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries.append(await reader.readline())
        writer.close()

    async with accepting(hang_up) as port:
        surroundings = Surroundings(kms=f"http://127.0.0.1:{port}", environ={}, pause=0.001)
        async with bench(VolcengineProvider(surroundings)) as stores:
            await stores.secret("keys", id=ACCESS_KEY, secret=SECRET_KEY)
            async with stores.lend({"region": "cn-beijing", "auth": {"secretRef": REFS}}) as client:
                with pytest.raises(UnavailableError, match="reached"):
                    await value(client, "db")
    assert len(tries) == 4
