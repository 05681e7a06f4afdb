from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconcile.testing.apiserver.apply import (
    UndeclaredFieldError,
    check_declared,
    conflict_message,
    server_side_apply,
    track_update,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _secret(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data}


def _managers(obj: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["manager"], entry["operation"]) for entry in obj["metadata"].get("managedFields", ())]


def test_apply_without_change_keeps_the_time() -> None:
    first, _ = server_side_apply(None, _secret(a="1"), "m", False, now=NOW)
    second, _ = server_side_apply(first, _secret(a="1"), "m", False, now=NOW + timedelta(hours=1))
    assert second == first


def test_apply_with_change_moves_the_time() -> None:
    first, _ = server_side_apply(None, _secret(a="1"), "m", False, now=NOW)
    second, _ = server_side_apply(first, _secret(a="2"), "m", False, now=NOW + timedelta(hours=1))
    assert second["metadata"]["managedFields"][0]["time"] == "2026-01-01T01:00:00Z"


def test_last_owner_leaves_and_the_field_goes() -> None:
    first, _ = server_side_apply(None, _secret(a="1", b="1"), "m", False, now=NOW)
    second, _ = server_side_apply(first, _secret(), "m", False, now=NOW)
    assert second["data"] == {}
    assert second["metadata"]["name"] == "s"


def test_conflict_names_the_manager_and_nothing_is_forced() -> None:
    live = track_update(None, _secret(a="1"), "one", now=NOW)
    _, conflicts = server_side_apply(live, _secret(a="2"), "two", False, now=NOW)
    assert conflict_message(conflicts) == 'Apply failed with 1 conflict: conflict with "one" using v1: .data.a'


def test_more_than_ten_updaters_become_ancient() -> None:
    obj = track_update(None, _secret(k0="1"), "m0", now=NOW)
    for number in range(1, 12):
        changed = {**obj, "data": {**obj["data"], f"k{number}": "1"}}
        obj = track_update(obj, changed, f"m{number}", now=NOW + timedelta(minutes=number))
    managers = _managers(obj)
    assert len(managers) == 10
    assert ("ancient-changes", "Update") in managers
    assert ("m11", "Update") in managers
    assert ("m0", "Update") not in managers


def test_subresources_are_tracked_apart() -> None:
    old = track_update(None, {**_secret(a="1")}, "m", now=NOW)
    new = track_update(old, {**old, "data": {"a": "1", "b": "1"}}, "m", subresource="status", now=NOW)
    assert [entry.get("subresource", "") for entry in new["metadata"]["managedFields"]] == ["", "status"]


@pytest.mark.parametrize(
    ("extra", "field"), [({"bogus": 1}, ".bogus"), ({"metadata": {"name": "s"}, "type": "x", "zz": {}}, ".zz")]
)
def test_undeclared_fields_are_refused(extra: dict[str, Any], field: str) -> None:
    with pytest.raises(UndeclaredFieldError, match=rf"\{field}: field not declared in schema"):
        check_declared({**_secret(), **extra}, None)


def test_service_ports_are_keyed_by_port_and_protocol() -> None:
    def service(*ports: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": list(ports)}}

    first, _ = server_side_apply(None, service({"port": 80, "protocol": "TCP"}), "one", False, now=NOW)
    second, conflicts = server_side_apply(first, service({"port": 80, "protocol": "UDP"}), "two", False, now=NOW)
    assert not conflicts
    assert [(p["port"], p["protocol"]) for p in second["spec"]["ports"]] == [(80, "TCP"), (80, "UDP")]
