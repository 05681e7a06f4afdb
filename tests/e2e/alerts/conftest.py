"""Prometheus for the tests of rules and dashboards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.controlplane import Unavailable
from tests.support.prometheus import Promtool, find_prometheus


@pytest.fixture(scope="session")
def prometheus_binaries() -> Path:
    """Where prometheus and promtool are; skips with the reason where they are not to be had, fails with CI=true."""
    try:
        return find_prometheus()
    except Unavailable as err:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no prometheus: {err}")


@pytest.fixture(scope="session")
def promtool(prometheus_binaries: Path) -> Promtool:
    """promtool."""
    return Promtool(prometheus_binaries / "promtool")
