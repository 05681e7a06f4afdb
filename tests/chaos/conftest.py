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
        faults: faults in turn.
        kills: kills in turn.
        creates: objects created while certificates rotate.
    """

    external_secrets: int
    push_secrets: int
    faults: int
    kills: int
    creates: int


FULL = Scale(external_secrets=500, push_secrets=100, faults=68, kills=200, creates=10_000)
SMALL = Scale(external_secrets=20, push_secrets=5, faults=5, kills=4, creates=100)


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
