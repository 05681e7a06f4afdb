"""Sizes, seeds and the control plane of the chaos suite.

`make chaos` runs it in full; `make test` runs a small version, so that it does not rot. `CHAOS_SEED` repeats a run as far as
processes and networks can be repeated.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from reconcile.client import Client, load_config
from tests.support.contract import Api, Server
from tests.support.controlplane import ControlPlane, Unavailable, running_control_plane
from tests.support.operator import install_crds


@dataclass(frozen=True)
class Scale:
    """How much happens.

    Attributes:
        external_secrets: ExternalSecrets.
        push_secrets: PushSecrets.
        rounds: how often each fault happens.
        faults: which ones; all when empty.
        kills: kills in turn.
        rotations: of the webhook's certificates.
        creates: objects created meanwhile, at least.
    """

    external_secrets: int
    push_secrets: int
    rounds: int
    kills: int
    rotations: int
    creates: int
    faults: tuple[str, ...] = ()


FULL = Scale(external_secrets=500, push_secrets=100, rounds=4, kills=200, rotations=3, creates=10_000)
SMALL = Scale(
    external_secrets=20,
    push_secrets=5,
    rounds=1,
    kills=3,
    rotations=1,
    creates=100,
    faults=("leader killed", "connections cut", "clock jumped", "store out"),
)


@pytest.fixture
def scale() -> Scale:
    return FULL if os.environ.get("CHAOS") == "full" else SMALL


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(2**32))
    print(f"\nCHAOS_SEED={seed}")
    return random.Random(seed)


@pytest_asyncio.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    """A real control plane of this test's own, to be broken; skips where there is none, fails instead with CI=true."""
    running = running_control_plane()
    try:
        plane = await asyncio.to_thread(running.__enter__)
    except Unavailable as err:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no real control plane: {err}")
    try:
        await asyncio.to_thread(install_crds, Api(Server(plane.url, plane.token, ca_file=str(plane.ca_file))))
        yield plane
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


@pytest_asyncio.fixture
async def client(plane: ControlPlane) -> AsyncIterator[Client]:
    """Straight to the API server, as administrator."""
    async with Client(load_config(str(plane.kubeconfig))) as client:
        yield client
