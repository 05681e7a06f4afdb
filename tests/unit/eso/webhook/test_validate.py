from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from eso.errors import InvalidSpecError
from eso.providers.base import Maintenance, Provider, SecretsClient, StoreContext
from eso.providers.registry import ProviderRegistry
from eso.webhook.validate import webhooks
from reconcile.api.admission_v1 import AdmissionResponse, AdmissionReview
from reconcile.api.model import Model


class AcmeSpec(Model):
    url: str
    tenant: str | None = None


class AcmeProvider(Provider[AcmeSpec]):
    name = "acme"
    spec_type = AcmeSpec

    async def new_client(self, spec: AcmeSpec, context: StoreContext) -> SecretsClient:
        raise InvalidSpecError("a webhook makes no client")

    def validate_store(self, spec: AcmeSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        if not spec.url.startswith("https://"):
            raise InvalidSpecError("spec.provider.acme.url must start with https://")
        return () if spec.tenant else (f"{store_kind} in {store_namespace or 'no namespace'} has no tenant",)


class OldProvider(AcmeProvider):
    name = "old"
    maintenance = Maintenance.DEPRECATED


class ForgottenProvider(AcmeProvider):
    name = "forgotten"
    maintenance = Maintenance.NOT_MAINTAINED


@pytest.fixture
def registry() -> ProviderRegistry:
    registry = ProviderRegistry({"missing": "nosuchpackage.provider:Provider"})
    for provider in (AcmeProvider(), OldProvider(), ForgottenProvider()):
        registry.add(provider)
    return registry


async def ask(
    registry: ProviderRegistry,
    path: str,
    body: dict[str, Any] | None,
    operation: str = "CREATE",
    old: dict[str, Any] | None = None,
) -> AdmissionResponse:
    request = {"uid": "u-1", "operation": operation, "object": body, "oldObject": old}
    review = {"apiVersion": "admission.k8s.io/v1", "request": request}
    answer = await webhooks(registry)[path].handle(path, json.dumps(review).encode(), None)
    response = AdmissionReview.model_validate_json(answer).response
    assert response is not None
    return response


EXTERNAL_SECRET = "/validate-external-secrets-io-v1-externalsecret"
STORE = "/validate-external-secrets-io-v1-secretstore"
CLUSTER_STORE = "/validate-external-secrets-io-v1-clustersecretstore"
GOOD: dict[str, Any] = {"metadata": {"name": "x"}, "spec": {"data": [{"secretKey": "a", "remoteRef": {"key": "k"}}]}}


def store(provider: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "s", "namespace": "team"}, "spec": {"provider": provider, **spec}}


def test_paths_are_those_of_the_webhook_configurations(registry: ProviderRegistry) -> None:
    assert sorted(webhooks(registry)) == sorted([EXTERNAL_SECRET, STORE, CLUSTER_STORE])


async def test_a_good_object_is_allowed(registry: ProviderRegistry) -> None:
    response = await ask(registry, EXTERNAL_SECRET, GOOD)
    assert response.to_wire() == {"uid": "u-1", "allowed": True}


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
async def test_every_broken_rule_is_named(registry: ProviderRegistry, operation: str) -> None:
    body = {"spec": {"target": {"creationPolicy": "None", "deletionPolicy": "Merge"}}}
    response = await ask(registry, EXTERNAL_SECRET, body, operation)
    assert response.to_wire() == {
        "uid": "u-1",
        "allowed": False,
        "status": {
            "code": 403,
            "reason": "Forbidden",
            "status": "Failure",
            "message": "deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with\n"
            "either data or dataFrom should be specified",
        },
    }


@pytest.mark.parametrize("path", [EXTERNAL_SECRET, STORE, CLUSTER_STORE])
async def test_deletion_is_always_allowed(registry: ProviderRegistry, path: str) -> None:
    assert (await ask(registry, path, None, "DELETE")).allowed
    assert (await ask(registry, path, None, "DELETE", old={"spec": "malformed"})).allowed


@pytest.mark.parametrize("path", [EXTERNAL_SECRET, STORE, CLUSTER_STORE])
async def test_an_object_that_is_being_deleted_may_lose_its_finalizer(registry: ProviderRegistry, path: str) -> None:
    body = {"metadata": {"name": "x", "deletionTimestamp": "2024-01-01T00:00:00Z"}, "spec": {}}
    assert (await ask(registry, path, body, "UPDATE")).allowed
    assert (await ask(registry, path, {**body, "spec": "malformed"}, "UPDATE")).allowed


