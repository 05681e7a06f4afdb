"""Contract: pushsecret, B2."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eso.api.externalsecrets_v1alpha1.clusterpushsecret import ClusterPushSecret
from eso.controllers.clusterpushsecret.outcome import child_name, condition_of, failures_of, status_after
from eso.controllers.stamping import ForeignObjectError, Stamped
from reconcile.errors import ConflictError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def cps(**spec: Any) -> ClusterPushSecret:
    return ClusterPushSecret.from_wire({"metadata": {"name": "shared"}, "spec": {"pushSecretSpec": {}, **spec}})


@pytest.mark.parametrize(("spec", "name"), [({}, "shared"), ({"pushSecretName": "given"}, "given")])
def test_name(spec: dict[str, Any], name: str) -> None:
    assert child_name(cps(**spec)) == name


@pytest.mark.parametrize(
    ("failures", "renamed", "wanted"),
    [
        ({}, True, ("True", "", "")),
        ({"a": "why"}, True, ("False", "", "one or more namespaces failed")),
        ({"a": "why"}, False, ("False", "Errored", "failed to delete push secret")),
    ],
)
def test_condition(failures: dict[str, str], renamed: bool, wanted: tuple[str, str, str]) -> None:
    condition = condition_of(failures, renamed=renamed)
    assert (condition.status, condition.reason, condition.message) == wanted


def test_reasons() -> None:
    conflict = ConflictError("changed", status=409)
    stamped = Stamped([], {"z": conflict}, {"a": ForeignObjectError("x"), "b": conflict}, renamed=True)
    assert failures_of(stamped) == {
        "a": "push secret already exists in namespace",
        "b": "could not create or update push secret: changed",
        "z": "failed to delete push secret: changed",
    }


def test_the_transition_time_changes_with_the_status_only() -> None:
    first = status_after(cps(), condition_of({}), {}, provisioned=["a"], name="shared", now=NOW)
    later = cps().model_copy(update={"status": first})
    same = status_after(later, condition_of({}), {}, provisioned=["a"], name="shared", now=NOW + timedelta(hours=1))
    assert same == first
    failed = status_after(
        later, condition_of({"b": "x"}), {"b": "x"}, provisioned=["a"], name="shared", now=NOW + timedelta(hours=1)
    )
    assert failed.conditions is not None
    assert failed.conditions[0].last_transition_time == NOW + timedelta(hours=1)
