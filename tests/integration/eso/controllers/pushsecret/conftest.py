"""A control plane with a store, for every test of PushSecrets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.push_store import Cluster, cluster


@pytest.fixture
async def world() -> AsyncIterator[Cluster]:
    async with cluster() as found:
        await found.store()
        yield found
