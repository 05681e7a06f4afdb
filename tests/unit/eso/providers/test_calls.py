"""Counted calls without sharing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from prometheus_client import CollectorRegistry

from eso.errors import AccessDeniedError, NoSecretError
from eso.providers.calls import DirectCalls, ProviderCallMetrics


def test_calls_are_counted_by_outcome() -> None:
    registry = CollectorRegistry()
    calls = DirectCalls("Acme", ProviderCallMetrics(registry))

    async def good() -> int:
        return 1

    async def bad() -> int:
        raise AccessDeniedError("no")

    async def many(keys: Sequence[str]) -> Mapping[str, str | Exception]:
        return {key: key.upper() for key in keys if key != "absent"}

    async def main() -> None:
        assert await calls.read("Get", "k", good) == await calls.read("Get", "k", good) == 1
        assert await calls.write("Put", good) == 1
        with pytest.raises(AccessDeniedError):
            await calls.read("Get", "k", bad)
        assert await calls.read_batched("Batch", "a", many, limit=5) == "A"
        with pytest.raises(NoSecretError):
            await calls.read_batched("Batch", "absent", many, limit=5)

    asyncio.run(main())

    def count(call: str, status: str) -> float | None:
        labels = {"provider": "Acme", "call": call, "status": status}
        return registry.get_sample_value("externalsecret_provider_api_calls_count", labels)

    assert (count("Get", "success"), count("Get", "error"), count("Put", "success")) == (2, 1, 1)
    assert (count("Batch", "success"), count("Batch", "error")) == (2, None)
