"""providers/nebius.md, row by row, against a server that speaks Nebius' API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
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
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, RemoteRef, ValidationResult
from eso.providers.grpccalls import secure_channel
from eso.providers.nebiusmysterybox.provider import NebiusMysteryboxProvider
from tests.support.keypairs import key_pair, new_key_pair
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.grpcserver import GrpcFault, serving_grpc
from tests.support.vendors.nebiusmysterybox import Nebius, subject_credentials

CREDENTIALS = {"serviceAccountCredsSecretRef": {"name": "nebius", "key": "creds"}}
TOKEN = {"tokenSecretRef": {"name": "nebius", "key": "token"}}
ROOTS = {"certSecretRef": {"name": "nebius", "key": "ca"}}
METRICS = "Nebius/Mysterybox"
SECRETS: dict[str, dict[str, dict[str, str | bytes | None]]] = {
    "mbsec-1": {
        "": {"password": "canary-password", "file": b"\xff\x00canary", "empty": "", "html": "<&>", "none": b""},
        "v1": {"password": "canary-older"},
    },
    "odd": {"": {"unset": None}},
}


class Case:
    def __init__(self, nebius: Nebius) -> None:
        self.nebius = nebius
        self.clock = 1_900_000_000.0
        self.dialled: list[str] = []
        self.provider = NebiusMysteryboxProvider(self._channel, lambda: self.clock, backoff=0.01, timeout=2.0)
        self.stores: ProviderBench

    def _channel(self, address: str, ca: bytes | None) -> grpc.aio.Channel:
        self.dialled.append(address)
        return secure_channel(self.nebius.target, ca, keepalive=30.0, patience=5.0)

    def lend(self, **more: Any) -> Any:
        options = {name: more.pop(name) for name in ("cluster", "consumer", "uid") if name in more}
        spec = {"apiDomain": "api.example.cloud", "auth": CREDENTIALS, "caProvider": ROOTS}
        return self.stores.lend({**spec, **more}, **options)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    nebius = Nebius(secrets=SECRETS, tokens={"canary-ready"})
    found = Case(nebius)
    async with serving_grpc(nebius, key_pair()), bench(found.provider) as found.stores:
        roots = f"\n {key_pair()[0].decode()} \n"
        creds = f"\n{subject_credentials()}\n"
        stranger = new_key_pair()[0].decode()
        await found.stores.secret(
            "nebius", creds=creds, token=" canary-ready\n", ca=roots, stranger=stranger, empty=" "
        )
        yield found


# 1. Authentication


async def test_credentials_are_exchanged_for_a_token(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, "mbsec-1", "password") == "canary-password"
    assert case.dialled == ["tokens.iam.api.example.cloud:443", "dpl.mysterybox.api.example.cloud:443"]
    assert [path for path, _ in case.nebius.seen] == [
        "/nebius.iam.v1.TokenExchangeService/Exchange",
        "/nebius.mysterybox.v1.PayloadService/GetByKey",
    ]
    assert case.stores.counted(METRICS, "Auth") == 1
    assert case.stores.counted(METRICS, "GetSecretByKey") == 1


async def test_a_port_of_the_domain_is_that_of_each_host(case: Case) -> None:
    async with case.lend(apiDomain=" api.example.cloud:8443 "):
        assert case.dialled == ["tokens.iam.api.example.cloud:8443", "dpl.mysterybox.api.example.cloud:8443"]


async def test_a_ready_token_is_trimmed_and_used(case: Case) -> None:
    async with case.lend(auth=TOKEN) as client:
        assert await value(client, "mbsec-1", "password") == "canary-password"
        assert not case.nebius.asked("Exchange")
        case.nebius.tokens.clear()
        with pytest.raises(AccessDeniedError):
            await value(client, "mbsec-1", "html")
        assert len(case.nebius.asked("GetByKey")) == 2  # there is no other token to try it with


async def test_a_token_is_replaced_when_a_tenth_of_its_life_is_left(case: Case) -> None:
    case.nebius.lifetime = 1000
    async with case.lend() as client:
        case.clock += 899
        await value(client, "mbsec-1")
        assert len(case.nebius.asked("Exchange")) == 1
        case.clock += 2
        await asyncio.gather(*(value(client, "mbsec-1", name) for name in ("password", "file", "empty", "html")))
        assert len(case.nebius.asked("Exchange")) == 2  # readers that come together wait for one


async def test_a_refused_token_is_replaced_once(case: Case) -> None:
    async with case.lend() as client:
        case.nebius.tokens.clear()
        assert await value(client, "mbsec-1", "password") == "canary-password"
        async with case.nebius.refusing():
            with pytest.raises(AccessDeniedError, match="failed to retrieve iam token by credentials"):
                await value(client, "mbsec-1", "html")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("canary{", "invalid subject credentials: malformed JSON"),
        ('["canary"]', "there is no object subject-credentials"),
        (subject_credentials(alg="ES256"), "alg must be RS256"),
        (subject_credentials(type="canary"), "type must be JWT"),
        (subject_credentials(iss="canary"), "iss must be the same as sub"),
        (subject_credentials(kid=None), "there is no kid"),
        (subject_credentials(private_key="canary"), "private-key is not PEM of an RSA key"),
        (subject_credentials(private_key=key_pair()[1].decode()), "private-key is not PEM of an RSA key"),
    ],
)
async def test_credentials_that_are_none(case: Case, document: str, text: str) -> None:
    await case.stores.secret("bad", creds=document)
    with pytest.raises(InvalidSpecError, match=text) as caught:
        async with case.lend(auth={"serviceAccountCredsSecretRef": {"name": "bad", "key": "creds"}}):
            pass
    assert "canary" not in told(caught.value) and "PRIVATE" not in told(caught.value)


async def test_an_unknown_key(case: Case) -> None:
    await case.stores.secret("bad", creds=subject_credentials(kid="other"))
    with pytest.raises(AccessDeniedError, match="failed to retrieve iam token by credentials"):
        async with case.lend(auth={"serviceAccountCredsSecretRef": {"name": "bad", "key": "creds"}}):
            pass
    assert case.stores.counted(METRICS, "Auth", "error") == 1


async def test_an_account_that_is_not_found_deletes_nothing(case: Case) -> None:
    case.nebius.fault = GrpcFault(grpc.StatusCode.NOT_FOUND, path="/nebius.iam.v1.TokenExchangeService/Exchange")
    with pytest.raises(AccessDeniedError, match="failed to retrieve iam token by credentials"):
        async with case.lend():
            pass


@pytest.mark.parametrize(("name", "key"), [("missing", "creds"), ("nebius", "missing")])
async def test_a_missing_reference(case: Case, name: str, key: str) -> None:
    ref = {"name": name, "key": key}
    for more in (
        {"auth": {"serviceAccountCredsSecretRef": ref}},
        {"auth": {"tokenSecretRef": ref}},
        {"caProvider": {"certSecretRef": ref}},
    ):
        with pytest.raises(ReferenceNotFoundError):
            async with case.lend(**more):
                pass


async def test_an_empty_token(case: Case) -> None:
    async with case.lend(auth={"tokenSecretRef": {"name": "nebius", "key": "empty"}}) as client:
        with pytest.raises(InvalidSpecError, match="token is empty"):
            await value(client, "mbsec-1")


async def test_each_store_trusts_its_own_ca(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, "mbsec-1", "password") == "canary-password"
        for roots in ({"certSecretRef": {"name": "nebius", "key": "stranger"}}, None):
            with pytest.raises(UnavailableError, match="certificate"):
                async with case.lend(caProvider=roots):
                    pass
        assert await value(client, "mbsec-1", "html") == "<&>"
    with pytest.raises(InvalidSpecError, match="unable to read trusted CA certificates"):
        async with case.lend(caProvider={"certSecretRef": {"name": "nebius", "key": "creds"}}):
            pass


# 2. remoteRef


async def test_values(case: Case) -> None:
    async with case.lend() as client:
        assert (await client.get_secret(RemoteRef("mbsec-1", "file"))).reveal() == b"\xff\x00canary"
        assert await value(client, "mbsec-1", "empty") == ""
        assert await value(client, "mbsec-1", "none") == ""
        assert await value(client, "mbsec-1", "password", version="v1") == "canary-older"
        assert await value(client, "mbsec-1", version="v1", metadata_policy="Fetch") == '{"password":"canary-older"}'
        assert json.loads(await value(client, "mbsec-1")) == {
            "password": "canary-password",
            "file": "/wBjYW5hcnk=",
            "empty": "",
            "html": "<&>",
            "none": "",
        }
        assert "\\u003c\\u0026\\u003e" in await value(client, "mbsec-1")
    asked = case.nebius.asked("GetByKey")
    assert {(each.version_id, each.key) for each in asked} >= {("", "file"), ("v1", "password")}


@pytest.mark.parametrize(
    ("key", "ref", "text"),
    [
        ("gone", {}, 'secret "gone" not found: Secret does not exist'),
        ("mbsec-1", {"version": "v9"}, 'version "v9" of secret "mbsec-1" not found'),
        ("mbsec-1", {"property": "gone"}, 'key "gone" not found in secret "mbsec-1"'),
        (
            "gone",
            {"property": "password", "version": "v1"},
            'key "password" not found in version "v1" of secret "gone"',
        ),
    ],
)
async def test_what_is_not_found(case: Case, key: str, ref: dict[str, Any], text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(NoSecretError, match=text) as caught:
            await value(client, key, **ref)
        assert "canary" not in told(caught.value)
        if "property" not in ref:
            with pytest.raises(NoSecretError):
                await mapped(client, key, **ref)


@pytest.mark.parametrize(
    ("key", "property", "text"),
    [
        ("odd", "", "payload type not supported, key: unset"),
        ("odd", "unset", "payload type not supported, key: unset"),
        ("mbsec-1", "nil", "received nil data for key: nil"),
    ],
)
async def test_an_answer_that_cannot_be_used(case: Case, key: str, property: str, text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await value(client, key, property)
        assert not isinstance(caught.value, NoSecretError)


# 3. dataFrom, 4. Push


async def test_extract_has_all_entries_as_they_are(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "mbsec-1", "password", version="v1") == {"password": "canary-older"}
        found = await client.get_secret_map(RemoteRef("mbsec-1"))
        assert found["file"].reveal() == b"\xff\x00canary"
        assert set(found) == {"password", "file", "empty", "html", "none"}
        await asyncio.gather(*(client.get_secret_map(RemoteRef("mbsec-1")) for _ in range(9)))
    assert case.stores.counted(METRICS, "GetSecret") == len(case.nebius.asked("Get"))


async def test_what_is_not_implemented(case: Case) -> None:
    async with case.lend() as client:
        for refused in (
            client.get_all_secrets(FindRef(name_regexp=".*")),
            client.push_secret(source(a="b"), entry("mbsec-1", "a")),
            client.delete_secret(PushRemoteRef("mbsec-1")),
            client.secret_exists(PushRemoteRef("mbsec-1")),
        ):
            with pytest.raises(InvalidRequestError):
                await refused


# 5. Store


async def test_validation_makes_no_call(case: Case) -> None:
    async with case.lend(auth=TOKEN) as client:
        assert await client.validate() is ValidationResult.READY
    assert case.nebius.seen == []
    assert NebiusMysteryboxProvider.capabilities is Capabilities.READ_ONLY


async def test_api_domain(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match="API domain is not valid: numeric TLD"):
        case.stores.check({"apiDomain": "10.0.0.1", "auth": CREDENTIALS})
    with pytest.raises(InvalidSpecError, match="API domain is not valid: numeric TLD"):
        async with case.lend(apiDomain="10.0.0.1"):
            pass


ELSEWHERE = {"name": "nebius", "key": "creds", "namespace": "other"}


@pytest.mark.parametrize(
    ("spec", "cluster", "text"),
    [
        ({}, False, None),
        ({"auth": TOKEN}, False, None),
        ({"auth": {}}, False, "invalid auth configuration: none provided"),
        ({"auth": {**TOKEN, **CREDENTIALS}}, False, "invalid auth configuration: exactly one must be specified"),
        ({"auth": {"tokenSecretRef": {"name": "nebius"}}}, False, "invalid token auth configuration: no secret key"),
        ({"auth": {"serviceAccountCredsSecretRef": {"name": "nebius"}}}, False, "invalid ServiceAccount creds auth"),
        ({"auth": {"tokenSecretRef": ELSEWHERE}}, True, None),
        ({"auth": {"tokenSecretRef": ELSEWHERE}}, False, "should either be empty or match"),
        ({"auth": {"serviceAccountCredsSecretRef": ELSEWHERE}}, False, "should either be empty or match"),
        ({"auth": TOKEN}, True, "cluster scope requires namespace"),
        ({"caProvider": {}}, False, "invalid certificate configuration: no name specified"),
        (
            {"caProvider": {"certSecretRef": {"name": "ca"}}},
            False,
            "invalid certificate configuration: no key specified",
        ),
        ({"caProvider": {"certSecretRef": ELSEWHERE}}, False, "should either be empty or match"),
    ],
)
async def test_validate_store(case: Case, spec: dict[str, Any], cluster: bool, text: str | None) -> None:
    whole = {"apiDomain": "api.example.cloud", "auth": CREDENTIALS, **spec}
    if text is None:
        assert case.stores.check(whole, cluster=cluster) == []
        return
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check(whole, cluster=cluster)


# 6. API, failures


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
async def test_requests_are_tried_again(case: Case, code: grpc.StatusCode) -> None:
    case.nebius.fault = GrpcFault(code, times=3)
    async with case.lend() as client:
        case.nebius.fault = GrpcFault(code, times=3)
        assert await value(client, "mbsec-1", "password") == "canary-password"
        assert len(case.nebius.asked("Exchange")) == 4
        assert len(case.nebius.asked("GetByKey")) == 4
        case.nebius.fault = GrpcFault(code)
        with pytest.raises((UnavailableError, ThrottledError)):
            await value(client, "mbsec-1", "html")


@pytest.mark.parametrize(("asked", "kept"), [(90.0, 90.0), (0.25, 0.25), (7200.0, 3600.0)])
async def test_a_pause_that_nebius_asks_for_is_kept(case: Case, asked: float, kept: float) -> None:
    async with case.lend() as client:
        case.nebius.fault = GrpcFault(grpc.StatusCode.RESOURCE_EXHAUSTED, wait=asked)
        with pytest.raises(ThrottledError) as caught:
            await value(client, "mbsec-1", "password")
        assert caught.value.retry_after == kept
        assert len(case.nebius.asked("GetByKey")) == 1


@pytest.mark.parametrize("details", [b"\xff", b"", b"\x08\x08\x1a\x02\x0a\x00"])
async def test_details_that_say_nothing(case: Case, details: bytes) -> None:
    async with case.lend() as client:
        case.nebius.fault = GrpcFault(grpc.StatusCode.RESOURCE_EXHAUSTED, details=details)
        with pytest.raises(ThrottledError) as caught:
            await value(client, "mbsec-1", "password")
        assert caught.value.retry_after is None
        assert len(case.nebius.asked("GetByKey")) == 4


async def test_failures_show_nothing(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        for code in (code for code in grpc.StatusCode if code is not grpc.StatusCode.OK):
            with case.nebius.failing(GrpcFault(code)), pytest.raises(EsoError) as caught:
                await value(client, f"k{code.value[0]}")
            assert isinstance(caught.value, NoSecretError) == (code is grpc.StatusCode.NOT_FOUND)
            assert "canary" not in told(caught.value)
    assert "canary" not in caplog.text
