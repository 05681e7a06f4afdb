"""Tokens, reviews, authorisation."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.support.contract.api import SECRETS, SERVICE_ACCOUNTS, Api, eventually

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
_ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def _token(api: Api, **spec: Any) -> Any:
    eventually(lambda: api("POST", SERVICE_ACCOUNTS, {"metadata": {"name": "sa"}}).status in (201, 409))
    return api.ok("POST", f"{SERVICE_ACCOUNTS}/sa/token", {"spec": spec})


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return decoded


def check_token_request(api: Api) -> None:
    answer = _token(api, audiences=["a"], expirationSeconds=3600)
    claims = _claims(answer["status"]["token"])
    assert claims["aud"] == ["a"]
    assert claims["sub"] == f"system:serviceaccount:{api.ns}:sa"
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["kubernetes.io"]["serviceaccount"]["name"] == "sa"
    assert answer["status"]["expirationTimestamp"].endswith("Z")


def check_token_too_short(api: Api) -> None:
    _token(api)
    body = {"spec": {"expirationSeconds": 10}}
    answer = api.refused(422, "Invalid", "POST", f"{SERVICE_ACCOUNTS}/sa/token", body)
    assert answer.causes == [
        ("spec.expirationSeconds", "Invalid value: 10: may not specify a duration less than 10 minutes")
    ]


def check_token_of_missing_account(api: Api) -> None:
    api.refused(404, "NotFound", "POST", f"{SERVICE_ACCOUNTS}/none/token", {"spec": {}})


def check_token_signs_in(api: Api) -> None:
    token = _token(api)["status"]["token"]
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = api.ok("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body, token=token)
    user = answer["status"]["userInfo"]
    assert user["username"] == f"system:serviceaccount:{api.ns}:sa"
    assert f"system:serviceaccounts:{api.ns}" in user["groups"]


def check_token_review(api: Api) -> None:
    token = _token(api)["status"]["token"]
    status = api.ok("POST", _TOKEN_REVIEWS, {"spec": {"token": token}})["status"]
    assert status["authenticated"]
    assert status["user"]["username"] == f"system:serviceaccount:{api.ns}:sa"


def check_token_review_of_other_audience(api: Api) -> None:
    token = _token(api, audiences=["vault"])["status"]["token"]
    status = api.ok("POST", _TOKEN_REVIEWS, {"spec": {"token": token, "audiences": ["vault"]}})["status"]
    assert (status["authenticated"], status["audiences"]) == (True, ["vault"])
    assert not api.ok("POST", _TOKEN_REVIEWS, {"spec": {"token": token}})["status"].get("authenticated")


def check_token_review_of_nonsense(api: Api) -> None:
    status = api.ok("POST", _TOKEN_REVIEWS, {"spec": {"token": "nonsense"}})["status"]
    assert not status.get("authenticated")


def check_unknown_token(api: Api) -> None:
    api.refused(401, "Unauthorized", "GET", SECRETS, token="nonsense")


def check_forbidden(api: Api) -> None:
    token = _token(api)["status"]["token"]
    answer = api.refused(403, "Forbidden", "GET", SECRETS, token=token)
    assert answer.message == (
        f'secrets is forbidden: User "system:serviceaccount:{api.ns}:sa" cannot list resource "secrets" '
        f'in API group "" in the namespace "{api.ns}"'
    )


def _grant(api: Api, rules: list[dict[str, Any]]) -> str:
    token = _token(api)["status"]["token"]
    api.ok("POST", f"{_RBAC}/namespaces/{{ns}}/roles", {"metadata": {"name": "r"}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
    subjects = [{"kind": "ServiceAccount", "name": "sa", "namespace": api.ns}]
    body = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": subjects}
    api.ok("POST", f"{_RBAC}/namespaces/{{ns}}/rolebindings", body)
    return str(token)


def check_role_binding(api: Api) -> None:
    token = _grant(api, [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}])
    api.secret("s")
    eventually(lambda: api("GET", SECRETS, token=token).status == 200)
    api.ok("GET", f"{SECRETS}/s", token=token)
    api.refused(403, "Forbidden", "DELETE", f"{SECRETS}/s", token=token)
    api.refused(403, "Forbidden", "GET", "/api/v1/secrets", token=token)


def check_resource_names(api: Api) -> None:
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["a"]}
    token = _grant(api, [rule])
    api.secret("a")
    api.secret("b")
    eventually(lambda: api("GET", f"{SECRETS}/a", token=token).status == 200)
    api.refused(403, "Forbidden", "GET", f"{SECRETS}/b", token=token)


def check_subresource_needs_its_rule(api: Api) -> None:
    rule = {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["*"]}
    token = _grant(api, [rule])
    eventually(lambda: api("GET", SERVICE_ACCOUNTS, token=token).status == 200)
    api.refused(403, "Forbidden", "POST", f"{SERVICE_ACCOUNTS}/sa/token", {"spec": {}}, token=token)


def check_subject_access_review(api: Api) -> None:
    _grant(api, [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}])

    def allowed(verb: str) -> bool:
        attributes = {"namespace": api.ns, "verb": verb, "resource": "secrets"}
        spec = {"user": f"system:serviceaccount:{api.ns}:sa", "resourceAttributes": attributes}
        return bool(api.ok("POST", _ACCESS, {"spec": spec})["status"]["allowed"])

    eventually(lambda: allowed("get"))
    assert not allowed("delete")


def check_self_subject_access_review(api: Api) -> None:
    spec = {"resourceAttributes": {"namespace": api.ns, "verb": "delete", "resource": "secrets"}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert api.ok("POST", path, {"spec": spec})["status"]["allowed"]


def check_role_reference_is_immutable(api: Api) -> None:
    _grant(api, [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}])
    path = f"{_RBAC}/namespaces/{{ns}}/rolebindings/b"
    binding = api.ok("GET", path)
    binding["roleRef"]["name"] = "other"
    answer = api.refused(422, "Invalid", "PUT", path, binding)
    assert [field for field, _ in answer.causes] == ["roleRef"]
