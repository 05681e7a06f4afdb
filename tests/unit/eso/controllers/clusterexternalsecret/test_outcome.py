"""Contract: clusterexternalsecret, 4.9 to 4.11 and 7."""

from __future__ import annotations

from typing import Any

import pytest

from eso.api.externalsecrets_v1.clusterexternalsecret import ClusterExternalSecret
from eso.controllers.clusterexternalsecret.outcome import blueprint_of, child_name, failures_of, status_after
from eso.controllers.stamping import ForeignObjectError, Stamped
from reconcile.errors import ConflictError


def ces(annotations: dict[str, str] | None = None, **spec: Any) -> ClusterExternalSecret:
    body = {
        "metadata": {"name": "shared", "annotations": annotations or {}},
        "spec": {"externalSecretSpec": {}, **spec},
    }
    return ClusterExternalSecret.from_wire(body)


@pytest.mark.parametrize(("spec", "name"), [({}, "shared"), ({"externalSecretName": "given"}, "given")])
def test_name(spec: dict[str, Any], name: str) -> None:
    assert child_name(ces(**spec)) == name


@pytest.mark.parametrize(
    ("own", "metadata", "wanted"),
    [
        (None, None, {}),
        ({"external-secrets.io/force-sync": "1"}, None, {"external-secrets.io/force-sync": "1"}),
        (
            {"external-secrets.io/force-sync": "1", "not": "copied"},
            {"annotations": {"a": "b", "external-secrets.io/force-sync": "user"}},
            {"a": "b", "external-secrets.io/force-sync": "1"},
        ),
        (None, {"annotations": {"external-secrets.io/force-sync": "user"}}, {"external-secrets.io/force-sync": "user"}),
    ],
)
def test_annotations(own: dict[str, str] | None, metadata: dict[str, Any] | None, wanted: dict[str, str]) -> None:
    subject = ces(own, **({"externalSecretMetadata": metadata} if metadata else {}))
    assert blueprint_of(subject).annotations == wanted
    # The object in the cache is not touched: the next namespace gets the same.
    assert blueprint_of(subject).annotations == wanted


def test_reasons() -> None:
    conflict = ConflictError("changed", status=409)
    stamped = Stamped(["ok"], {"z": conflict}, {"a": ForeignObjectError("x"), "b": conflict}, renamed=True)
    assert failures_of(stamped) == {
        "a": "external secret already exists in namespace",
        "b": "could not create or update ExternalSecret: changed",
        "z": "external secret in non matching namespace could not be deleted: changed",
    }


def test_status_holds_no_empty_lists_reasons_or_times() -> None:
    status = status_after(ces(), {}, provisioned=[], name="shared")
    assert status.to_wire() == {"externalSecretName": "shared", "conditions": [{"type": "Ready", "status": "True"}]}
    failed = status_after(ces(), {"a": "why"}, provisioned=["b"], name="shared")
    assert failed.to_wire() == {
        "externalSecretName": "shared",
        "provisionedNamespaces": ["b"],
        "failedNamespaces": [{"namespace": "a", "reason": "why"}],
        "conditions": [{"type": "Ready", "status": "False", "message": "one or more namespaces failed"}],
    }
