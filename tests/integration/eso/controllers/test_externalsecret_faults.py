"""What happens when the API server goes away, forgets its history, or answers badly in the middle of syncs."""

from __future__ import annotations

import pytest

from tests.support.operating import VERSION, Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("keep_history", [True, False])
async def test_restarted_api_server(idle_bench: Bench, keep_history: bool) -> None:
    space = await idle_bench.space()
    await space.store(k="one")
    names = [f"app-{number}" for number in range(10)]
    async with idle_bench.operator():
        for name in names[:5]:
            await space.external_secret(name)
        await space.becomes({"k": b"one"}, names[0])
        await idle_bench.server.restart(keep_history=keep_history)
        for name in names[5:]:
            await space.external_secret(name)
        for name in names:
            await space.becomes({"k": b"one"}, name)
            await space.synced(name)
        # Watches go on: a drift that nobody reports would stay.
        await space.request("DELETE", "v1/secrets", names[0])
        await space.becomes({"k": b"one"}, names[0])


async def test_secret_that_changed_while_nobody_watched(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    await space.store(k="one")
    async with idle_bench.operator():
        await space.external_secret("edited")
        await space.external_secret("deleted")
        await space.external_secret("moved")
        for name in ("edited", "deleted", "moved"):
            await space.becomes({"k": b"one"}, name)
    await space.merge("v1/secrets", "edited", {"data": {"k": "eA=="}})
    await space.request("DELETE", "v1/secrets", "deleted")
    await space.merge(f"{VERSION}/externalsecrets", "moved", {"spec": {"target": {"name": "new"}}})
    async with idle_bench.operator():
        for name in ("edited", "deleted", "new"):
            await space.becomes({"k": b"one"}, name)
        await idle_bench.settled()
        assert not await space.has("moved")


async def test_external_secret_deleted_while_nobody_watched(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    await space.store(k="one")
    async with idle_bench.operator():
        await space.external_secret(target={"deletionPolicy": "Delete"})
        await space.synced()
    await space.request("DELETE", f"{VERSION}/externalsecrets", "app")
    assert await space.has()
    async with idle_bench.operator():
        await idle_bench.settled()
        await idle_bench.server.settled()
        assert not await space.has()
        assert (await space.request("GET", f"{VERSION}/externalsecrets"))["items"] == []


async def test_stale_write_of_a_stopped_operator_is_not_repeated(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    await space.store(k="one")
    async with idle_bench.operator():
        await space.external_secret()
        await space.synced()
    before = await space.secret()
    status = (await space.get())["status"]
    for _ in range(2):
        async with idle_bench.operator():
            await idle_bench.settled()
    assert await space.secret() == before
    assert (await space.get())["status"] == status
