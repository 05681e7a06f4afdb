"""Whatever the server and the network do: nothing is lost, nothing is invented, and it ends in step.

`make faults SCENARIOS=10000` runs that many; `FAULT_SEED` repeats a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, note, seed, settings
from hypothesis import strategies as st

from reconcile.api.core_v1 import ConfigMap
from reconcile.cache import Informer
from reconcile.client import Client
from reconcile.client.retry import RetryPolicy
from reconcile.testing.loop import run
from tests.support.faultruns import SEED, reported, scenarios
from tests.support.ledger import Ledger
from tests.support.transport import SimulatedCollection

SCENARIOS = scenarios(150)
TOTAL: Counter[str] = Counter()

FAULTS = st.one_of(
    st.sampled_from(
        [
            "",
            "401",
            "403",
            "410",
            "429",
            "500",
            "503",
            "504",
            "reset",
            "html",
            "slow",
            "error:410",
            "error:429",
            "error:500",
        ]
    ),
    st.builds("{}:{}".format, st.sampled_from(["cut", "half", "stall", "garble", "end"]), st.integers(0, 4)),
)
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
STEPS = st.one_of(
    st.tuples(st.sampled_from(["put", "own-put", "own-late", "own-too-late", "delete", "own-delete"]), NAMES),
    st.tuples(st.just("recreate"), NAMES),
    st.tuples(st.sampled_from(["compact", "vanish", "appear"]), st.just("")),
    st.tuples(st.just("wait"), st.sampled_from(["0.001", "0.02", "1", "40", "400"])),
)


class Story:
    """One run: a server, an informer of it, and what this program writes itself."""

    def __init__(self, server: SimulatedCollection) -> None:
        self.server = server
        # The reflector's own policy is under test, not the client's retries.
        self.informer = Informer(ConfigMap, Client(server, retry=RetryPolicy(attempts=1)), namespace="ns")
        self.ledger = Ledger[ConfigMap]()
        self.informer.add_handler(self.ledger)
        self.count = 0

    async def step(self, action: str, argument: str) -> None:
        self.count += 1
        name, server, informer = argument, self.server, self.informer
        match action:
            case "put" | "own-put" | "own-late" | "own-too-late" if not server.served:
                pass
            case "put":
                server.put(name, f"v{self.count}")
            case "own-put":
                written = server.put(name, f"v{self.count}")
                informer.observe(json.dumps(written).encode())
                self._reads_at_least(written)
            case "own-late":
                # The answer to a write arrives after the watch has moved on.
                written = server.put(name, f"v{self.count}")
                await asyncio.sleep(0.5)
                informer.observe(json.dumps(written).encode())
            case "own-too-late":
                written = server.put(name, f"v{self.count}")
                await asyncio.sleep(0.5)
                server.delete(name)
                await asyncio.sleep(0.5)
                informer.observe(json.dumps(written).encode())
            case "delete" | "own-delete" | "recreate" if name in server.objects:
                gone = server.delete(name)
                if action == "own-delete":
                    informer.observe_deleted(name, "ns", gone["metadata"]["uid"])
                    self.ledger.buried.add(gone["metadata"]["uid"])
                if action == "recreate":
                    server.put(name, f"v{self.count}")
            case "compact":
                server.compact()
            case "vanish":
                # The definition is deleted, and its objects with it.
                server.served = False
                for present in list(server.objects):
                    server.delete(present)
            case "appear":
                server.served = True
            case "wait":
                await asyncio.sleep(float(argument))

    def _reads_at_least(self, written: dict[str, object]) -> None:
        metadata = written["metadata"]
        assert isinstance(metadata, dict)
        found = self.informer.get(str(metadata["name"]), "ns")
        assert found is not None
        assert int(found.metadata.resource_version) >= int(metadata["resourceVersion"])

    async def tell(self, before: list[str], steps: list[tuple[str, str]]) -> None:
        began = asyncio.get_running_loop().time()
        for name in before:
            self.server.put(name, "at the start")
        task = asyncio.create_task(self.informer.run())
        await asyncio.sleep(0)
        for action, argument in steps:
            await self.step(action, argument)
        self.server.served = True
        await asyncio.sleep(3600)
        TOTAL["virtual seconds"] += round(asyncio.get_running_loop().time() - began)
        assert self.informer.alive
        assert self.informer.synced.is_set()
        assert not task.done()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def check(self) -> None:
        expected = {name: ConfigMap.from_wire(obj) for name, obj in self.server.objects.items()}
        assert {found.name: found for found in self.informer.list()} == expected
        assert self.ledger.problems == []
        assert self.ledger.state == expected


@pytest.fixture(scope="module", autouse=True)
def _summary() -> Iterator[None]:
    with reported(TOTAL):
        yield


@seed(SEED)
@given(
    faults=st.lists(FAULTS, max_size=12),
    streaming=st.sampled_from(["yes", "refused", "ignored"]),
    bookmarks=st.booleans(),
    before=st.lists(NAMES, max_size=4),
    steps=st.lists(STEPS, max_size=20),
)
# Created and deleted while the watch was down; the answer to the create comes last.
@example(faults=["cut:0"], streaming="yes", bookmarks=True, before=[], steps=[("own-too-late", "a")])
@settings(max_examples=SCENARIOS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_ends_in_step_and_tells_a_possible_history(
    faults: list[str], streaming: str, bookmarks: bool, before: list[str], steps: list[tuple[str, str]]
) -> None:
    note(f"FAULT_SEED={SEED}")
    left = iter(faults)
    server = SimulatedCollection(faults=left, streaming=streaming, bookmarks=bookmarks)
    story = Story(server)
    run(story.tell(before, steps))
    TOTAL["scenarios"] += 1
    TOTAL["faults"] += len(faults) - len(list(left))
    story.check()
