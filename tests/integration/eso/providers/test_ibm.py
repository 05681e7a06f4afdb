"""providers/ibm.md: keys, types, extract and the store, against a server that speaks IBM Cloud's API."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from eso.errors import (
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, ValidationResult
from eso.providers.ibm.provider import IBMProvider
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.ibm import API_KEY, CR_TOKEN, IBM, PASSWORD, PEM, filled, identity
from tests.support.vendors.tokenserver import serving

KEY = {"secretRef": {"secretApiKeySecretRef": {"name": "ibm", "key": "apiKey"}}}


class Case:
    def __init__(self, ibm: IBM, stores: ProviderBench) -> None:
        self.ibm = ibm
        self.stores = stores

    def lend(self, auth: dict[str, Any] | None = None, **options: Any) -> Any:
        return self.stores.lend({"serviceUrl": f"{self.ibm.url}/", "auth": auth or KEY}, **options)

    @property
    def reads(self) -> list[str]:
        return [path.removeprefix("GET /api/v2/") for path in self.ibm.seen if path.startswith("GET /api/v2/")]


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    ibm = filled()
    async with serving(ibm), bench(IBMProvider(ibm.url)) as stores:
        await stores.secret("ibm", apiKey=API_KEY)
        yield Case(ibm, stores)


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "property", "wanted"),
    [
        (identity(1), "", "canary-payload"),
        (f"arbitrary/{identity(1)}", "ignored", "canary-payload"),
        (f"any/arbitrary/{identity(1)}", "", "canary-payload"),
        ("default/arbitrary/text", "", "canary-payload"),
        (f"username_password/{identity(2)}", "username", "ann"),
        ("default/username_password/login", "password", "canary-password"),
        ("default/username_password/login", "secret_type", "username_password"),
        ("default/username_password/login", "labels", '["a","b"]'),
        ("default/iam_credentials/key", "ignored", "canary-iam"),
        ("default/service_credentials/service", "ignored", '{"broker":{"host":"a","ports":[1,2]}}'),
        ("default/imported_cert/imported", "private_key", "canary-key"),
        ("default/imported_cert/bare", "certificate", "CERT"),
        ("default/imported_cert/bare", "intermediate", ""),
        ("default/imported_cert/bare", "private_key", ""),
        ("default/public_cert/public", "intermediate", "CHAIN"),
        ("default/private_cert/private", "issuing_ca", "CA"),
        (f"kv/{identity(10)}", "user", "ann"),
        ("default/kv/doc", "n.k", "1"),
        ("default/kv/doc", "n", '{"k":1}'),
        ("default/kv/doc", "dot.ted", "y"),
        ("default/kv/doc", "dot.x", "w"),
        ("default/custom_credentials/custom", "dot.ted", "y"),
    ],
)
async def test_reading(case: Case, key: str, property: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, property, version="7") == wanted


@pytest.mark.parametrize("key", ["default/kv/doc", f"custom_credentials/{identity(11)}"])
async def test_whole_documents_are_json(case: Case, key: str) -> None:
    wanted = '{"big":1e+21,"dot":{"ted":"z","x":"w"},"dot.ted":"y","n":{"k":1},"no":null,"on":true,"user":"ann"}'
    async with case.lend() as client:
        assert await value(client, key) == wanted


async def test_paths_and_metrics(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, identity(1)) == "canary-payload"
        assert await value(client, "default/arbitrary/text") == "canary-payload"
    assert case.reads == [
        f"secrets/{identity(1)}",
        "secret_groups/default/secret_types/arbitrary/secrets/text",
    ]
    assert case.stores.counted("IBM/SecretsManager", "GetSecret") == 1
    assert case.stores.counted("IBM/SecretsManager", "GetSecretByNameType") == 1


async def test_names_are_escaped(case: Case) -> None:
    case.ibm.groups["g-1"] = "team a"
    async with case.lend() as client:
        assert await value(client, "team a/arbitrary/odd name?") == "odd"
    assert case.reads == ["secret_groups/team%20a/secret_types/arbitrary/secrets/odd%20name%3F"]


@pytest.mark.parametrize(
    ("key", "property", "text"),
    [
        ("text", "", "group"),
        ("arbitrary/text", "", "group"),
        ("/arbitrary/text", "", "group"),
        ("a/arbitrary/b/text", "", "group"),
        ("default/arbitrary/", "", "group"),
        ("default/odd/text", "", "unknown secret type odd"),
        (f"odd/{identity(1)}", "", "unknown secret type odd"),
        *(
            (f"default/{kind}/x", "", f"remoteRef.property required for secret type {kind}")
            for kind in ("username_password", "imported_cert", "public_cert", "private_cert")
        ),
    ],
)
async def test_keys_that_are_not_asked_for(case: Case, key: str, property: str, text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match=text):
            await value(client, key, property)
    assert case.reads == []


@pytest.mark.parametrize(
    ("key", "property", "text"),
    [
        (identity(99), "", "404"),
        ("default/arbitrary/none", "", "404"),
        (identity(2), "", "payload"),  # of another type
        ("default/username_password/login", "description", "description"),
        ("default/imported_cert/bare", "issuer", "issuer"),
        ("default/public_cert/unchained", "intermediate", "intermediate"),
        ("default/private_cert/private", "none", "none"),
        ("default/kv/doc", "none", "none"),
        (f"kv/{identity(1)}", "", "not of type kv"),
    ],
)
async def test_what_is_missing_is_a_plain_error(case: Case, key: str, property: str, text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await value(client, key, property)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


# 3. dataFrom


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("arbitrary/text", {"arbitrary": "canary-payload"}),
        ("username_password/login", PASSWORD),
        ("iam_credentials/key", {"apikey": "canary-iam"}),
        ("service_credentials/service", {"credentials": '{"broker":{"host":"a","ports":[1,2]}}'}),
        ("imported_cert/imported", PEM),
        ("imported_cert/bare", {"certificate": "CERT", "intermediate": "", "private_key": ""}),
        ("public_cert/public", PEM),
        ("private_cert/private", {"certificate": "CERT", "private_key": "canary-key"}),
        (
            "kv/doc",
            {
                "user": "ann",
                "n": '{"k":1}',
                "dot.ted": "y",
                "dot": '{"ted":"z","x":"w"}',
                "big": "1000000000000000000000",
                "on": "true",
                "no": "",
            },
        ),
    ],
)
async def test_extract(case: Case, key: str, wanted: dict[str, str]) -> None:
    async with case.lend() as client:
        assert await mapped(client, f"default/{key}") == wanted


async def test_extract_of_a_property(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "default/kv/doc", "n") == {"k": "1"}
        assert await mapped(client, "default/custom_credentials/custom", "dot") == {"ted": "z", "x": "w"}
        for property in ("user", "none"):
            with pytest.raises(ProviderError, match=property) as caught:
                await mapped(client, "default/kv/doc", property)
            assert "ann" not in told(caught.value)


async def test_extract_with_metadata(case: Case) -> None:
    async with case.lend() as client:
        found = await mapped(client, "default/username_password/login", metadata_policy="Fetch")
        assert found == {
            **PASSWORD,
            "id": identity(2),
            "name": "login",
            "secret_type": "username_password",
            "secret_group_id": "default",
            "state": "1",
            "labels": '["a","b"]',
            "locks_total": "0",
            "downloaded": "true",
        }
        document = await mapped(client, "default/kv/doc", "n", metadata_policy="Fetch")
        assert document["k"] == "1"
        assert document["name"] == "doc"


@pytest.mark.parametrize("key", ["public_cert/unchained", "username_password/none", "odd/x"])
async def test_extract_that_fails(case: Case, key: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError) as caught:
            await mapped(client, f"default/{key}")
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


# 3, 4. What is not implemented


async def test_find_push_delete_and_exists_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        for call in (
            client.get_all_secrets(FindRef(name_regexp=".")),
            client.push_secret(source(k="v"), entry("a", "k")),
            client.delete_secret(PushRemoteRef("a")),
            client.secret_exists(PushRemoteRef("a")),
        ):
            with pytest.raises(InvalidRequestError, match="not supported"):
                await call
    assert case.ibm.seen == []


# 5. Store


async def test_validation_asks_nobody(case: Case) -> None:
    assert IBMProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.ibm.seen == []


URL = "https://x.us-south.secrets-manager.appdomain.cloud"
REF = {"name": "ibm", "key": "apiKey"}


@pytest.mark.parametrize(
    ("spec", "cluster", "text"),
    [
        ({"auth": KEY}, False, "serviceURL is required"),
        ({"serviceUrl": "", "auth": KEY}, False, "serviceURL is required"),
        ({"serviceUrl": "x.example.com", "auth": KEY}, False, "serviceUrl must be like https"),
        ({"serviceUrl": URL, "auth": {}}, False, "missing auth method"),
        ({"serviceUrl": URL, "auth": {**KEY, "containerAuth": {"profile": "a"}}}, False, "too many auth methods"),
        ({"serviceUrl": URL, "auth": {"containerAuth": {"profile": ""}}}, False, "profile cannot be empty"),
        ({"serviceUrl": URL, "auth": {"containerAuth": {"profile": "a"}}}, False, "cannot read container auth token"),
        (
            {"serviceUrl": URL, "auth": {"containerAuth": {"profile": "a", "tokenLocation": "/"}}},
            False,
            "cannot read container auth token",
        ),
        ({"serviceUrl": URL, "auth": {"secretRef": {}}}, False, "name cannot be empty"),
        (
            {"serviceUrl": URL, "auth": {"secretRef": {"secretApiKeySecretRef": {"name": "ibm"}}}},
            False,
            "key cannot be empty",
        ),
        (
            {"serviceUrl": URL, "auth": {"secretRef": {"secretApiKeySecretRef": {**REF, "namespace": "b"}}}},
            False,
            "namespace should either be empty",
        ),
        ({"serviceUrl": URL, "auth": KEY}, True, "cluster scope requires namespace"),
    ],
)
def test_validate_store(spec: dict[str, Any], cluster: bool, text: str) -> None:
    found = ProviderBench(IBMProvider(), None, {})  # type: ignore[arg-type]
    with pytest.raises(InvalidSpecError, match=text):
        found.check(spec, cluster=cluster)


def test_stores_that_are_right(tmp_path: Path) -> None:
    found = ProviderBench(IBMProvider(), None, {})  # type: ignore[arg-type]
    file = tmp_path / "token"
    file.write_text(CR_TOKEN)
    ref = {"secretApiKeySecretRef": {**REF, "namespace": "app"}}
    for auth in (KEY, {"secretRef": ref}, {"containerAuth": {"profile": "a", "tokenLocation": str(file)}}):
        assert found.check({"serviceUrl": URL, "auth": auth}) == []
    assert found.check({"serviceUrl": URL, "auth": {"secretRef": ref}}, cluster=True) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_token_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(CR_TOKEN)
    file.chmod(0)
    found = ProviderBench(IBMProvider(), None, {})  # type: ignore[arg-type]
    with pytest.raises(InvalidSpecError, match="cannot read"):
        found.check({"serviceUrl": URL, "auth": {"containerAuth": {"profile": "a", "tokenLocation": str(file)}}})


async def test_a_cluster_store_reads_its_key_where_it_says(case: Case) -> None:
    ref = {"secretApiKeySecretRef": {**REF, "namespace": "app"}}
    async with case.lend({"secretRef": ref}, cluster=True, consumer="other") as client:
        assert await value(client, identity(1)) == "canary-payload"