async def test_a_malformed_object_can_be_repaired(registry: ProviderRegistry) -> None:
    assert (await ask(registry, EXTERNAL_SECRET, GOOD, "UPDATE", old={"spec": "malformed"})).allowed


UNREADABLE = [
    (EXTERNAL_SECRET, {"spec": {"data": "s3cr3t"}}, "spec.data"),
    (EXTERNAL_SECRET, {**GOOD, "spec": {**GOOD["spec"], "refreshInterval": "soon"}}, 'time: invalid duration "soon"'),
    (EXTERNAL_SECRET, None, "no object"),
]


@pytest.mark.parametrize(("path", "body", "text"), UNREADABLE)
async def test_an_unreadable_object_is_a_bad_request(
    registry: ProviderRegistry, path: str, body: dict[str, Any] | None, text: str
) -> None:
    response = await ask(registry, path, body)
    assert response.status is not None
    assert (response.allowed, response.status.code) == (False, 400)
    assert text in response.status.message
    assert "s3cr3t" not in response.status.message


REFUSED = [
    (store({}), "store error for s: secret stores must only have exactly one backend specified, found 0"),
    (
        store({"acme": {"url": "https://x"}, "old": {"url": "https://x"}}),
        "store error for s: secret stores must only have exactly one backend specified, found 2",
    ),
    (store({"nosuch": {}}), "failed to find registered store backend for type: nosuch, name: s"),
    (store({"acme": {"url": "http://x"}}), "spec.provider.acme.url must start with https://"),
    (store({"acme": {}}), "spec.provider.acme: url: Field required"),
    (store({"missing": {}}), "the provider missing is not available: nosuchpackage is not installed; install the package that carries it"),
    (store({"acme": {"url": "https://x"}}, refreshInterval=-1), "invalid refreshInterval -1: must not be negative"),
    (store({"acme": {"url": "https://x"}}, refreshInterval="-1m"), 'invalid refreshInterval "-1m": must not be negative'),
]  # fmt: skip


@pytest.mark.parametrize("path", [STORE, CLUSTER_STORE])
@pytest.mark.parametrize(("body", "message"), REFUSED)
async def test_a_store_that_cannot_work_is_refused(
    registry: ProviderRegistry, path: str, body: dict[str, Any], message: str
) -> None:
    response = await ask(registry, path, body)
    assert response.status is not None
    assert (response.allowed, response.status.code, response.status.message) == (False, 403, message)


async def test_an_unparsable_interval_is_refused(registry: ProviderRegistry) -> None:
    response = await ask(registry, STORE, store({"acme": {"url": "https://x"}}, refreshInterval="10"))
    assert response.status is not None
    assert response.status.message.startswith('invalid refreshInterval "10": time: missing unit in duration "10"')


async def test_conditions_are_checked_before_the_provider(registry: ProviderRegistry) -> None:
    body = store({}, conditions=[{"namespaceRegexes": ["(", "ok", "["]}])
    response = await ask(registry, CLUSTER_STORE, body)
    assert response.status is not None
    lines = response.status.message.split("\n")
    assert [line.partition(":")[0] for line in lines] == [
        "failed to compile 0th namespace regex in 0th condition",
        "failed to compile 2th namespace regex in 0th condition",
    ]


WARNINGS = [
    ("acme", {"tenant": "t"}, None),
    ("acme", {}, ["SecretStore in team has no tenant"]),
    (
        "forgotten",
        {},
        [
            "SecretStore in team has no tenant",
            "store s isn't currently maintained. Please plan and prepare accordingly.",
        ],
    ),
    (
        "old",
        {"tenant": "t"},
        ["store s is deprecated and will stop working on the next major version. Please plan and prepare accordingly."],
    ),
]


@pytest.mark.parametrize(("key", "spec", "warnings"), WARNINGS)
async def test_warnings_reach_the_user(
    registry: ProviderRegistry, key: str, spec: dict[str, Any], warnings: list[str] | None
) -> None:
    response = await ask(registry, STORE, store({key: {"url": "https://x", **spec}}))
    assert response.allowed
    assert response.warnings == warnings
    assert response.to_wire().get("warnings") == warnings
