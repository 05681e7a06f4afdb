"""Generators that ask a vendor for a token, each against a server that checks what the vendor checks."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

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
from eso.generators.acraccesstoken import ACRAccessTokenGenerator
from eso.generators.base import Generator
from eso.generators.beyondtrustworkloadcredentialsdynamicsecret import (
    BeyondtrustWorkloadCredentialsDynamicSecretGenerator,
)
from eso.generators.cloudsmithaccesstoken import CloudsmithAccessTokenGenerator
from eso.generators.githubaccesstoken import GithubAccessTokenGenerator
from eso.generators.gitlabdeploytoken import GitlabDeployTokenGenerator
from eso.generators.grafana import GrafanaGenerator
from eso.generators.quayaccesstoken import QuayAccessTokenGenerator
from tests.support.generatorcontext import GeneratorBench
from tests.support.vendors.beyondtrustworkloadcredentials import SITE, BeyondtrustLeases
from tests.support.vendors.githubapp import GithubApp
from tests.support.vendors.gitlabtokens import GitlabTokens
from tests.support.vendors.grafana import Grafana
from tests.support.vendors.registries import Azure, Cloudsmith, Quay, issued
from tests.support.vendors.tokenserver import TokenServer, serving

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def against(vendor: TokenServer, story: Callable[[], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        async with serving(vendor):
            return await story()

    return asyncio.run(go())


class Github:
    def __init__(self) -> None:
        self.vendor = GithubApp(now=NOW.timestamp())
        self.bench = GeneratorBench(
            {
                "app": {
                    "key": self.vendor.pem(),
                    "pkcs1": self.vendor.pem(PrivateFormat.TraditionalOpenSSL),
                    "bad": "canary-no-key",
                }
            }
        )
        self.generator = GithubAccessTokenGenerator(lambda: NOW)

    def spec(self, key: str = "key", **changes: Any) -> dict[str, Any]:
        ref = {"secretRef": {"name": "app", "key": key}}
        return {"url": self.vendor.url, "appID": "12", "installID": "34", "auth": {"privateKey": ref}, **changes}

    def generate(self, key: str = "key", **changes: Any) -> Any:
        return against(self.vendor, lambda: self.bench.generate(self.generator, self.spec(key, **changes)))


@pytest.mark.parametrize("key", ["key", "pkcs1"])
def test_github_token_for_a_signed_app(key: str) -> None:
    case = Github()
    assert case.generate(key) == ({"token": "ghs_canary-token"}, None)
    second = int(NOW.timestamp())
    assert case.vendor.claims == {"iss": "12", "iat": second - 10, "exp": second + 300}


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({}, b""),
        ({"repositories": []}, b""),
        ({"permissions": {}}, b'{"permissions": {}}'),
        ({"permissions": {"contents": "read"}}, b'{"permissions": {"contents": "read"}}'),
        ({"repositories": ["a"]}, b'{"repositories": ["a"]}'),
    ],
)
def test_github_body_only_when_needed(changes: dict[str, Any], body: bytes) -> None:
    case = Github()
    case.generate(**changes)
    assert case.vendor.bodies == [body]


def test_github_message_of_a_refusal_is_shown() -> None:
    case = Github()
    with pytest.raises(AccessDeniedError, match="A JSON web token could not be decoded"):
        other = Github()
        other.bench = GeneratorBench({"app": {"key": case.vendor.pem()}})
        other.generate()


@pytest.mark.parametrize(("key", "error"), [("bad", InvalidSpecError), ("absent", ReferenceNotFoundError)])
def test_github_key_must_be_there_and_a_key(key: str, error: type[EsoError]) -> None:
    with pytest.raises(error) as caught:
        Github().generate(key)
    assert "canary" not in repr(caught.value)


class Gitlab:
    def __init__(self) -> None:
        self.vendor = GitlabTokens()
        self.bench = GeneratorBench({"admin": {"t": "canary-admin"}})
        self.generator = GitlabDeployTokenGenerator()

    def spec(self, **changes: Any) -> dict[str, Any]:
        spec = {
            "url": f"{self.vendor.url}//",
            "projectID": "group/pro ject",
            "name": "deploy",
            "scopes": ["read_registry"],
            "auth": {"token": {"secretRef": {"name": "admin", "key": "t"}}},
            **changes,
        }
        return {key: value for key, value in spec.items() if value is not None}


def test_gitlab_creates_and_revokes() -> None:
    case = Gitlab()

    async def story() -> None:
        values, state = await case.bench.generate(
            case.generator, case.spec(username="me", expiresAt="2026-01-02T03:04:05+02:00")
        )
        assert values == {"username": "me", "token": "gldt-canary-1"}
        assert state == {"url": case.vendor.url, "projectID": "group/pro ject", "tokenID": 1}
        assert case.vendor.tokens[1] == {
            "name": "deploy",
            "scopes": ["read_registry"],
            "username": "me",
            "expires_at": "2026-01-02T01:04:05Z",
            "place": "group%2Fpro%20ject",
        }
        await case.bench.cleanup(case.generator, case.spec(url="https://elsewhere.invalid"), state)
        assert case.vendor.tokens == {}
        await case.bench.cleanup(case.generator, case.spec(), state)

    against(case.vendor, story)
    assert case.vendor.seen[-1] == "DELETE /api/v4/projects/group%2Fpro%20ject/deploy_tokens/1"


def test_gitlab_group() -> None:
    case = Gitlab()
    _, state = against(case.vendor, lambda: case.bench.generate(case.generator, case.spec(projectID=None, groupID="7")))
    assert state == {"url": case.vendor.url, "groupID": "7", "tokenID": 1}
    assert case.vendor.seen == ["POST /api/v4/groups/7/deploy_tokens"]


@pytest.mark.parametrize("changes", [{"groupID": "1"}, {"projectID": None}])
def test_gitlab_needs_exactly_one_place(changes: dict[str, Any]) -> None:
    case = Gitlab()
    with pytest.raises(InvalidSpecError, match="exactly one of"):
        against(case.vendor, lambda: case.bench.generate(case.generator, case.spec(**changes)))


@pytest.mark.parametrize("state", [None, {}, {"url": "u", "projectID": "1", "tokenID": 0}])
def test_gitlab_nothing_to_clean_up(state: Any) -> None:
    case = Gitlab()
    against(case.vendor, lambda: case.bench.cleanup(case.generator, case.spec(), state))
    assert case.vendor.seen == []


def test_gitlab_cleanup_is_blocked_without_credential_and_on_refusal() -> None:
    case = Gitlab()
    state = {"projectID": "1", "tokenID": 1}

    async def refused() -> None:
        case.bench = GeneratorBench({"admin": {"t": "canary-wrong"}})
        with pytest.raises(AccessDeniedError, match="401 Unauthorized"):
            await case.bench.cleanup(case.generator, case.spec(), {"url": case.vendor.url, **state})
        case.bench = GeneratorBench()
        with pytest.raises(ReferenceNotFoundError):
            await case.bench.cleanup(case.generator, case.spec(), {"url": case.vendor.url, **state})

    against(case.vendor, refused)


class GrafanaCase:
    def __init__(self, prefix: str = "") -> None:
        self.vendor = Grafana(prefix=prefix)
        self.bench = GeneratorBench({"admin": {"t": "canary-admin", "p": "canary-password", "w": "canary-wrong"}})
        self.generator = GrafanaGenerator()

    def spec(self, **changes: Any) -> dict[str, Any]:
        return {
            "url": self.vendor.url + self.vendor.prefix,
            "auth": {"token": {"name": "admin", "key": "t"}},
            "serviceAccount": {"name": "robot", "role": "Viewer"},
            **changes,
        }


@pytest.mark.parametrize("prefix", ["", "/grafana"])
def test_grafana_makes_the_account_once_and_deletes_tokens(prefix: str) -> None:
    case = GrafanaCase(prefix)

    async def story() -> None:
        case.vendor.accounts[1] = {"id": 1, "name": "robot-2", "login": "other"}
        values, state = await case.bench.generate(case.generator, case.spec())
        assert values == {"login": "sa-robot", "token": "glsa_canary_1"}
        assert state == {"serviceAccount": {"id": 2, "login": "sa-robot", "tokenID": 1}}
        assert case.vendor.accounts[2]["role"] == "Viewer"
        changed = {"name": "robot", "role": "Admin", "secondsToLive": 60}
        _, second = await case.bench.generate(case.generator, case.spec(serviceAccount=changed))
        assert second["serviceAccount"]["tokenID"] == 2
        assert case.vendor.accounts[2]["role"] == "Viewer"
        names = {token["name"] for token in case.vendor.tokens.values()}
        assert len(names) == 2
        assert [token.get("secondsToLive") for token in case.vendor.tokens.values()] == [None, 60]
        await case.bench.cleanup(case.generator, case.spec(), state)
        await case.bench.cleanup(case.generator, case.spec(), state)
        assert list(case.vendor.tokens) == [(2, 2)]
        assert 2 in case.vendor.accounts

    against(case.vendor, story)


def test_grafana_finds_a_token_by_what_was_intended() -> None:
    case = GrafanaCase()

    async def story() -> None:
        spec = case.generator.spec_type.model_validate(case.spec())
        intent = case.generator.intent(spec)
        await case.bench.cleanup(case.generator, case.spec(), intent)
        await case.bench.generate(case.generator, case.spec())
        async with case.bench.context() as context:
            await case.generator.generate_intended(spec, intent, context)
        assert len(case.vendor.tokens) == 2
        for _ in range(2):
            await case.bench.cleanup(case.generator, case.spec(), intent)
            assert [
                token["name"] != intent["serviceAccount"]["tokenName"] for token in case.vendor.tokens.values()
            ] == [True]

    against(case.vendor, story)


@pytest.mark.parametrize(
    ("auth", "error"),
    [
        ({"basic": {"username": "admin", "password": {"name": "admin", "key": "p"}}}, None),
        (
            {
                "token": {"name": "admin", "key": "t"},
                "basic": {"username": "admin", "password": {"name": "admin", "key": "w"}},
            },
            None,
        ),
        ({"token": {"name": "admin", "key": "w"}}, AccessDeniedError),
        ({}, InvalidSpecError),
    ],
)
def test_grafana_sign_in(auth: dict[str, Any], error: type[EsoError] | None) -> None:
    case = GrafanaCase()
    call = lambda: case.bench.generate(case.generator, case.spec(auth=auth))  # noqa: E731
    if error is None:
        assert against(case.vendor, call)[0]["login"] == "sa-robot"
        return
    with pytest.raises(error):
        against(case.vendor, call)


@pytest.mark.parametrize("state", [None, {}, {"serviceAccount": {"id": None, "tokenID": None}}])
def test_grafana_state_must_name_a_token(state: Any) -> None:
    case = GrafanaCase()
    with pytest.raises(InvalidSpecError, match="names no service account"):
        against(case.vendor, lambda: case.bench.cleanup(case.generator, case.spec(), state))


def test_grafana_404_of_something_else_is_no_success() -> None:
    case = GrafanaCase()
    state = {"serviceAccount": {"id": 1, "login": "l", "tokenID": 1}}
    with pytest.raises(InvalidRequestError):
        against(
            case.vendor,
            lambda: case.bench.cleanup(case.generator, case.spec(url=f"{case.vendor.url}/wrong"), state),
        )


class RegistryCase:
    def __init__(self, vendor: TokenServer, generator: Generator[Any]) -> None:
        self.vendor = vendor
        self.generator = generator
        annotations = {
            "azure.workload.identity/client-id": "client",
            "azure.workload.identity/tenant-id": "tenant",
        }
        self.bench = GeneratorBench(
            {"azure": {"id": " client\n", "secret": "canary-secret\n", "wrong": "canary-wrong"}},
            {"app": annotations, "plain": {}},
        )

    def generate(self, spec: Callable[[], dict[str, Any]]) -> dict[str, str]:
        values, state = against(self.vendor, lambda: self.bench.generate(self.generator, spec()))
        assert state is None
        assert isinstance(values, dict)
        return values


def quay(**options: Any) -> RegistryCase:
    return RegistryCase(Quay(**options), QuayAccessTokenGenerator(scheme="http"))


def test_quay() -> None:
    case = quay()
    account = {"name": "app", "audiences": ["a", "b"]}
    values = case.generate(
        lambda: {"url": f"https://{case.vendor.host}", "robotAccount": "org+robot", "serviceAccountRef": account}
    )
    token = case.vendor.token  # type: ignore[attr-defined]
    auth = base64.b64encode(f"org+robot:{token}".encode()).decode()
    assert values == {"registry": case.vendor.host, "auth": auth, "expiry": "1800000000"}
    assert case.bench.requested == [("app", ("a", "b"))]


@pytest.mark.parametrize("token", ["canary", "a.canary.c", issued(sub="x")])
def test_quay_token_without_expiry_is_an_error(token: str) -> None:
    case = quay(token=token)
    with pytest.raises(ProviderError, match="exp") as caught:
        case.generate(
            lambda: {"url": case.vendor.host, "robotAccount": "org+robot", "serviceAccountRef": {"name": "app"}}
        )
    assert token not in str(caught.value)


def test_quay_wrong_robot() -> None:
    case = quay()
    with pytest.raises(AccessDeniedError):
        case.generate(lambda: {"url": case.vendor.host, "robotAccount": "x", "serviceAccountRef": {"name": "app"}})


def cloudsmith_spec(case: RegistryCase) -> dict[str, Any]:
    return {
        "apiUrl": f"{case.vendor.url}/",
        "orgSlug": "my-org",
        "serviceSlug": "ci",
        "serviceAccountRef": {"name": "app", "audiences": ["c"]},
    }


def test_cloudsmith() -> None:
    case = RegistryCase(Cloudsmith(), CloudsmithAccessTokenGenerator())
    values = case.generate(lambda: cloudsmith_spec(case))
    token = case.vendor.token  # type: ignore[attr-defined]
    assert values == {"auth": base64.b64encode(f"token:{token}".encode()).decode(), "expiry": "1800000000"}
    assert case.bench.requested == [("app", ("c",))]


@pytest.mark.parametrize("options", [{"status": 200}, {"token": ""}, {"token": "canary"}])
def test_cloudsmith_only_created_with_a_jwt_is_success(options: dict[str, Any]) -> None:
    case = RegistryCase(Cloudsmith(**options), CloudsmithAccessTokenGenerator())
    with pytest.raises(ProviderError):
        case.generate(lambda: cloudsmith_spec(case))


def azure(environ: dict[str, str] | None = None) -> RegistryCase:
    vendor = Azure()
    case = RegistryCase(vendor, ACRAccessTokenGenerator(scheme="http"))

    class Located(ACRAccessTokenGenerator):
        async def generate(self, spec: Any, context: Any) -> Any:
            self.__init__("http", vendor.url, vendor.url, environ or {})  # type: ignore[misc]
            return await super().generate(spec, context)

    case.generator = Located()
    return case


def acr_spec(case: RegistryCase, auth: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"registry": case.vendor.host, "tenantId": "tenant", "auth": auth, **changes}


PRINCIPAL = {
    "servicePrincipal": {
        "secretRef": {"clientId": {"name": "azure", "key": "id"}, "clientSecret": {"name": "azure", "key": "secret"}}
    }
}
ZERO = "00000000-0000-0000-0000-000000000000"


def test_acr_service_principal() -> None:
    case = azure()
    both = {**PRINCIPAL, "managedIdentity": {}}
    assert case.generate(lambda: acr_spec(case, both)) == {"username": ZERO, "password": "canary-refresh"}
    (_, login), (_, exchange) = case.vendor.forms  # type: ignore[attr-defined]
    assert login["scope"] == "https://management.azure.com/.default"
    assert exchange["tenant"] == "tenant"


def test_acr_scope_gives_an_access_token() -> None:
    case = azure()
    values = case.generate(lambda: acr_spec(case, PRINCIPAL, scope="repository:a:pull"))
    assert values["password"] == "canary-access repository:a:pull"


@pytest.mark.parametrize(
    ("identity", "member"), [("", None), ("uuid", "client_id"), ("/subscriptions/x", "msi_res_id")]
)
def test_acr_managed_identity(identity: str, member: str | None) -> None:
    case = azure()
    auth = {"managedIdentity": {"identityId": identity}}
    assert case.generate(lambda: acr_spec(case, auth))["password"] == "canary-refresh"
    _, query = case.vendor.forms[0]  # type: ignore[attr-defined]
    assert query["resource"] == "https://management.azure.com/"
    assert {key: query[key] for key in query.keys() - {"api-version", "resource"}} == (
        {member: identity} if member else {}
    )


def test_acr_workload_identity_of_a_service_account() -> None:
    case = azure()
    auth = {"workloadIdentity": {"serviceAccountRef": {"name": "app", "audiences": ["more"]}}}
    assert case.generate(lambda: acr_spec(case, auth, tenantId=None))["password"] == "canary-refresh"
    assert case.bench.requested == [("app", ("api://AzureADTokenExchange", "more"))]
    assert case.vendor.forms[0][1]["scope"] == "https://management.core.windows.net/.default"  # type: ignore[attr-defined]


def test_acr_workload_identity_of_the_operator(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("token-of-operator\n")
    case = azure({"AZURE_CLIENT_ID": "client", "AZURE_TENANT_ID": "tenant", "AZURE_FEDERATED_TOKEN_FILE": str(file)})
    assert case.generate(lambda: acr_spec(case, {"workloadIdentity": {}}))["password"] == "canary-refresh"


@pytest.mark.parametrize(
    ("auth", "changes", "text"),
    [
        ({}, {}, "servicePrincipal, managedIdentity or workloadIdentity"),
        ({"workloadIdentity": {}}, {}, "AZURE_CLIENT_ID"),
        ({"workloadIdentity": {"serviceAccountRef": {"name": "plain"}}}, {}, "azure.workload.identity/client-id"),
        ({"servicePrincipal": {"secretRef": {}}}, {}, "clientId"),
        (PRINCIPAL, {"environmentType": "AzureStackCloud"}, "not supported"),
    ],
)
def test_acr_incomplete(auth: dict[str, Any], changes: dict[str, Any], text: str) -> None:
    case = azure()
    with pytest.raises(InvalidSpecError, match=text):
        case.generate(lambda: acr_spec(case, auth, **changes))


def test_acr_refusal_shows_nothing_of_the_answer() -> None:
    case = azure()
    wrong = {
        "servicePrincipal": {
            "secretRef": {"clientId": {"name": "azure", "key": "id"}, "clientSecret": {"name": "azure", "key": "wrong"}}
        }
    }
    with pytest.raises(AccessDeniedError) as caught:
        case.generate(lambda: acr_spec(case, wrong))
    assert "canary" not in repr(caught.value)


def beyondtrust_spec(case: RegistryCase, path: str) -> dict[str, Any]:
    return {
        "provider": {
            "auth": {"apikey": {"token": {"name": "bt", "key": "t"}}},
            "server": {"apiUrl": f"{case.vendor.url}/api", "siteId": SITE},
            "folderPath": path,
        }
    }


def beyondtrust(**options: Any) -> RegistryCase:
    case = RegistryCase(BeyondtrustLeases(**options), BeyondtrustWorkloadCredentialsDynamicSecretGenerator())
    case.bench = GeneratorBench({"bt": {"t": "canary-api"}})
    return case


@pytest.mark.parametrize(("path", "query"), [("a/b/db", "?folder=a/b"), ("db", "")])
@pytest.mark.parametrize("status", [200, 201])
def test_beyondtrust_lease(path: str, query: str, status: int) -> None:
    case = beyondtrust(status=status)
    values, state = against(case.vendor, lambda: case.bench.generate(case.generator, beyondtrust_spec(case, path)))
    assert values == {
        "accessKeyId": "AK",
        "secretAccessKey": "canary-key",
        "sessionToken": "canary-session",
        "leaseId": "lease-1",
        "expiration": "2026-01-01T00:00:00Z",
    }
    assert state == {"path": path}
    assert case.vendor.seen == [f"POST /api/{SITE}/secrets/dynamic/db/generate{query}"]
    asyncio.run(case.bench.cleanup(case.generator, beyondtrust_spec(case, path), state))
    assert len(case.vendor.seen) == 1


def test_beyondtrust_members_that_are_absent_are_empty() -> None:
    case = beyondtrust(secret={"accessKeyId": "AK"})
    values, _ = against(case.vendor, lambda: case.bench.generate(case.generator, beyondtrust_spec(case, "db")))
    assert values == {"accessKeyId": "AK", "secretAccessKey": "", "leaseId": "", "expiration": ""}


@pytest.mark.parametrize(
    ("path", "options", "error"),
    [
        ("", {}, InvalidSpecError),
        ("a/", {}, InvalidSpecError),
        ("db", {"secret": {}}, ProviderError),
        ("db", {"status": 204}, ProviderError),
        ("other", {}, InvalidRequestError),
    ],
)
def test_beyondtrust_refuses(path: str, options: dict[str, Any], error: type[EsoError]) -> None:
    case = beyondtrust(**options)
    with pytest.raises(error):
        against(case.vendor, lambda: case.bench.generate(case.generator, beyondtrust_spec(case, path)))


FAULTS: list[tuple[tuple[int, dict[str, str], bytes], type[EsoError]]] = [
    ((401, {}, b'{"message":"Bad credentials","detail":"canary"}'), AccessDeniedError),
    ((404, {}, b""), InvalidRequestError),
    ((429, {"Retry-After": "7"}, b"canary"), ThrottledError),
    ((500, {}, b"canary"), UnavailableError),
    ((302, {"Location": "http://127.0.0.1:1/canary"}, b""), InvalidRequestError),
    ((200, {}, b"canary, not JSON"), ProviderError),
    ((200, {}, b'["canary"]'), ProviderError),
    ((200, {}, b"{}"), ProviderError),
    ((200, {}, b'"canary' + b"x" * (2 << 20) + b'"'), ProviderError),
]


@pytest.mark.parametrize(("fault", "error"), FAULTS)
@pytest.mark.parametrize("kind", ["github", "gitlab", "grafana", "quay", "cloudsmith", "acr", "beyondtrust"])
def test_faults_become_errors_by_status_and_never_show_the_answer(
    kind: str, fault: tuple[int, dict[str, str], bytes], error: type[EsoError], caplog: pytest.LogCaptureFixture
) -> None:
    case: Any
    if kind == "github":
        case = Github()
        spec = case.spec
    elif kind == "gitlab":
        case = Gitlab()
        spec = case.spec
    elif kind == "grafana":
        case = GrafanaCase()
        spec = case.spec
    elif kind == "quay":
        case = quay()
        spec = lambda: {"url": case.vendor.host, "robotAccount": "o", "serviceAccountRef": {"name": "app"}}  # noqa: E731
    elif kind == "cloudsmith":
        case = RegistryCase(Cloudsmith(), CloudsmithAccessTokenGenerator())
        spec = lambda: cloudsmith_spec(case)  # noqa: E731
    elif kind == "acr":
        case = azure()
        spec = lambda: acr_spec(case, PRINCIPAL)  # noqa: E731
    else:
        case = beyondtrust()
        spec = lambda: beyondtrust_spec(case, "db")  # noqa: E731
    case.vendor.fault = fault
    with pytest.raises(error) as caught:
        against(case.vendor, lambda: case.bench.generate(case.generator, spec()))
    assert not isinstance(caught.value, NoSecretError)
    if isinstance(caught.value, ThrottledError):
        assert caught.value.retry_after == 7
    shown = f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"
    assert "canary" not in shown
    # A vendor that redirects gets no second request with the credentials.
    assert len(case.vendor.seen) <= 1
