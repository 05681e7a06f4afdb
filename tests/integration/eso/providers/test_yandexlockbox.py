"""providers/yandex.md for `yandexlockbox`, row by row, against a server that speaks Yandex Cloud's API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ReferenceNotFoundError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, RemoteRef, ValidationResult
from eso.providers.yandexcloud import YandexCloud
from eso.providers.yandexlockbox.provider import YandexLockboxProvider
from tests.support.keypairs import key_pair, new_key_pair
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.grpcserver import GrpcFault, serving_grpc
from tests.support.vendors.tokenserver import serving
from tests.support.vendors.yandex import ACCOUNT, FOLDER, KEY_ID, MachineMetadata, Yandex, authorized_key

KEY = {"authorizedKeySecretRef": {"name": "yandex", "key": "key"}}
ROOTS = {"certSecretRef": {"name": "yandex", "key": "ca"}}
BY_NAME = {"byName": {"folderID": FOLDER}}
SECRETS: dict[str, dict[str, dict[str, str | bytes | None]]] = {
    "e6q": {
        "": {"password": "canary-password", "file": b"\xff\x00canary", "empty": "", "html": "<&>"},
        "v1": {"password": "canary-older"},
    },
    "odd": {"": {"unset": None}},
    "none": {"": {}},
}


class Case:
    def __init__(self, cloud: Yandex, machine: MachineMetadata, stores: ProviderBench, clock: list[float]) -> None:
        self.cloud = cloud
        self.machine = machine
        self.stores = stores
        self.clock = clock

    def lend(self, **more: Any) -> Any:
        options = {name: more.pop(name) for name in ("cluster", "consumer", "uid") if name in more}
        spec = {"apiEndpoint": self.cloud.target, "auth": KEY, "caProvider": ROOTS}
        return self.stores.lend({**spec, **more}, **options)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    cloud = Yandex(secrets=SECRETS, names={"db": "e6q"})
    machine = MachineMetadata(cloud=cloud)
    clock = [1_900_000_000.0]
    async with serving_grpc(cloud, key_pair()), serving(machine):
        api = YandexCloud(metadata=machine.url, clock=lambda: clock[0], backoff=0.01, timeout=2.0)
        async with bench(YandexLockboxProvider(api)) as stores:
            roots = key_pair()[0].decode()
            await stores.secret("yandex", key=authorized_key(), ca=roots, stranger=new_key_pair()[0].decode())
            yield Case(cloud, machine, stores, clock)


# 1. Authentication


async def test_the_key_signs_a_jwt_that_becomes_a_token(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, "e6q", "password") == "canary-password"
    assert [path.rpartition("/")[0][1:] for path, _ in case.cloud.seen] == [
        "yandex.cloud.endpoint.ApiEndpointService",
        "yandex.cloud.endpoint.ApiEndpointService",
        "yandex.cloud.iam.v1.IamTokenService",
        "yandex.cloud.lockbox.v1.PayloadService",
    ]
    looked_up = [request.api_endpoint_id for path, request in case.cloud.seen if "ApiEndpoint" in path]
    assert looked_up == ["lockbox-payload", "iam"]
    assert all("external-secrets" in agent for agent in case.cloud.agents)


async def test_a_directory_without_iam_is_iam_itself(case: Case) -> None:
    case.cloud.lists_iam = False
    async with case.lend() as client:
        assert await value(client, "e6q", "password") == "canary-password"


async def test_the_address_that_the_directory_tells_is_dialled(case: Case) -> None:
    service = Yandex(secrets={"e6q": {"": {"password": "elsewhere"}}})
    async with serving_grpc(service, key_pair()):
        case.cloud.address, case.cloud.lists_iam = service.target, False
        service.tokens = case.cloud.tokens
        async with case.lend() as client:
            assert await value(client, "e6q", "password") == "elsewhere"


async def test_tokens_are_reused_until_five_minutes_before_their_end(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "e6q", "password")
        case.clock[0] += case.cloud.lifetime - 300
        await value(client, "e6q", "html")
        assert len(case.cloud.asked("Create")) == 1
        case.clock[0] += 1
        await asyncio.gather(*(value(client, "e6q", version="v1") for _ in range(5)))
        assert len(case.cloud.asked("Create")) == 2


async def test_a_refused_token_is_replaced_once(case: Case) -> None:
    async with case.lend() as client:
        case.cloud.tokens.clear()
        assert await value(client, "e6q", "password") == "canary-password"
        case.cloud.tokens.clear()
        case.cloud.keys.clear()
        with pytest.raises(AccessDeniedError, match="failed to create IAM token"):
            await value(client, "e6q", version="v1")


async def test_signing_in_is_tried_again_while_iam_is_away(case: Case) -> None:
    create = "/yandex.cloud.iam.v1.IamTokenService/Create"
    case.cloud.fault = GrpcFault(grpc.StatusCode.UNAVAILABLE, times=2, path=create)
    async with case.lend() as client:
        assert await value(client, "e6q", "password") == "canary-password"
    assert len(case.cloud.asked("Create")) == 3


@pytest.mark.parametrize("auth", [{}, {"authorizedKeySecretRef": {}}])
async def test_without_a_key_the_machine_signs_in(case: Case, auth: dict[str, Any]) -> None:
    async with case.lend(auth=auth) as client:
        assert await value(client, "e6q", "password") == "canary-password"
        assert case.machine.seen == ["GET /computeMetadata/v1/instance/service-accounts/default/token"]
        assert not case.cloud.asked("Create")
        case.clock[0] += case.cloud.lifetime
        await value(client, "e6q", version="v1")
        assert len(case.machine.seen) == 2


async def test_the_environment_names_another_metadata_server(case: Case) -> None:
    cloud = YandexCloud(environ={"YC_METADATA_ADDR": case.machine.host}, timeout=2.0)
    async with bench(YandexLockboxProvider(cloud)) as stores:
        await stores.secret("yandex", ca=key_pair()[0].decode())
        spec = {"apiEndpoint": case.cloud.target, "auth": {}, "caProvider": ROOTS}
        async with stores.lend(spec) as client:
            assert await value(client, "e6q", "password") == "canary-password"


async def test_a_machine_without_a_service_account(case: Case) -> None:
    case.machine.account = False
    with pytest.raises(ProviderError, match="no service account"):
        async with case.lend(auth={}):
            pass


@pytest.mark.parametrize(
    "endpoint", ["evil.example.com:443", "fake.yandexcloud.net:443", "cloud.yandex.net.evil.org:443"]
)
async def test_the_token_of_the_machine_goes_to_yandex_only(case: Case, endpoint: str) -> None:
    with pytest.raises(InvalidSpecError, match="is not of Yandex Cloud"):
        async with case.lend(auth={}, apiEndpoint=endpoint):
            pass
    assert case.machine.seen == []


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("canary{", "unable to unmarshal authorized key: it is not JSON"),
        ('["canary"]', "it is not a JSON object"),
        (authorized_key(id=None), "has no id"),
        (authorized_key(service_account_id=None, user_account_id="canary"), "has no service_account_id"),
        (authorized_key(private_key="canary"), "private_key"),
        (authorized_key(private_key=key_pair()[1].decode()), "not an RSA key"),
    ],
)
async def test_a_key_that_is_none(case: Case, key: str, text: str) -> None:
    await case.stores.secret("bad", key=key)
    with pytest.raises(InvalidSpecError, match=text) as caught:
        async with case.lend(auth={"authorizedKeySecretRef": {"name": "bad", "key": "key"}}):
            pass
    assert "canary" not in told(caught.value) and "PRIVATE" not in told(caught.value)


async def test_a_key_in_camel_case(case: Case) -> None:
    found = json.loads(authorized_key())
    camel = {"id": KEY_ID, "serviceAccountId": ACCOUNT, "privateKey": found["private_key"]}
    await case.stores.secret("camel", key=json.dumps(camel))
    async with case.lend(auth={"authorizedKeySecretRef": {"name": "camel", "key": "key"}}) as client:
        assert await value(client, "e6q", "password") == "canary-password"


@pytest.mark.parametrize(("name", "key"), [("missing", "key"), ("yandex", "missing")])
async def test_a_missing_reference(case: Case, name: str, key: str) -> None:
    ref = {"name": name, "key": key}
    for more in ({"auth": {"authorizedKeySecretRef": ref}}, {"caProvider": {"certSecretRef": ref}}):
        with pytest.raises(ReferenceNotFoundError):
            async with case.lend(**more):
                pass


async def test_each_store_trusts_its_own_ca(case: Case) -> None:
    stranger = {"certSecretRef": {"name": "yandex", "key": "stranger"}}
    async with case.lend() as client:
        assert await value(client, "e6q", "password") == "canary-password"
        for roots in (stranger, None):
            with pytest.raises(UnavailableError, match="certificate"):
                async with case.lend(caProvider=roots):
                    pass
        assert await value(client, "e6q", version="v1") == '{"password":"canary-older"}'


async def test_without_a_ca_the_system_s_count(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "roots.pem").write_bytes(key_pair()[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    async with case.lend(caProvider=None) as client:
        assert await value(client, "e6q", "password") == "canary-password"


async def test_a_ca_that_is_none(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match="unable to read trusted CA certificates"):
        async with case.lend(caProvider={"certSecretRef": {"name": "yandex", "key": "key"}}):
            pass


# 2. remoteRef


@pytest.mark.parametrize("fetching", [None, {"byID": {}}])
async def test_by_id(case: Case, fetching: dict[str, Any] | None) -> None:
    async with case.lend(fetching=fetching) as client:
        assert await value(client, "e6q", "password") == "canary-password"
        assert (await value(client, "e6q", "file")).encode("utf-8", "surrogateescape") == b"\xff\x00canary"
        assert await value(client, "e6q", "empty") == ""
        assert await value(client, "e6q", "password", version="v1") == "canary-older"
        assert await value(client, "e6q", "password", metadata_policy="Fetch") == "canary-password"
        assert await value(client, "none") == "{}"
        assert (
            await value(client, "e6q")
            == '{"empty":"","file":"/wBjYW5hcnk=","html":"\\u003c\\u0026\\u003e","password":"canary-password"}'
        )
    assert {request.version_id for request in case.cloud.asked("Get") if hasattr(request, "secret_id")} == {"", "v1"}


async def test_by_name_all_values_are_bytes(case: Case) -> None:
    async with case.lend(fetching=BY_NAME) as client:
        assert await value(client, "db", "password") == "canary-password"
        assert await value(client, "db", version="v1") == '{"password":"Y2FuYXJ5LW9sZGVy"}'
        assert (await mapped(client, "db", version="v1")) == {"password": "canary-older"}
    places = [request.folder_and_name for request in case.cloud.asked("GetEx")]
    assert {(place.folder_id, place.secret_name) for place in places} == {(FOLDER, "db")}


@pytest.mark.parametrize(
    ("key", "ref", "text"),
    [
        ("gone", {}, "unable to request secret payload of gone"),
        ("e6q", {"version": "v9"}, "NOT_FOUND"),
        ("e6q", {"property": "none"}, "payload entry with key 'none' not found"),
        ("odd", {}, "unsupported payload value type, key: unset"),
        ("odd", {"property": "unset"}, "unsupported payload value type, key: unset"),
    ],
)
async def test_what_is_missing_is_a_plain_error(case: Case, key: str, ref: dict[str, Any], text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await value(client, key, **ref)
        assert not isinstance(caught.value, NoSecretError)
        assert "canary" not in told(caught.value)


async def test_a_name_in_another_folder(case: Case) -> None:
    async with case.lend(fetching={"byName": {"folderID": "other"}}) as client:
        with pytest.raises(InvalidRequestError, match="NOT_FOUND"):
            await value(client, "db")


async def test_equal_reads_are_one_request(case: Case) -> None:
    async with case.lend() as client:
        names = ["password", "html", "empty"] * 4
        await asyncio.gather(*(value(client, "e6q", name) for name in names))
    assert len([path for path, _ in case.cloud.seen if path.endswith("PayloadService/Get")]) == 1
    for call, count in (("GetApiEndpoint", 2), ("CreateIamToken", 1), ("GetPayload", 1)):
        assert case.stores.counted("Yandex/Lockbox", call) == count


# 3. dataFrom, 4. Push


async def test_extract_has_all_entries_as_they_are(case: Case) -> None:
    async with case.lend() as client:
        found = await mapped(client, "e6q", "password", version="v1")
        assert found == {"password": "canary-older"}
        assert set(await client.get_secret_map(RemoteRef("e6q"))) == {"password", "file", "empty", "html"}
        assert (await client.get_secret_map(RemoteRef("e6q")))["file"].reveal() == b"\xff\x00canary"


async def test_what_is_not_implemented(case: Case) -> None:
    async with case.lend() as client:
        for refused in (
            client.get_all_secrets(FindRef(name_regexp=".*")),
            client.push_secret(source(a="b"), entry("e6q", "a")),
            client.delete_secret(PushRemoteRef("e6q")),
            client.secret_exists(PushRemoteRef("e6q")),
        ):
            with pytest.raises(InvalidRequestError):
                await refused


# 5. Store


async def test_validation_at_run_time(case: Case) -> None:
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    case.cloud.keys.clear()
    with pytest.raises(AccessDeniedError, match="failed to create IAM token"):
        async with case.lend():
            pass


def test_read_only() -> None:
    assert YandexLockboxProvider.capabilities is Capabilities.READ_ONLY


@pytest.mark.parametrize(
    ("spec", "cluster", "text"),
    [
        ({}, False, None),
        ({"fetching": BY_NAME}, False, None),
        ({"fetching": {"byName": {"folderID": ""}}}, False, "folderID is required when fetching policy is 'byName'"),
        ({"fetching": {}}, False, "invalid Yandex Lockbox SecretStore: requires either 'byName' or 'byID' policy"),
        ({"auth": {}}, True, None),
        ({}, True, "cluster scope requires namespace"),
        ({"auth": {"authorizedKeySecretRef": {"name": "yandex", "key": "key", "namespace": "app"}}}, True, "requires"),
        ({"auth": {"authorizedKeySecretRef": {"name": "yandex", "key": "key", "namespace": "other"}}}, False, "match"),
        ({"caProvider": {"certSecretRef": {"name": "yandex", "key": "ca", "namespace": "other"}}}, False, "match"),
    ],
)
async def test_validate_store(case: Case, spec: dict[str, Any], cluster: bool, text: str | None) -> None:
    roots = None if spec.get("auth") == {} else ROOTS
    whole = {"auth": KEY, "caProvider": roots, **spec}
    if text is None:
        assert case.stores.check(whole, cluster=cluster) == []
        return
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check(whole, cluster=cluster)


# Failures


@pytest.mark.parametrize("path", ["endpoint.ApiEndpointService/Get", "iam.v1.IamTokenService/Create"])
async def test_an_answer_without_content(case: Case, path: str) -> None:
    case.cloud.fault = GrpcFault(content=b"", path=f"/yandex.cloud.{path}")
    with pytest.raises(ProviderError, match="holds no"):
        async with case.lend():
            pass


async def test_failures_show_nothing(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        for code in (code for code in grpc.StatusCode if code is not grpc.StatusCode.OK):
            with case.cloud.failing(GrpcFault(code)), pytest.raises(EsoError) as caught:
                await value(client, f"k{code.value[0]}")
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)
    assert "canary" not in caplog.text
