"""`python -m benchmarks controllers` at a small size."""

from __future__ import annotations

import json

import pytest

from benchmarks.controllers import measure_on, parsed
from tests.support.controlplane import ControlPlane

pytestmark = pytest.mark.controlplane


async def test_reconcile_is_measured(control_plane: ControlPlane, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--objects", "40", "--cached", "60", "--settle", "0.2"]
    await measure_on(control_plane, parsed(["--peer", "reconcile", "--json", *sizes]))
    figures = json.loads(capsys.readouterr().out)
    assert figures["peer"] == "reconcile"
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert 0 < figures["objects_per_second"] <= 40_000 / figures["p50_ms"]
    assert figures["cpu_ms"] > 0
    assert 30 < figures["idle_mb"] <= figures["loaded_mb"] <= figures["cached_mb"] < 200
