"""The cache against the embedded API server, whose definition of the kind comes and goes, under random faults.

Like `test_reflector_property`, with everything behind it real: storage, watch cache, definitions, restarts. `make faults` runs both.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st
from pydantic import Field

from reconcile.api.apiextensions_v1 import CustomResourceDefinition
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.cache import Cache
from reconcile.client import Client, MergePatch
from reconcile.client.retry import RetryPolicy
from reconcile.errors import ConflictError, MethodNotAllowedError, NotFoundError
from reconcile.schema import custom_resource_definition
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.faults import ApiRequest, Fault, Faults
from reconcile.testing.loop import run
from tests.support.faultruns import SEED, reported, scenarios
from tests.support.ledger import Ledger

SCENARIOS = scenarios(25)
TOTAL: Counter[str] = Counter()
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class ThingSpec(Model):
    value: str = ""


class Thing(KubeObject):
    resource = Resource("example.com", "v1", "Thing", "things")
    spec: ThingSpec = Field(default_factory=ThingSpec)


BYTES = st.integers(0, 900)
FAULTS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.sampled_from([400, 401, 403, 410, 500, 502, 503, 504]).map(lambda status: {"status": status}),
    st.sampled_from([None, 1.0, 20.0]).map(
        lambda after: {"status": 429, "message": "storage is (re)initializing", "retry_after": after}
    ),
    st.sampled_from([{"reset": True}, {"reset_after": True}, {"hang": True}, {"delay": 50.0}]),
    st.builds(lambda how, count: {how: count}, st.sampled_from(["drop_after", "stall_after", "garble_after"]), BYTES),
)
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
STEPS = st.one_of(
    st.tuples(st.sampled_from(["put", "put", "delete", "recreate"]), NAMES),
    st.tuples(st.sampled_from(["compact", "vanish", "appear", "restart", "restart without history"]), st.just("")),
    st.tuples(st.just("wait"), st.sampled_from(["0.001", "0.02", "1", "40", "400"])),
)


class InTurn(Faults):
    """Each request of the cache takes the next fault; those of others are served."""

    def __init__(self, faults: list[dict[str, Any]], *, streaming: bool) -> None:
        super().__init__([Fault(_anything, **options) for options in faults])
        self._streaming = streaming

    def take(self, request: ApiRequest) -> Fault | None:
        if request.headers.get("authorization") != "Bearer cache":
            return None
        if self.active:
            TOTAL["faults"] += 1
            return self.active.pop(0)
        if "sendInitialEvents" in request.query and not self._streaming:
            return Fault(_anything, status=422, reason="Invalid")
        return None


def _anything(request: ApiRequest) -> bool:
    del request
    return True


class Story:
    """One run: a server, a cache of one kind, and somebody who writes."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.user = Client(server.transport_for("user"))
        # The reflector's own policy is under test, not the client's retries.
        client = Client(server.transport_for("cache"), retry=RetryPolicy(attempts=1))
        self.cache = Cache(client)
        self.informer = self.cache.informer(Thing)
        self.ledger = Ledger[Thing]()
        self.informer.add_handler(self.ledger)
        self.count = 0

    async def define(self) -> None:
        # The last definition of this name may still be on its way out.
        while True:
            try:
                await self.user.raw("POST", CRDS, body=custom_resource_definition(Thing))
            except ConflictError:
                if not (await self._defined()).metadata.deletion_timestamp:
                    return
                await asyncio.sleep(0.1)
            else:
                await self.server.settled()
                return

    async def _defined(self) -> CustomResourceDefinition:
        return await self.user.get(CustomResourceDefinition, "things.example.com")

    async def put(self, name: str) -> None:
        self.count += 1
        value = f"v{self.count}"
        try:
            await self.user.patch(Thing, name, "default", MergePatch({"spec": {"value": value}}))
        except NotFoundError:
            thing = Thing(metadata=ObjectMeta(name=name, namespace="default"), spec=ThingSpec(value=value))
            await self.user.create(thing)

    async def step(self, action: str, argument: str) -> None:
        # While the kind is not served, nobody can write it.
        with contextlib.suppress(NotFoundError, MethodNotAllowedError):
            match action:
                case "put":
                    await self.put(argument)
                case "delete":
                    await self.user.delete(Thing, argument, "default")
                case "recreate":
                    await self.user.delete(Thing, argument, "default")
                    await self.put(argument)
                case "compact":
                    self.server.compact()
                case "vanish":
                    await self.user.delete(CustomResourceDefinition, "things.example.com")
                case "appear":
                    await self.define()
                case "restart":
                    await self.server.restart()
                case "restart without history":
                    await self.server.restart(keep_history=False)
                case "wait":
                    await asyncio.sleep(float(argument))

    async def tell(self, before: list[str], steps: list[tuple[str, str]]) -> None:
        began = asyncio.get_running_loop().time()
        await self.define()
        for name in before:
            await self.put(name)
        task = asyncio.create_task(self.cache.run())
        await asyncio.sleep(0)
        for action, argument in steps:
            await self.step(action, argument)
        await self.define()
        await asyncio.sleep(1800)
        TOTAL["virtual seconds"] += round(asyncio.get_running_loop().time() - began)
        assert self.informer.alive
        assert self.informer.synced.is_set()
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
        await self.check()

    async def check(self) -> None:
        expected = {thing.name: _kept(thing) for thing in await self.user.list(Thing, "default")}
        assert {thing.name: _kept(thing) for thing in self.informer.list()} == expected
        assert self.ledger.problems == []
        assert {name: _kept(thing) for name, thing in self.ledger.state.items()} == expected


def _kept(thing: Thing) -> Thing:
    """Without managedFields, which a cache leaves out."""
    return thing.model_copy(update={"metadata": thing.metadata.model_copy(update={"managed_fields": None})})


@pytest.fixture(scope="module", autouse=True)
def _summary() -> Iterator[None]:
    with reported(TOTAL):
        yield


@seed(SEED)
@given(
    faults=st.lists(FAULTS, max_size=8),
    streaming=st.booleans(),
    before=st.lists(NAMES, max_size=4),
    steps=st.lists(STEPS, max_size=20),
)
@settings(max_examples=SCENARIOS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_ends_in_step_and_tells_a_possible_history(
    faults: list[dict[str, Any]], streaming: bool, before: list[str], steps: list[tuple[str, str]]
) -> None:
    note(f"FAULT_SEED={SEED}")

    async def main() -> None:
        server = ApiServer(
            faults=InTurn(faults, streaming=streaming), tokens={"user": "admin", "cache": "admin"}, listen=False
        )
        async with server:
            await Story(server).tell(before, steps)

    run(main())
    TOTAL["scenarios"] += 1
