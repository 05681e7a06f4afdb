"""Discovery, OpenAPI, tokens and reviews."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from reconcile.testing.eventually import eventually
from tests.integration.apiserver.conftest import Api, Widgets

TOKEN = "/api/v1/namespaces/{ns}/serviceaccounts/robot/token"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
REVIEW = "/apis/authorization.k8s.io/v1/"


def claims_of(token: str) -> Any:
    middle = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))


async def test_legacy_discovery(widgets: Widgets) -> None:
    api = widgets.api
    assert (await api.ok("GET", "/version"))["gitVersion"].startswith("v1.36.")
    assert (await api.ok("GET", "/api"))["versions"] == ["v1"]
    core = await api.ok("GET", "/api/v1")
    by_name = {resource["name"]: resource for resource in core["resources"]}
    assert by_name["secrets"]["verbs"] == [
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ]
    assert by_name["serviceaccounts/token"]["kind"] == "TokenRequest"
    assert by_name["configmaps"]["shortNames"] == ["cm"]

    async def group() -> Any:
        groups = (await api.ok("GET", "/apis"))["groups"]
        return next((entry for entry in groups if entry["name"] == widgets.group), None)

    entry = await eventually(group, timeout=15)
    assert entry["preferredVersion"]["version"] == "v1"
    assert [version["version"] for version in entry["versions"]] == ["v1", "v1beta1"]
    resources = (await api.ok("GET", f"/apis/{widgets.group}/v1"))["resources"]
    assert {resource["name"] for resource in resources} == {"widgets", "widgets/scale", "widgets/status"}


async def test_aggregated_discovery(widgets: Widgets) -> None:
    async def resource() -> Any:
        answer = await widgets.api.ok("GET", "/apis", accept=AGGREGATED)
        groups = {item["metadata"]["name"]: item for item in answer["items"]}
        if widgets.group not in groups:
            return None
        return groups[widgets.group]["versions"][0]["resources"][0]

    entry = await eventually(resource, timeout=15)
    assert entry["resource"] == "widgets"
    assert entry["responseKind"] == {"group": widgets.group, "version": "v1", "kind": "Widget"}
    assert entry["scope"] == "Namespaced"
    assert {sub["subresource"] for sub in entry["subresources"]} == {"status", "scale"}


async def test_open_api(widgets: Widgets) -> None:
    api = widgets.api

    async def url() -> Any:
        return (await api.ok("GET", "/openapi/v3"))["paths"].get(f"apis/{widgets.group}/v1")

    entry = await eventually(url, timeout=15)
    path, _, query = entry["serverRelativeURL"].partition("?")
    document = await api.ok("GET", path, **dict([query.split("=")]))
    schemas = document["components"]["schemas"]
    widget = next(node for name, node in schemas.items() if name.endswith(".v1.Widget"))
    assert widget["properties"]["spec"]["properties"]["size"]["type"] == "integer"
    operation = document["paths"][f"/apis/{widgets.group}/v1/namespaces/{{namespace}}/widgets/{{name}}"]["patch"]
    assert operation["x-kubernetes-group-version-kind"] == {"group": widgets.group, "version": "v1", "kind": "Widget"}
    core = await api.ok("GET", "/openapi/v3/api/v1")
    assert "io.k8s.api.core.v1.Secret" in core["components"]["schemas"]


@pytest.mark.parametrize("path", ["/nowhere", "/apis/nowhere.example.com", "/apis/nowhere.example.com/v1/things"])
async def test_no_such_page(api: Api, path: str) -> None:
    assert await api("GET", path) == (404, "404 page not found\n")


async def test_service_account_tokens(api: Api) -> None:
    account = await api.ok("POST", "/api/v1/namespaces/{ns}/serviceaccounts", {"metadata": {"name": "robot"}})
    spec = {"audiences": ["vault"], "expirationSeconds": 600}
    answer = await api.ok("POST", TOKEN, {"spec": spec})
    assert answer["kind"] == "TokenRequest"
    claims = claims_of(answer["status"]["token"])
    assert claims["aud"] == ["vault"]
    assert claims["sub"] == f"system:serviceaccount:{api.ns}:robot"
    assert claims["exp"] - claims["iat"] == 600
    assert claims["kubernetes.io"]["serviceaccount"] == {"name": "robot", "uid": account["metadata"]["uid"]}
    review = "/apis/authentication.k8s.io/v1/tokenreviews"
    asked = {"token": answer["status"]["token"], "audiences": ["vault"]}
    reviewed = (await api.ok("POST", review, {"spec": asked}))["status"]
    assert reviewed["authenticated"] is True
    assert reviewed["audiences"] == ["vault"]
    assert reviewed["user"]["username"] == f"system:serviceaccount:{api.ns}:robot"
    assert f"system:serviceaccounts:{api.ns}" in reviewed["user"]["groups"]
    other = (await api.ok("POST", review, {"spec": {**asked, "audiences": ["other"]}}))["status"]
    assert not other.get("authenticated")
    await api.ok("DELETE", "/api/v1/namespaces/{ns}/serviceaccounts/robot")

    async def refused() -> bool:
        return not (await api.ok("POST", review, {"spec": asked}))["status"].get("authenticated")

    # A real server keeps verified tokens for ten seconds.
    await eventually(refused, timeout=20)


async def test_token_request_refusals(api: Api) -> None:
    assert (await api("POST", TOKEN, {"spec": {}}))[0] == 404
    await api.ok("POST", "/api/v1/namespaces/{ns}/serviceaccounts", {"metadata": {"name": "robot"}})
    status, answer = await api("POST", TOKEN, {"spec": {"audiences": ["a"], "expirationSeconds": 60}})
    assert status == 422
    assert (
        "spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes"
        in answer["message"]
    )


async def test_access_reviews(api: Api) -> None:
    asked = {"resourceAttributes": {"verb": "get", "resource": "secrets", "namespace": api.ns}}
    mine = await api.ok("POST", REVIEW + "selfsubjectaccessreviews", {"spec": asked})
    assert mine["status"]["allowed"] is True
    rules = await api.ok("POST", REVIEW + "selfsubjectrulesreviews", {"spec": {"namespace": api.ns}})
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in rules["status"]["resourceRules"]
    masters = {**asked, "user": "jane", "groups": ["system:masters"]}
    theirs = await api.ok("POST", REVIEW + "subjectaccessreviews", {"spec": masters})
    assert theirs["status"]["allowed"] is True
