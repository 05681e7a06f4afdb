"""generators/ecr.md and sts.md against moto, whose requests must be signed as AWS demands."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import pytest

from eso.errors import AccessDeniedError, EsoError, InvalidRequestError, InvalidSpecError, ProviderError
from eso.generators.ecrauthorizationtoken import ECRAuthorizationTokenGenerator
from eso.generators.stssessiontoken import STSSessionTokenGenerator
from tests.support.generatorcontext import GeneratorBench
from tests.support.vendors.aws import ACCESS_KEY, SECRET_KEY, Fault, amazon, moto_server

AUTH = {
    "secretRef": {
        "accessKeyIDSecretRef": {"name": "aws", "key": "id"},
        "secretAccessKeySecretRef": {"name": "aws", "key": "secret"},
    }
}
ROLE = "arn:aws:iam::123456789012:role/builder"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def bench() -> GeneratorBench:
    return GeneratorBench({"aws": {"id": ACCESS_KEY, "secret": SECRET_KEY}}, {"app": {}})


def generate(
    moto: str, bench: GeneratorBench, kind: str, spec: dict[str, Any], fault: Fault | None = None
) -> tuple[dict[str, str], list[Any]]:
    async def go() -> tuple[dict[str, str], list[Any]]:
        async with amazon(moto) as aws:
            if fault is not None:
                aws.faults.append(fault)
            names = ("AWS_STS_ENDPOINT", "AWS_ECR_ENDPOINT", "AWS_ECR_PUBLIC_ENDPOINT")
            environ = dict.fromkeys(names, aws.url)
            generator = ECRAuthorizationTokenGenerator(environ)
            made = generator if kind == "ecr" else STSSessionTokenGenerator(environ)
            with pytest.MonkeyPatch.context() as process:
                process.setenv("AWS_ENDPOINT_URL_STS", aws.url)
                values, state = await bench.generate(made, {"region": "eu-west-1", "auth": AUTH, **spec})
            assert state is None
            return values, aws.requests

    return asyncio.run(go())


def test_ecr_private(moto: str, bench: GeneratorBench) -> None:
    values, _ = generate(moto, bench, "ecr", {})
    assert set(values) == {"username", "password", "proxy_endpoint", "expires_at"}
    assert values["username"] == "AWS"
    assert "dkr.ecr.eu-west-1.amazonaws.com" in values["proxy_endpoint"]
    assert values["expires_at"].isdigit()


def test_ecr_with_role(moto: str, bench: GeneratorBench) -> None:
    values, seen = generate(moto, bench, "ecr", {"role": ROLE})
    assert values["username"] == "AWS"
    assert [one.operation for one in seen] == ["AssumeRole", "GetAuthorizationToken"]


@pytest.mark.parametrize("scope", ["private", "anything"])
def test_ecr_any_other_scope_is_private(moto: str, bench: GeneratorBench, scope: str) -> None:
    assert "proxy_endpoint" in generate(moto, bench, "ecr", {"scope": scope})[0]


def test_ecr_public(moto: str, bench: GeneratorBench) -> None:
    token = base64.b64encode(b"AWS:canary").decode()
    body = f'{{"authorizationData":{{"authorizationToken":"{token}","expiresAt":1800000000}}}}'.encode()
    fault = Fault("GetAuthorizationToken", status=200, body=body)
    values, _ = generate(moto, bench, "ecr", {"scope": "public", "region": "us-east-1"}, fault)
    assert values == {"username": "AWS", "password": "canary", "expires_at": "1800000000"}


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"authorizationData":[]}', b'{"authorizationData":[{"authorizationToken":"YTpiOmM=","expiresAt":1}]}'],
)
def test_ecr_answer_without_one_login(moto: str, bench: GeneratorBench, body: bytes) -> None:
    with pytest.raises(ProviderError):
        generate(moto, bench, "ecr", {}, Fault("GetAuthorizationToken", status=200, body=body))


def test_ecr_refused(moto: str, bench: GeneratorBench) -> None:
    fault = Fault("GetAuthorizationToken", code="AccessDeniedException", message="canary", times=-1)
    with pytest.raises(AccessDeniedError) as caught:
        generate(moto, bench, "ecr", {}, fault)
    assert "canary" not in repr(caught.value)


def test_ecr_static_keys_come_before_a_service_account(moto: str, bench: GeneratorBench) -> None:
    auth = {**AUTH, "jwt": {"serviceAccountRef": {"name": "app"}}}
    assert generate(moto, bench, "ecr", {"auth": auth})[0]["username"] == "AWS"
    assert bench.requested == []


def test_region_is_required(moto: str, bench: GeneratorBench) -> None:
    with pytest.raises(InvalidSpecError, match=r"spec\.region"):
        generate(moto, bench, "ecr", {"region": ""})


def test_sts_session(moto: str, bench: GeneratorBench) -> None:
    wanted = {"sessionDuration": 900, "serialNumber": "arn:aws:iam::1:mfa/me", "tokenCode": "123456"}
    values, seen = generate(moto, bench, "sts", {"requestParameters": wanted})
    assert set(values) == {"access_key_id", "secret_access_key", "session_token", "expiration"}
    assert all(values.values())
    assert values["expiration"].isdigit()
    assert [one.operation for one in seen] == ["GetSessionToken"]


def test_sts_parameters_that_cannot_be_are_named(moto: str, bench: GeneratorBench) -> None:
    wanted = {"sessionDuration": 1, "serialNumber": "canary", "tokenCode": "canary"}
    with pytest.raises(InvalidRequestError, match=r"\(DurationSeconds, SerialNumber\)$") as caught:
        generate(moto, bench, "sts", {"requestParameters": wanted})
    assert "canary" not in str(caught.value)


def test_sts_takes_no_service_account(moto: str, bench: GeneratorBench) -> None:
    with pytest.raises(InvalidSpecError, match=r"auth\.jwt"):
        generate(moto, bench, "sts", {"auth": {"jwt": {"serviceAccountRef": {"name": "app"}}}})


def test_sts_refused(moto: str, bench: GeneratorBench) -> None:
    with pytest.raises(AccessDeniedError):
        generate(moto, bench, "sts", {}, Fault("GetSessionToken", code="AccessDenied", status=403, times=-1))


@pytest.mark.parametrize(
    ("noted", "audience"), [({}, "sts.amazonaws.com"), ({"eks.amazonaws.com/audience": "mine"}, "mine")]
)
def test_ecr_as_a_service_account(moto: str, noted: dict[str, str], audience: str) -> None:
    bench = GeneratorBench({}, {"app": {"eks.amazonaws.com/role-arn": ROLE, **noted}})
    auth = {"jwt": {"serviceAccountRef": {"name": "app", "audiences": ["more"]}}}
    values, seen = generate(moto, bench, "ecr", {"auth": auth})
    assert values["username"] == "AWS"
    assert [one.operation for one in seen] == ["AssumeRoleWithWebIdentity", "GetAuthorizationToken"]
    ((account, audiences),) = bench.requested
    assert (account, set(audiences)) == ("app", {audience, "more"})


def test_ecr_service_account_without_a_role(moto: str, bench: GeneratorBench) -> None:
    with pytest.raises(EsoError, match=r"eks\.amazonaws\.com/role-arn"):
        generate(moto, bench, "ecr", {"auth": {"jwt": {"serviceAccountRef": {"name": "app"}}}})


@pytest.mark.parametrize("kind", ["ecr", "sts"])
def test_no_auth_means_the_credentials_of_the_operator(
    moto: str, bench: GeneratorBench, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    values, _ = generate(moto, bench, kind, {"auth": None})
    assert all(values.values())


def test_sts_role_is_assumed_first(moto: str, bench: GeneratorBench) -> None:
    _, seen = generate(moto, bench, "sts", {"role": ROLE})
    assert [one.operation for one in seen] == ["AssumeRole", "GetSessionToken"]


def test_sts_answer_without_credentials(moto: str, bench: GeneratorBench) -> None:
    body = (
        b'<GetSessionTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetSessionTokenResult/>'
        b"</GetSessionTokenResponse>"
    )
    with pytest.raises(ProviderError, match="no credentials"):
        generate(moto, bench, "sts", {}, Fault("GetSessionToken", status=200, body=body))


def test_sts_endpoint_of_roles_is_not_that_of_sessions(moto: str, bench: GeneratorBench) -> None:
    async def go() -> dict[str, str]:
        async with amazon(moto) as aws:
            generator = STSSessionTokenGenerator({"AWS_STS_ENDPOINT": "http://127.0.0.1:1"})
            with pytest.MonkeyPatch.context() as process:
                process.setenv("AWS_ENDPOINT_URL_STS", aws.url)
                return (await bench.generate(generator, {"region": "eu-west-1", "auth": AUTH}))[0]

    assert asyncio.run(go())["session_token"]
