"""Whether a store may read Secrets: by the rules that the server lists, else by asking it."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from eso.errors import AccessDeniedError, ValidationUnknownError
from eso.providers.base import ValidationResult
from eso.providers.calls import DirectCalls, ProviderCallMetrics
from eso.providers.kubernetes.api import SecretsAPI
from eso.providers.kubernetes.client import KubernetesClient
from reconcile.client.client import Client
from reconcile.client.retry import RetryPolicy
from reconcile.client.transport import Response
from tests.support.transport import Call, ScriptedTransport, status_body

GET: dict[str, Any] = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}


def store(rules: list[dict[str, Any]] | Response, allowed: bool | Response) -> tuple[KubernetesClient, list[str]]:
    """A client, and the reviews that it asks for."""
    asked: list[str] = []

    def answer(call: Call) -> Any:
        kind = call.path.rpartition("/")[2]
        asked.append(kind)
        assert call.method == "POST"
        if kind == "selfsubjectrulesreviews":
            assert call.body["spec"] == {"namespace": "remote"}
            status: Any = rules if isinstance(rules, Response) else {"resourceRules": rules, "nonResourceRules": []}
        else:
            assert call.body["spec"]["resourceAttributes"] == {
                "namespace": "remote",
                "verb": "get",
                "resource": "secrets",
            }
            status = allowed if isinstance(allowed, Response) else {"allowed": allowed}
        return status if isinstance(status, Response) else {**call.body, "status": status}

    client = Client(ScriptedTransport(answer=answer), retry=RetryPolicy(attempts=1))
    calls = DirectCalls("Kubernetes", ProviderCallMetrics(CollectorRegistry()))
    return KubernetesClient(SecretsAPI(client, calls), "remote", store_kind="SecretStore"), asked


@pytest.mark.parametrize(
    "rule", [GET, {**GET, "verbs": ["*"]}, {**GET, "resources": ["*"]}, {**GET, "apiGroups": ["*"]}]
)
async def test_rules_that_allow_are_enough(rule: dict[str, Any]) -> None:
    client, asked = store([rule], False)
    assert await client.validate() is ValidationResult.READY
    assert asked == ["selfsubjectrulesreviews"]


@pytest.mark.parametrize(
    "rule",
    [
        {**GET, "verbs": ["list"]},
        {**GET, "resources": ["configmaps"]},
        {**GET, "apiGroups": ["apps"]},
        {**GET, "resourceNames": ["one"]},
    ],
)
@pytest.mark.parametrize("allowed", [True, False])
async def test_an_access_review_decides_where_the_rules_do_not(rule: dict[str, Any], allowed: bool) -> None:
    client, asked = store([rule], allowed)
    if allowed:
        assert await client.validate() is ValidationResult.READY
    else:
        with pytest.raises(AccessDeniedError, match="client is not allowed to get secrets in namespace remote"):
            await client.validate()
    assert asked == ["selfsubjectrulesreviews", "selfsubjectaccessreviews"]


FAILED = Response(403, status_body(403, "Forbidden", "canary"))


@pytest.mark.parametrize(("rules", "allowed"), [(FAILED, True), ([], FAILED)])
async def test_reviews_that_cannot_be_made_leave_it_unknown(rules: Any, allowed: Any) -> None:
    client, _ = store(rules, allowed)
    with pytest.raises(ValidationUnknownError, match="could not verify") as caught:
        await client.validate()
    assert "canary" not in str(caught.value)
