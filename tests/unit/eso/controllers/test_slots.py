"""Refreshes of one key come together: the calls that this saves, and the promises it keeps."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from eso.controllers.pacing import Retries
from eso.controllers.slots import EARLIEST, SlotGroup, drawn, latest_of, retry_wait
from eso.errors import AccessDeniedError, EsoError, NoSecretError, ProviderError, UnavailableError
from eso.stores.broker import Broker
from eso.stores.metrics import StoreMetrics
from eso.stores.policy import default_max_age, reading_since
from reconcile.api.request import Request
from reconcile.testing.loop import run
from reconcile.workqueue import ExponentialLimiter

HOUR = 3600.0
OBJECTS = int(os.environ.get("ESO_SLOT_OBJECTS", "300"))
"""5,000 is the long run (some minutes); there are 25 for each key."""
KEYS = max(OBJECTS // 25, 1)

intervals = st.floats(60, 1e6)
moments = st.floats(0, 4e9)


@given(moments, intervals, moments)
def test_a_refresh_is_at_most_a_tenth_early_and_never_later_than_the_phase(
    refreshed: float, interval: float, slot: float
) -> None:
    due = drawn(refreshed, interval, slot % interval)
    assert EARLIEST * interval - 1e-3 <= due <= interval + latest_of(interval) + 1e-3


@given(st.floats(0, 1e7), st.floats(60, 1e5), st.text(), st.booleans(), st.floats(0, 0.5))
def test_every_object_reaches_its_slot_within_ten_intervals_and_stays(
    created: float, interval: float, key: str, batched: bool, delay: float
) -> None:
    group = SlotGroup("SecretStore/team/store", key, batched)
    at = created
    for _ in range(11):
        # A pass begins a little later than it is due, and its time is kept in whole seconds.
        at = float(int(at + group.drawn(at, interval) + delay))
    away = (at - group.slot(interval)) % interval
    assert min(away, interval - away) <= 2.0
    assert group.drawn(at, interval) >= interval - 2.0


def test_keys_spread_over_the_interval_also_when_all_were_refreshed_at_one_moment() -> None:
    groups = [SlotGroup("SecretStore/team/store", f"app/{number}") for number in range(2000)]
    tenths = Counter(int(group.slot(HOUR) * 10 / HOUR) for group in groups)
    assert len(tenths) == 10
    assert max(tenths.values()) < 300
    # The first refresh after a restart with everything overdue is spread over the tenth that may be early.
    first = Counter(int(group.drawn(1e9, HOUR) / 36) for group in groups)
    assert len(first) >= 10
    assert max(first.values()) < len(groups) * 0.6


def test_a_restart_changes_nothing_and_stores_differ() -> None:
    group = SlotGroup("SecretStore/a/store", "key")
    assert group.slot(HOUR) == SlotGroup("SecretStore/a/store", "key").slot(HOUR)
    assert group.slot(HOUR) != SlotGroup("SecretStore/b/store", "key").slot(HOUR)
    assert group.slot(2 * HOUR) % HOUR == group.slot(HOUR)


def test_the_keys_of_a_batched_store_share_six_slots() -> None:
    slots = {SlotGroup("ClusterSecretStore/aws", str(number), batched=True).slot(HOUR) for number in range(200)}
    assert len(slots) == 6
    assert slots != {
        SlotGroup("ClusterSecretStore/other", str(number), batched=True).slot(HOUR) for number in range(200)
    }


@given(moments, st.integers(6, 17), st.floats(60, 1e5), st.text())
def test_retries_meet_in_the_slot_too(now: float, doublings: int, longest: float, key: str) -> None:
    group = SlotGroup("SecretStore/team/store", key)
    pause = min(2.0**doublings, longest)
    wait = retry_wait(now, pause, longest, group)
    assert min(pause, longest * (1 - EARLIEST)) - 1e-3 <= wait <= 1.1 * longest + 1e-3 or wait < 2 * pause
    period = pause if 2 * pause <= longest else longest
    away = (now + wait - group.slot(period)) % period
    assert min(away, period - away) < 1e-2


class Fleet:
    """Objects that read one store over many intervals, with the real broker, pacing and backoff.

    Args:
        batched: the vendor answers for twenty keys at once.
        error: what every call ends with.
    """

    def __init__(self, *, batched: bool = False, error: EsoError | None = None) -> None:
        self.batched = batched
        self.error = error
        self.broker = Broker("store", ("SecretStore", "team", "store"), StoreMetrics(CollectorRegistry()))
        self.vendor = self.broker.calls("Vendor")
        self.limiter = ExponentialLimiter[Request]()
        self.retries = Retries()
        self.calls: Counter[int] = Counter()
        self.clock = asyncio.get_running_loop().time
        self.began = self.clock()
        # One reconcile after the other, a millisecond each, as on one busy core.
        self.core = asyncio.Lock()

    async def ask(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.calls[int((self.clock() - self.began) / HOUR)] += 1
        await asyncio.sleep(0.05)
        if self.error is not None:
            raise self.error
        return dict.fromkeys(keys, "value")

    async def read(self, key: str) -> None:
        if self.batched:
            await self.vendor.read_batched("Batch", key, self.ask, limit=20)
        else:
            await self.vendor.read("Get", key, lambda: self.ask([key]))

    async def live(self, number: int) -> None:
        key = f"app/{number % KEYS}"
        group = SlotGroup("SecretStore/team/store", key, self.batched)
        request = Request("team", str(number))
        phase = latest_of(HOUR) * random.Random(number).random()
        await asyncio.sleep(random.Random(-number).random() * HOUR)
        while True:
            async with self.core:
                await asyncio.sleep(0.001)
            asked = self.clock()
            failed = self.retries.failed_ago(request, "")
            age = default_max_age(HOUR) if failed is None else min(default_max_age(HOUR), failed)
            try:
                with reading_since(asked - age):
                    await self.read(key)
            except ProviderError as err:
                at = (datetime.fromtimestamp(self.clock(), UTC), group)
                wait = max(self.limiter.when(request), self.retries.pause(request, err, HOUR, at=at))
            else:
                wait = group.drawn(float(int(asked)), HOUR, phase) - (self.clock() - int(asked))
            await asyncio.sleep(wait)

    async def run(self, intervals: int) -> list[int]:
        tasks = [asyncio.create_task(self.live(number)) for number in range(OBJECTS)]
        await asyncio.sleep(intervals * HOUR)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self.broker.close()
        return [self.calls[hour] for hour in range(intervals)]


def calls_of(*, batched: bool = False, error: EsoError | None = None) -> list[int]:
    # In an outage all that differs between intervals is how long the circuit has been open: minutes are enough.
    intervals = 3 if isinstance(error, UnavailableError) else 14

    async def main() -> list[int]:
        return await Fleet(batched=batched, error=error).run(intervals)

    found = run(main())
    print(f"{OBJECTS} objects, {KEYS} keys, {batched=}, {type(error).__name__}: calls in each interval {found}")
    return found


@pytest.mark.parametrize("error", [None, NoSecretError("no"), AccessDeniedError("no"), UnavailableError("out")])
def test_each_key_is_one_call_in_an_interval_whenever_its_objects_were_created_and_whatever_fails(
    error: EsoError | None,
) -> None:
    assert max(calls_of(error=error)[-2:]) <= max(KEYS, 80 if isinstance(error, UnavailableError) else 0)


@pytest.mark.parametrize("error", [None, UnavailableError("out")])
def test_keys_of_a_batched_store_fill_batches(error: EsoError | None) -> None:
    # Six slots, and a call more where a slot holds a few keys more than a batch.
    assert max(calls_of(batched=True, error=error)[-2:]) <= max(KEYS // 20 + 8, 80 if error else 0)
