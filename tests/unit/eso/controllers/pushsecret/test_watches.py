"""Contract: pushsecret, A2 and the update predicate of part D."""

from __future__ import annotations

from typing import Any

import pytest

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.pushsecret.ledger import FINALIZER, FOUND
from eso.controllers.pushsecret.watches import edited
from reconcile.cache import InformerEvent


def push(status: dict[str, Any] | None = None, **metadata: Any) -> PushSecret:
    meta = {"name": "p", "namespace": "default", "uid": "u", "generation": 3, "resourceVersion": "1", **metadata}
    return PushSecret.from_wire({"metadata": meta, "spec": {}, "status": status or {}})


@pytest.mark.parametrize(
    ("old", "new", "looked_at"),
    [
        pytest.param(push(), push(resourceVersion="2"), False, id="resource version only"),
        pytest.param(push(), push({"syncedResourceVersion": "3-x"}, resourceVersion="2"), False, id="status only"),
        pytest.param(
            push(managedFields=[{"manager": "a"}]),
            push(managedFields=[{"manager": "b"}], resourceVersion="2"),
            False,
            id="managed fields only",
        ),
        pytest.param(push(), push(annotations={FOUND: "{}"}), False, id="our own annotations"),
        pytest.param(push(), push(finalizers=[FINALIZER]), False, id="our own finalizer"),
        pytest.param(push(finalizers=[FINALIZER]), push(), True, id="our finalizer taken away"),
        pytest.param(push(), push(generation=4), True, id="generation"),
        pytest.param(push(), push(labels={"a": "b"}), True, id="label"),
        pytest.param(push(labels={"a": "b"}), push(), True, id="label removed"),
        pytest.param(push(), push(annotations={"a": "b"}), True, id="annotation"),
        pytest.param(push(annotations={"a": "b"}), push(annotations={"a": "c"}), True, id="annotation changed"),
        pytest.param(push(), push(deletionTimestamp="2026-01-01T00:00:00Z"), True, id="deletion asked for"),
    ],
)
def test_an_update_is_looked_at_when_somebody_else_made_it(old: PushSecret, new: PushSecret, looked_at: bool) -> None:
    assert edited(InformerEvent("updated", old, new)) is looked_at


def test_creation_and_deletion_are_always_looked_at() -> None:
    assert edited(InformerEvent("added", None, push()))
    assert edited(InformerEvent("deleted", push(), None))
