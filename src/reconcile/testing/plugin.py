"""pytest plugin of `reconcile.testing`: the fixtures `apiserver`, `manager`, `run_manager` and `eventually`.

pytest loads it in every project of an environment that has this distribution, so nothing is imported here that the
`testing` extra would have to bring; without that extra there are simply no fixtures.
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

__all__ = ["pytest_configure"]

_FIXTURES = "reconcile.testing.fixtures"


def pytest_configure(config: pytest.Config) -> None:
    """Register the fixtures where the `testing` extra is installed."""
    if all(find_spec(name) is not None for name in ("pytest_asyncio", "celpy")):
        config.pluginmanager.import_plugin(_FIXTURES)
