"""providers/yandex.md for `yandexcertificatemanager`, row by row; signing in is that of `yandexlockbox`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from eso.errors import AccessDeniedError, EsoError, InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, ValidationResult
from eso.providers.yandexcertificatemanager.provider import YandexCertificateManagerProvider
from eso.providers.yandexcloud import YandexCloud
from tests.support.keypairs import key_pair
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.grpcserver import GrpcFault, serving_grpc
from tests.support.vendors.yandex import FOLDER, Yandex, authorized_key

KEY = {"authorizedKeySecretRef": {"name": "yandex", "key": "key"}}
ROOTS = {"certSecretRef": {"name": "yandex", "key": "ca"}}
BY_NAME = {"byName": {"folderID": FOLDER}}
CHAIN = ["\n  leaf\n\n", "root"]
CERTIFICATES = {
    "fpq": {"": (CHAIN, "\tcanary-key \n\n"), "v1": (["older\n"], "canary-older\n")},
    "bare": {"": ([], "canary-key")},
}


class Case:
    def __init__(self, cloud: Yandex, stores: ProviderBench) -> None:
        self.cloud = cloud
        self.stores = stores

    def lend(self, **more: Any) -> Any:
        return self.stores.lend({"apiEndpoint": self.cloud.target, "auth": KEY, "caProvider": ROOTS, **more})


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    cloud = Yandex(certificates=CERTIFICATES, names={"site": "fpq"})
    async with serving_grpc(cloud, key_pair()):
        provider = YandexCertificateManagerProvider(YandexCloud(backoff=0.01, timeout=2.0))
        async with bench(provider) as stores:
            await stores.secret("yandex", key=authorized_key(), ca=key_pair()[0].decode())
            yield Case(cloud, stores)


# 1. Authentication, 6. API


async def test_the_service_is_looked_up_and_called_with_a_token(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "fpq")
    assert [path.rpartition("/")[0][1:] for path, _ in case.cloud.seen] == [
        "yandex.cloud.endpoint.ApiEndpointService",
        "yandex.cloud.endpoint.ApiEndpointService",
        "yandex.cloud.iam.v1.IamTokenService",
        "yandex.cloud.certificatemanager.v1.CertificateContentService",
    ]
    assert case.cloud.seen[0][1].api_endpoint_id == "certificate-manager-data"


# 2. remoteRef


@pytest.mark.parametrize(
    ("property", "version", "text"),
    [
        ("", "", "leaf\nroot\ncanary-key\n"),
        ("chainAndPrivateKey", "", "leaf\nroot\ncanary-key\n"),
        ("chain", "", "leaf\nroot\n"),
        ("privateKey", "", "canary-key\n"),
        ("", "v1", "older\ncanary-older\n"),
    ],
)
@pytest.mark.parametrize(("fetching", "key"), [(None, "fpq"), ({"byID": {}}, "fpq"), (BY_NAME, "site")])
async def test_each_block_ends_in_one_newline(
    case: Case, fetching: dict[str, Any] | None, key: str, property: str, version: str, text: str
) -> None:
    async with case.lend(fetching=fetching) as client:
        assert await value(client, key, property, version=version, metadata_policy="Fetch") == text
    asked = case.cloud.asked("GetEx" if fetching == BY_NAME else "Get")[-1]
    assert asked.version_id == version


async def test_without_a_chain_the_joined_form_begins_with_a_newline(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, "bare") == "\ncanary-key\n"
        assert await value(client, "bare", "chain") == ""


async def test_another_property(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidSpecError, match="unsupported property 'key'"):
            await value(client, "fpq", "key")


@pytest.mark.parametrize(
    ("fetching", "key", "version"), [(None, "gone", ""), (None, "fpq", "v9"), (BY_NAME, "fpq", "")]
)
async def test_what_is_missing_is_a_plain_error(
    case: Case, fetching: dict[str, Any] | None, key: str, version: str
) -> None:
    async with case.lend(fetching=fetching) as client:
        with pytest.raises(ProviderError, match=f"unable to request certificate content of {key}.*NOT_FOUND") as caught:
            await value(client, key, version=version)
        assert not isinstance(caught.value, NoSecretError)
        assert "canary" not in told(caught.value)


async def test_equal_reads_are_one_request(case: Case) -> None:
    async with case.lend() as client:
        await asyncio.gather(*(value(client, "fpq", name) for name in ("", "chain", "privateKey") * 4))
    for call, count in (("GetApiEndpoint", 2), ("CreateIamToken", 1), ("GetCertificateContent", 1)):
        assert case.stores.counted("Yandex/CertificateManager", call) == count


# 3. dataFrom, 4. Push


@pytest.mark.parametrize(("fetching", "key"), [(None, "fpq"), (BY_NAME, "site")])
async def test_extract_is_not_trimmed(case: Case, fetching: dict[str, Any] | None, key: str) -> None:
    async with case.lend(fetching=fetching) as client:
        assert await mapped(client, key, "chain") == {
            "chain": "\n  leaf\n\n\nroot",
            "privateKey": "\tcanary-key \n\n",
        }


async def test_what_is_not_implemented(case: Case) -> None:
    async with case.lend() as client:
        for refused in (
            client.get_all_secrets(FindRef(name_regexp=".*")),
            client.push_secret(source(a="b"), entry("fpq", "a")),
            client.delete_secret(PushRemoteRef("fpq")),
            client.secret_exists(PushRemoteRef("fpq")),
        ):
            with pytest.raises(InvalidRequestError):
                await refused


# 5. Store


async def test_validation_at_run_time(case: Case) -> None:
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    async with case.cloud.refusing():
        with pytest.raises(AccessDeniedError, match="failed to create IAM token"):
            async with case.lend():
                pass


def test_read_only() -> None:
    assert YandexCertificateManagerProvider.capabilities is Capabilities.READ_ONLY


@pytest.mark.parametrize(
    ("spec", "cluster", "text"),
    [
        ({}, False, None),
        ({"fetching": BY_NAME}, False, None),
        ({"fetching": {"byName": {"folderID": ""}}}, False, "folderID is required when fetching policy is 'byName'"),
        ({"fetching": {}}, False, "invalid Yandex Certificate Manager SecretStore: requires either"),
        ({}, True, "cluster scope requires namespace"),
        ({"caProvider": {"certSecretRef": {"name": "yandex", "key": "ca", "namespace": "other"}}}, False, "match"),
    ],
)
async def test_validate_store(case: Case, spec: dict[str, Any], cluster: bool, text: str | None) -> None:
    whole = {"auth": KEY, "caProvider": ROOTS, **spec}
    if text is None:
        assert case.stores.check(whole, cluster=cluster) == []
        return
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check(whole, cluster=cluster)


# Failures


async def test_failures_show_nothing(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        for code in (code for code in grpc.StatusCode if code is not grpc.StatusCode.OK):
            with case.cloud.failing(GrpcFault(code)), pytest.raises(EsoError) as caught:
                await value(client, f"k{code.value[0]}")
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)
    assert "canary" not in caplog.text
