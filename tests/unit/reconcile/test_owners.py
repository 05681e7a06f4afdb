from __future__ import annotations

import pytest

from reconcile.api.core_v1 import ConfigMap
from reconcile.api.meta_v1 import ObjectMeta, OwnerReference
from reconcile.owners import (
    controller_of,
    controller_reference,
    is_controlled_by,
    owner_reference,
    with_owner_reference,
)
from tests.unit.reconcile.controllers import Team


def _team(name: str = "a", uid: str = "uid-a") -> Team:
    return Team(metadata=ObjectMeta(name=name, namespace="default", uid=uid))


def test_references_say_who_and_how() -> None:
    assert controller_reference(_team()).model_dump(by_alias=True) == {
        "apiVersion": "example.com/v1",
        "kind": "Team",
        "name": "a",
        "uid": "uid-a",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert owner_reference(_team()).controller is None


def test_an_owner_that_was_never_stored_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no metadata\.uid"):
        controller_reference(_team(uid=""))


def test_controller_of_looks_at_kind_and_group_but_not_version() -> None:
    def metadata(api_version: str, kind: str, controller: bool) -> ObjectMeta:
        reference = OwnerReference(api_version=api_version, kind=kind, name="a", uid="1", controller=controller)
        return ObjectMeta(owner_references=[reference])

    assert controller_of(metadata("example.com/v9", "Team", True), Team) is not None
    assert controller_of(metadata("other.com/v1", "Team", True), Team) is None
    assert controller_of(metadata("example.com/v1", "Club", True), Team) is None
    assert controller_of(metadata("example.com/v1", "Team", False), Team) is None
    assert controller_of(metadata("v1", "ConfigMap", True), ConfigMap) is not None
    assert controller_of(ObjectMeta(), Team) is None


def test_is_controlled_by_means_this_very_object() -> None:
    child = ObjectMeta(owner_references=[controller_reference(_team())])
    assert is_controlled_by(child, _team())
    assert not is_controlled_by(child, _team(uid="uid-of-its-successor"))
    assert not is_controlled_by(ObjectMeta(), _team())


def test_with_owner_reference_adds_replaces_and_refuses_a_second_controller() -> None:
    first, second = controller_reference(_team()), owner_reference(_team("b", "uid-b"))
    assert with_owner_reference([], first) == [first]
    assert with_owner_reference([first], second) == [first, second]
    renamed = controller_reference(_team("renamed"))
    assert with_owner_reference([first, second], renamed) == [renamed, second]
    with pytest.raises(ValueError, match="Team a already is the controller; Team b"):
        with_owner_reference([first], controller_reference(_team("b", "uid-b")))
