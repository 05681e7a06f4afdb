"""The pytest fixtures of `reconcile.testing`; the plugin registers them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from reconcile.client import Client
from reconcile.manager import Manager
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually as wait_until
from reconcile.testing.running import running

__all__ = ["apiserver", "eventually", "manager", "run_manager"]


@pytest_asyncio.fixture
async def apiserver() -> AsyncIterator[ApiServer]:
    """An embedded API server without sockets, empty, for one test."""
    async with ApiServer(listen=False) as server:
        yield server


@pytest.fixture
def manager(apiserver: ApiServer) -> Manager:
    """A manager for `apiserver`; add controllers to it, then run it with `async with run_manager(manager)`."""
    return Manager(Client(apiserver.transport), handle_signals=False, blocked_threshold=None)


@pytest.fixture
def run_manager() -> Callable[..., Any]:
    """`reconcile.testing.running.running`."""
    return running


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """`reconcile.testing.eventually.eventually`."""
    return wait_until
