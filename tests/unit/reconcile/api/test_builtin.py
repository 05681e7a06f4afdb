from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from reconcile.api.admission_v1 import AdmissionResponse, AdmissionReview
from reconcile.api.admissionregistration_v1 import ValidatingWebhookConfiguration
from reconcile.api.apiextensions_v1 import CustomResourceDefinition
from reconcile.api.apps_v1 import Deployment
from reconcile.api.authentication_v1 import TokenRequest, TokenReview, TokenReviewSpec
from reconcile.api.authorization_v1 import ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec
from reconcile.api.builtin import BuiltinKind
from reconcile.api.coordination_v1 import Lease, LeaseSpec
from reconcile.api.core_v1 import ConfigMap, Endpoints, Namespace, Pod, Secret, Service, ServiceAccount
from reconcile.api.discovery_v1 import EndpointSlice
from reconcile.api.events_v1 import Event
from reconcile.api.meta_v1 import Condition, LabelSelector, ObjectMeta

HEAD = {"apiVersion": "v1", "kind": "Secret"}


def test_secret_data_is_base64_on_the_wire_and_bytes_here() -> None:
    wire = {**HEAD, "metadata": {"name": "s", "namespace": "ns"}, "data": {"k": "AP8=", "empty": ""}, "type": "Opaque"}
    secret = Secret.from_wire(wire)
    assert secret.data == {"k": b"\x00\xff", "empty": b""}
    assert secret.to_wire() == wire
    assert secret.model_copy(update={"data": {"n": b"1"}}).to_wire()["data"] == {"n": "MQ=="}


def test_secret_values_never_speak() -> None:
    secret = Secret(data={"k": b"hunter2"}, string_data={"s": "hunter2"})
    assert "hunter2" not in f"{secret!r} {secret}"
    with pytest.raises(ValidationError) as caught:
        Secret.from_wire({"data": {"k": "hunter2!"}})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Secret, {"data": None, "stringData": None}),
        (ConfigMap, {"data": None, "binaryData": None}),
        (Namespace, {"status": {"conditions": None}}),
        (ServiceAccount, {"secrets": None, "imagePullSecrets": None}),
        (Endpoints, {"subsets": None}),
        (Endpoints, {"subsets": [{"addresses": None, "notReadyAddresses": None, "ports": None}]}),
        (Pod, {"spec": {"containers": None, "volumes": None}, "status": {"conditions": None}}),
        (Pod, {"spec": {"containers": [{"name": "c", "env": None, "envFrom": None}]}}),
        (Service, {"spec": {"selector": None, "ports": None}}),
        (Deployment, {"spec": {"template": {"spec": {"containers": None}}}}),
        (EndpointSlice, {"addressType": "IPv4", "endpoints": None, "ports": None}),
        (ValidatingWebhookConfiguration, {"webhooks": None}),
        (ValidatingWebhookConfiguration, {"webhooks": [{"name": "w", "rules": None}]}),
        (Secret, {"metadata": {"labels": None, "annotations": None, "ownerReferences": None, "finalizers": None}}),
    ],
)
def test_null_is_an_empty_list_or_map(kind: type[BuiltinKind], body: dict[str, Any]) -> None:
    assert isinstance(kind.from_wire(body), kind)


@pytest.mark.parametrize(
    "kind", [Secret, ConfigMap, Namespace, ServiceAccount, Endpoints, Pod, Service, Deployment, EndpointSlice, Lease]
)
def test_defaults_are_not_written(kind: type[BuiltinKind]) -> None:
    obj = kind(metadata=ObjectMeta(name="n"))
    expected = {"apiVersion": kind.resource.api_version, "kind": kind.resource.kind, "metadata": {"name": "n"}}
    assert obj.to_wire() == expected


def test_an_empty_selector_is_not_no_selector() -> None:
    wire = {"spec": {"selector": {}}}
    assert Deployment.from_wire(wire).to_wire()["spec"] == wire["spec"]
    assert Deployment.from_wire({}).spec.selector is None
    assert Deployment.from_wire(wire).spec.selector == LabelSelector()


def test_times_are_written_as_their_go_types_demand() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    lease = Lease(metadata=ObjectMeta(creation_timestamp=at), spec=LeaseSpec(renew_time=at))
    wire = lease.to_wire()
    # MicroTime is refused without its six digits; Time has none.
    assert wire["spec"]["renewTime"] == "2026-01-02T01:04:05.000000Z"
    assert wire["metadata"]["creationTimestamp"] == "2026-01-02T01:04:05Z"
    condition = Condition(type="Ready", status="True", last_transition_time=at.replace(microsecond=7))
    assert condition.model_dump(mode="json", by_alias=True)["lastTransitionTime"] == "2026-01-02T01:04:05Z"
    assert Lease.from_wire(wire).spec.renew_time == at.astimezone(UTC)
    assert Event.from_wire({"eventTime": "2026-01-02T01:04:05.123456Z"}).to_wire()["eventTime"].endswith(".123456Z")


def test_tokens_stay_out_of_reprs() -> None:
    review = TokenReview(spec=TokenReviewSpec(token="hunter2"))
    request = TokenRequest.from_wire({"status": {"token": "hunter2", "expirationTimestamp": "2026-01-01T00:00:00Z"}})
    assert "hunter2" not in f"{review!r} {request!r}"
    assert review.to_wire()["spec"] == {"token": "hunter2"}


def test_access_reviews() -> None:
    attributes = ResourceAttributes(verb="get", resource="secrets", namespace="ns")
    review = SelfSubjectAccessReview(spec=SelfSubjectAccessReviewSpec(resource_attributes=attributes))
    assert review.to_wire()["spec"] == {"resourceAttributes": {"verb": "get", "resource": "secrets", "namespace": "ns"}}
    answered = SelfSubjectAccessReview.from_wire({"status": {"allowed": True}})
    assert answered.status is not None
    assert answered.status.allowed


def test_schemas_of_custom_resources_stay_json() -> None:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "default": None}}
    wire = {
        "metadata": {"name": "teams.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"plural": "teams", "kind": "Team"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
            "conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"caBundle": "UEVN"}}},
        },
    }
    crd = CustomResourceDefinition.from_wire(wire)
    assert crd.spec.versions[0].schema_ == schema
    assert crd.spec.conversion is not None
    assert crd.spec.conversion.webhook is not None
    assert crd.spec.conversion.webhook.client_config is not None
    assert crd.spec.conversion.webhook.client_config.ca_bundle == b"PEM"
    assert crd.to_wire()["spec"]["conversion"]["webhook"]["clientConfig"] == {"caBundle": "UEVN"}


def test_admission_objects_stay_json_and_out_of_the_repr() -> None:
    review = AdmissionReview.model_validate(
        {"request": {"uid": "u", "operation": "CREATE", "object": {"data": {"k": "hunter2"}}, "oldObject": None}}
    )
    assert review.request is not None
    assert review.request.object == {"data": {"k": "hunter2"}}
    assert "hunter2" not in repr(review)
    answer = AdmissionReview(response=AdmissionResponse(uid="u", allowed=True, patch=b"[]", patch_type="JSONPatch"))
    assert answer.to_wire() == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "u", "allowed": True, "patch": "W10=", "patchType": "JSONPatch"},
    }


def test_objects_are_values() -> None:
    secret = Secret(data={"k": b"v"})
    with pytest.raises(ValidationError):
        secret.type = "Opaque"
    assert secret == Secret.from_wire(secret.to_wire())
