"""What goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Mapping

from reconcile.errors import APIError, TransportError
from tests.chaos.world import World

__all__ = ["FAULTS", "Fault"]

Fault = Callable[[World], Awaitable[None]]


async def _kill_leader(world: World) -> None:
    async with world.crew:
        await world.replicas.kill(await world.replicas.leader() or world.replicas.running[0])


async def _kill_any(world: World) -> None:
    async with world.crew:
        await world.replicas.kill(world.rng.choice(world.replicas.running))


async def _freeze_leader(world: World) -> None:
    async with world.crew:
        leader = await world.replicas.leader() or world.replicas.running[0]
        leader.signal(signal.SIGSTOP)
        await asyncio.sleep(12)
        leader.signal(signal.SIGCONT)


async def _restart_api_server(world: World) -> None:
    async with world.ground:
        await asyncio.to_thread(world.plane.restart_api_server)


async def _restart_etcd(world: World) -> None:
    async with world.ground:
        await asyncio.to_thread(world.plane.restart_etcd, 1.0)


async def _stall_watches(world: World) -> None:
    world.proxy.moving.clear()
    await asyncio.sleep(world.rng.uniform(3, 8))
    world.proxy.moving.set()


async def _stall_requests(world: World) -> None:
    world.proxy.answering.clear()
    await asyncio.sleep(world.rng.uniform(1, 4))
    world.proxy.answering.set()


async def _cut_connections(world: World) -> None:
    world.proxy.cut()


def _storm(status: int) -> Fault:
    async def storm(world: World) -> None:
        world.proxy.storm = status
        await asyncio.sleep(world.rng.uniform(2, 5))
        world.proxy.storm = 0

    return storm


def _outage(status: int, delay: float = 0.0) -> Fault:
    async def outage(world: World) -> None:
        backend = world.rng.choice(world.backends)
        backend.status, backend.delay = status, delay
        await asyncio.sleep(world.rng.uniform(4, 10))
        backend.status, backend.delay = 0, 0.0

    return outage


async def _rotate_credentials(world: World) -> None:
    with contextlib.suppress(APIError, TransportError):
        await world.rotate(world.rng.choice(world.backends))


async def _rotate_certificates(world: World) -> None:
    await world.proxy.rotate()


async def _jump(world: World) -> None:
    seconds = world.rng.choice([-86400, -3600, -30, 30, 3600, 86400])
    world.clock.write_text(str(seconds))
    await asyncio.sleep(world.rng.uniform(1, 5))
    world.clock.write_text("0")


FAULTS: Mapping[str, Fault] = {
    "leader killed": _kill_leader,
    "replica killed": _kill_any,
    "leader frozen for 12 s": _freeze_leader,
    "API server killed": _restart_api_server,
    "etcd killed": _restart_etcd,
    "watches stalled": _stall_watches,
    "requests stalled": _stall_requests,
    "connections cut": _cut_connections,
    "storm of 429": _storm(429),
    "storm of 500": _storm(500),
    "store out": _outage(503),
    "store throttles": _outage(429),
    "store denies": _outage(403),
    "store slow": _outage(0, 12.0),
    "store credentials rotated": _rotate_credentials,
    "API certificates rotated": _rotate_certificates,
    "clock jumped": _jump,
}
