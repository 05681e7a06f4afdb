"""generators/quay.md, cloudsmith.md and acr.md against servers that check what the vendors check."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from eso.errors import (
    AccessDeniedError,
    InvalidSpecError,
    ProviderError,
    ReferenceNotFoundError,
)
from eso.generators.acraccesstoken import ACRAccessTokenGenerator
from eso.generators.cloudsmithaccesstoken import CloudsmithAccessTokenGenerator
from tests.support.tokenvendors import (
    PRINCIPAL,
    RegistryCase,
    acr_spec,
    azure,
    cloudsmith_spec,
    quay,
)
from tests.support.vendors.registries import Cloudsmith, issued


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


@pytest.mark.parametrize("auth", [{"managedIdentity": {}}, {"workloadIdentity": {}}])
@pytest.mark.parametrize(
    ("registry", "cloud", "text"),
    [
        ("registry.example", "PublicCloud", "within azurecr.io"),
        ("r.azurecr.io.example", "PublicCloud", "within azurecr.io"),
        ("azurecr.io", "PublicCloud", "within azurecr.io"),
        ("registry.example/r.azurecr.io", "PublicCloud", "within azurecr.io"),
        ("r.azurecr.io", "ChinaCloud", "within azurecr.cn"),
    ],
)
def test_acr_tokens_of_the_operator_stay_within_azure(
    auth: dict[str, Any], registry: str, cloud: str, text: str
) -> None:
    case = RegistryCase(azure().vendor, ACRAccessTokenGenerator(environ={}))
    with pytest.raises(InvalidSpecError, match=text):
        case.generate(lambda: acr_spec(case, auth, registry=registry, environmentType=cloud))
    assert case.vendor.forms == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("registry", "auth"),
    [("r.azurecr.io", {}), ("registry.example", {"serviceAccountRef": {"name": "plain"}})],
)
def test_acr_registries_of_azure_and_identities_of_users_are_free(registry: str, auth: dict[str, Any]) -> None:
    case = RegistryCase(azure().vendor, ACRAccessTokenGenerator(environ={}))
    # It goes on to what is missing next.
    with pytest.raises(InvalidSpecError, match=r"AZURE_CLIENT_ID|azure\.workload\.identity/client-id"):
        case.generate(lambda: acr_spec(case, {"workloadIdentity": auth}, registry=registry))


@pytest.mark.parametrize(
    ("auth", "changes", "text"),
    [
        ({}, {}, "servicePrincipal, managedIdentity or workloadIdentity"),
        ({"workloadIdentity": {}}, {}, "AZURE_CLIENT_ID"),
        ({"workloadIdentity": {"serviceAccountRef": {"name": "plain"}}}, {}, "azure.workload.identity/client-id"),
        ({"servicePrincipal": {"secretRef": {}}}, {}, "clientId"),
        (PRINCIPAL, {"environmentType": "AzureStackCloud"}, "not supported"),
        (PRINCIPAL, {"registry": "[x"}, "registry must be"),
        (PRINCIPAL, {"registry": "x:99999"}, "registry must be"),
        (PRINCIPAL, {"registry": ""}, "registry must be"),
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


@pytest.mark.parametrize(
    "body", [b'{"refresh_token":5}', b'{"refresh_token":"canary","expires_in":5}', b'{"access_token":"canary"}', b"[]"]
)
def test_acr_answer_must_be_texts_and_hold_the_token(body: bytes) -> None:
    async def answer(request: web.Request) -> tuple[int, Any]:
        if request.path != "/oauth2/exchange":
            return await known(request)
        return 200, json.loads(body)

    case = azure()
    known, case.vendor.answer = case.vendor.answer, answer  # type: ignore[method-assign]
    with pytest.raises(ProviderError) as caught:
        case.generate(lambda: acr_spec(case, PRINCIPAL))
    assert "canary" not in repr(caught.value)


def test_quay_url_is_a_host_and_accounts_are_looked_up_where_the_consumer_is() -> None:
    case = quay()
    with pytest.raises(ReferenceNotFoundError):
        case.generate(
            lambda: {"url": case.vendor.host, "robotAccount": "org+robot", "serviceAccountRef": {"name": "elsewhere"}}
        )
    assert case.vendor.seen == []
