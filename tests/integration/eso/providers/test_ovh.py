"""providers/ovh.md, row by row, against a server that speaks the API of OKMS."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from eso.api.meta_v1 import CAProvider, SecretKeySelector
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
from eso.providers.base import Capabilities, FindRef, StoreContext, ValidationResult
from eso.providers.ovh.provider import OvhProvider
from eso.providers.ovh.spec import OvhSpec
from eso.values import SecretValue, reveal_all
from tests.support.keypairs import key_pair, new_key_pair
from tests.support.mutualtls import over_mutual_tls
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.ovh import DOMAIN, TOKEN, Okms
from tests.support.vendors.tokenserver import serving

REF = {"name": "okms", "key": "token"}
BEARER: dict[str, Any] = {"token": {"tokenSecretRef": REF}}
MTLS: dict[str, Any] = {
    "certSecretRef": {"name": "pair", "key": "tls.crt"},
    "keySecretRef": {"name": "pair", "key": "tls.key"},
}
DOCUMENT = {
    "type": "credential",
    "users": {"kevin": {"token": "canary-kevin"}},
    "n": 1e6,
    "on": True,
    "none": None,
    "<": "&",
}
TEXT = '{"\\u003c":"\\u0026","n":1000000,"none":null,"on":true,"type":"credential","users":{"kevin":{"token":"canary-kevin"}}}'
API = f"/api/{DOMAIN}"


class Case:
    def __init__(self, okms: Okms, stores: ProviderBench) -> None:
        self.okms = okms
        self.stores = stores

    def lend(self, auth: dict[str, Any] | None = None, **change: Any) -> Any:
        return self.stores.lend({"server": self.okms.url, "okmsid": DOMAIN, "auth": auth or BEARER, **change})


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    okms = Okms()
    okms.put("creds", {"old": "canary-old"}, dict(DOCUMENT))
    okms.put("path/to/secret 1", {"a": "x"})
    okms.put("path/secret2", {"b": "y"})
    okms.put("bare", {"a": "x"}, None)
    async with serving(okms), bench(OvhProvider()) as stores:
        await stores.secret("okms", token=TOKEN, wrong="canary-wrong", line=f"{TOKEN}\n", empty="")
        yield Case(okms, stores)


async def found(client: Any, **ref: Any) -> dict[str, str]:
    return {key: text.decode() for key, text in reveal_all(await client.get_all_secrets(FindRef(**ref))).items()}


# 1. Auth


async def test_token(case: Case) -> None:
    async with case.lend(server=f"{case.okms.url}/", okmsid=DOMAIN.upper()) as client:
        assert case.okms.seen == []
        assert await value(client, "path/to/secret 1") == '{"a":"x"}'
    assert case.okms.seen == [f"GET {API}/v2/secret/path%2Fto%2Fsecret%201?includeData=true"]
    assert case.stores.counted("OVHcloud/OKMS", "GetSecret") == 1


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        ("wrong", AccessDeniedError, "401"),
        ("none", ReferenceNotFoundError, "none"),
        ("empty", InvalidSpecError, r"auth\.token\.tokenSecretRef cannot be empty"),
        ("line", InvalidSpecError, "line break"),
    ],
)
async def test_tokens_that_cannot_be_used(case: Case, key: str, error: type[EsoError], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        async with case.lend({"token": {"tokenSecretRef": {**REF, "key": key}}}) as client:
            await client.validate()
    assert "canary" not in told(caught.value)


async def test_client_certificate(case: Case) -> None:
    certificate, key = (part.decode() for part in key_pair())
    await case.stores.secret("pair", **{"tls.crt": certificate, "tls.key": key, "ca.crt": certificate})
    bundle = base64.b64encode(certificate.encode()).decode()
    provided = {"type": "Secret", "name": "pair", "key": "ca.crt"}
    async with over_mutual_tls(case.okms, required=True) as url:
        for trust in ({"caBundle": bundle}, {"caProvider": provided}):
            async with case.lend({"mtls": {**MTLS, **trust}}, server=url) as client:
                assert await client.validate() is ValidationResult.READY
                assert await value(client, "path/secret2", "b") == "y"
        async with case.lend({"mtls": MTLS}, server=url) as client:
            with pytest.raises(UnavailableError, match="caBundle"):
                await client.validate()


async def test_client_certificates_that_cannot_be_used(case: Case) -> None:
    certificate, other = key_pair()[0].decode(), new_key_pair()[1].decode()
    await case.stores.secret("pair", **{"tls.crt": certificate, "tls.key": other})
    for auth, text in (
        ({"mtls": MTLS}, "not a pair"),
        ({"mtls": {**MTLS, "keySecretRef": {"name": "okms", "key": "empty"}}}, "mtls.keySecretRef cannot be empty"),
        ({"mtls": {**MTLS, "certSecretRef": {"name": "okms", "key": "empty"}}}, "mtls.certSecretRef cannot be empty"),
    ):
        with pytest.raises(InvalidSpecError, match=text) as caught:
            async with case.lend(auth):
                pass
        assert "PRIVATE KEY" not in told(caught.value)


class Recorder:
    """A context that keeps how sessions are asked for."""

    def __init__(self) -> None:
        self.options: list[dict[str, Any]] = []

    async def resolve(self, ref: SecretKeySelector) -> SecretValue:
        return SecretValue(TOKEN)

    async def resolve_ca(self, ca_bundle: str | None, ca_provider: CAProvider | None) -> bytes | None:
        return None

    def http(self, base_url: str = "", **options: Any) -> None:
        self.options.append(options)

    def calls(self, provider: str) -> None:
        return None


@pytest.mark.parametrize("auth", [BEARER, {"mtls": MTLS}])
@pytest.mark.parametrize(("given", "seconds"), [({}, 30.0), ({"okmsTimeout": 1}, 1.0)])
async def test_seconds_until_an_answer(auth: dict[str, Any], given: dict[str, int], seconds: float) -> None:
    recorder = Recorder()
    spec = OvhSpec.model_validate({"server": "https://okms", "okmsid": DOMAIN, "auth": auth, **given})
    await OvhProvider().new_client(spec, cast(StoreContext, recorder))
    assert [options["timeout"] for options in recorder.options] == [seconds]


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "property", "version", "wanted"),
    [
        ("creds", "", "", TEXT),
        ("creds", "", "1", '{"old":"canary-old"}'),
        ("creds", "", "0", TEXT),
        ("creds", "type", "2", "credential"),
        ("creds", "users.kevin.token", "", "canary-kevin"),
        ("creds", "users", "", '{"kevin":{"token":"canary-kevin"}}'),
        ("creds", "n", "", "1000000"),
        ("creds", "on", "", "true"),
        ("creds", "none", "", ""),
    ],
)
async def test_reading(case: Case, key: str, property: str, version: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, property, version=version) == wanted
    assert ("version=" in case.okms.seen[0]) == bool(version)


async def test_a_secret_that_does_not_exist(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(NoSecretError):
            await value(client, "none")
        with pytest.raises(NoSecretError):
            await mapped(client, "none")
        for body in (b"", b"null"):
            case.okms.fault = (200, {}, body)
            with pytest.raises(NoSecretError):
                await value(client, "creds")


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        ({"property": "absent"}, "absent"),
        ({"version": "3"}, "17125378"),
        ({"version": "-1"}, "invalid secret version"),
        ({"version": "one"}, "invalid secret version"),
        ({"version": "4294967296"}, "invalid secret version"),
        ({"version": "\u0662"}, "invalid secret version"),
        ({"metadata_policy": "Fetch"}, "fetch metadata policy not supported"),
        ({"key": ""}, "remote key cannot be empty"),
        ({"key": ".."}, "path of a secret"),
        ({"key": "bare"}, "secret version data is missing"),
    ],
)
async def test_what_is_a_plain_error(case: Case, ref: dict[str, str], text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(EsoError, match=text) as caught:
            await value(client, **{"key": "creds", **ref})
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


# 3. dataFrom


async def test_extract(case: Case) -> None:
    async with case.lend() as client:
        everything = {**json.loads(TEXT), "n": "1000000", "on": "true", "none": ""}
        everything["users"] = '{"kevin":{"token":"canary-kevin"}}'
        assert await mapped(client, "creds") == everything
        assert await mapped(client, "creds", "users.kevin") == {"token": "canary-kevin"}
        assert await mapped(client, "creds", version="1") == {"old": "canary-old"}
        assert await mapped(client, "creds", "none") == {}
        for property in ("type", "n", "absent"):
            with pytest.raises(ProviderError) as caught:
                await mapped(client, "creds", property)
            assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("ref", "wanted"),
    [
        ({}, {"creds", "path/to/secret 1", "path/secret2"}),
        ({"path": ""}, {"creds", "path/to/secret 1", "path/secret2"}),
        ({"path": "/"}, {"creds", "path/to/secret 1", "path/secret2"}),
        ({"path": "path"}, {"path/to/secret 1", "path/secret2"}),
        ({"path": "path/to/", "tags": {"a": "b"}}, {"path/to/secret 1"}),
        ({"name_regexp": "^path/.*2$"}, {"path/secret2"}),
        ({"name_regexp": "secret", "path": "path/to"}, {"path/to/secret 1"}),
        ({"name_regexp": ""}, {"creds", "path/to/secret 1", "path/secret2"}),
    ],
)
async def test_find(case: Case, ref: dict[str, Any], wanted: set[str]) -> None:
    del case.okms.secrets["bare"]
    texts = {"creds": TEXT, "path/to/secret 1": '{"a":"x"}', "path/secret2": '{"b":"y"}'}
    async with case.lend() as client:
        assert await found(client, **ref) == {path: texts[path] for path in wanted}
    folder = (ref.get("path") or "").rstrip("/").replace("/", "%2F")
    assert case.okms.seen[0] == f"GET {API}/v1/secret/metadata/{folder}?list=true"


async def test_find_skips_names_that_are_none_and_secrets_that_vanished(case: Case) -> None:
    case.okms.listed[""] = ["", "/creds", "creds", "path/"]
    case.okms.vanishing.add("path/secret2")
    async with case.lend() as client:
        assert set(await found(client)) == {"creds", "path/to/secret 1"}
    assert case.okms.seen[1] == f"GET {API}/v1/secret/metadata/path?list=true"


@pytest.mark.parametrize(
    ("ref", "error", "text"),
    [
        ({"path": "/path"}, InvalidSpecError, "must not begin with a slash"),
        ({"path": "//"}, InvalidSpecError, "two in a row"),
        ({"path": "path//to"}, InvalidSpecError, "two in a row"),
        ({"path": "nowhere"}, InvalidRequestError, "no such folder"),
        ({"name_regexp": "^nothing$"}, InvalidRequestError, "matches"),
        ({"name_regexp": "("}, InvalidSpecError, "compile"),
        ({"name_regexp": "bare"}, ProviderError, "data is missing"),
    ],
)
async def test_find_that_fails(case: Case, ref: dict[str, Any], error: type[EsoError], text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(error, match=text) as caught:
            await found(client, **ref)
    assert not isinstance(caught.value, NoSecretError)


async def test_folders_without_end(case: Case) -> None:
    class Endless(dict[str, list[Any]]):
        def __contains__(self, key: object) -> bool:
            return True

        def __missing__(self, key: str) -> list[Any]:
            return [f"{letter}/" for letter in "abcdefghij" * 40]

    case.okms.listed = Endless()
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="more than 10000 folders"):
            await found(client)


# 5. Store


async def test_validation_lists(case: Case) -> None:
    assert OvhProvider.capabilities is Capabilities.READ_WRITE
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
        assert case.okms.seen == [f"GET {API}/v2/secret"]
        case.okms.tokens.clear()
        with pytest.raises(AccessDeniedError):
            await client.validate()


ELSEWHERE = {**REF, "namespace": "other"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"server": ""}, "ovh store server is required"),
        ({"server": "eu-west-rbx.okms.ovh.net"}, "server must be a URL"),
        ({"server": "https://[::1"}, "server must be a URL"),
        ({"okmsid": ""}, "ovh store okmsID is required"),
        ({"okmsid": "domain"}, "must be a UUID"),
        ({"auth": {}}, "missing authentication method"),
        ({"auth": {**BEARER, "mtls": MTLS}}, r"only one authentication method allowed \(mtls \| token\)"),
        ({"auth": {"token": {"tokenSecretRef": {"key": "k"}}}}, r"token\.tokenSecretRef must have a name"),
        ({"auth": {"token": {"tokenSecretRef": {"name": "n"}}}}, r"token\.tokenSecretRef must have a name and a key"),
        ({"auth": {"token": {"tokenSecretRef": ELSEWHERE}}}, "namespace"),
        ({"auth": {"mtls": {**MTLS, "certSecretRef": {}}}}, r"mtls\.certSecretRef must have"),
        ({"auth": {"mtls": {**MTLS, "keySecretRef": {}}}}, r"mtls\.keySecretRef must have"),
        ({"auth": {"mtls": {**MTLS, "keySecretRef": ELSEWHERE}}}, "namespace"),
        ({"auth": {"mtls": {**MTLS, "caBundle": "Y2FuYXJ5"}}}, "no valid certificate"),
        ({"auth": {"mtls": {**MTLS, "caBundle": "-----BEGIN canary"}}}, "no valid certificate"),
        ({"auth": {"mtls": {**MTLS, "caProvider": {**ELSEWHERE, "type": "Secret"}}}}, "namespace"),
    ],
)
def test_static_checks(change: dict[str, Any], text: str) -> None:
    stores = ProviderBench(OvhProvider(), None, {})  # type: ignore[arg-type]
    spec = {"server": "https://eu-west-rbx.okms.ovh.net", "okmsid": DOMAIN, "auth": BEARER}
    with pytest.raises(InvalidSpecError, match=text):
        stores.check({**spec, **change})
    bundle = base64.b64encode(key_pair()[0]).decode()
    for auth in (BEARER, {"mtls": MTLS}, {"mtls": {**MTLS, "caBundle": bundle}}):
        assert stores.check({**spec, "auth": auth}) == []
        with pytest.raises(InvalidSpecError, match="cluster scope requires namespace"):
            stores.check({**spec, "auth": auth}, cluster=True)
    assert stores.check({**spec, "auth": {"token": {"tokenSecretRef": ELSEWHERE}}}, cluster=True) == []


# 6. API


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, InvalidRequestError),
        (409, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
        (302, InvalidRequestError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        for body in (b"canary-body", b'{"error_code":"canary","errors":["canary"]}', b"[1]", b"x" * 100_000):
            case.okms.fault = (status, {"Retry-After": "0", "Location": "/canary"}, body)
            for act in (
                lambda: value(client, "creds"),
                lambda: found(client),
                lambda: client.push_secret(source(k="canary"), entry("creds", "k")),
            ):
                with pytest.raises(error) as caught:
                    await act()
                assert not isinstance(caught.value, NoSecretError)
                assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize(
    "body", [b"canary", b'["canary"]', b'{"version":{"data":["canary"]}}', b'{"data":{"keys":[1]}}']
)
async def test_malformed_answers(case: Case, body: bytes) -> None:
    async with case.lend() as client:
        case.okms.fault = (200, {}, body)
        for call in (value(client, "creds"), found(client)):
            with pytest.raises(ProviderError) as caught:
                await call
            assert "canary" not in told(caught.value)
