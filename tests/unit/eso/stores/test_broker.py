"""The broker: sharing, batching, budget, circuit breaker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.stores.broker import Broker, BrokerSettings
from eso.stores.circuit import BreakerSettings
from eso.stores.circuits import Circuits
from eso.stores.metrics import StoreMetrics
from eso.stores.policy import default_max_age, reading_since
from reconcile.testing.loop import run

STORE = ("SecretStore", "team-a", "vault")


class Vendor:
    """Counts calls; each takes a tenth of a second."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.error: Exception | None = None

    def fetch(self, key: object) -> Callable[[], Awaitable[str]]:
        async def fetch() -> str:
            self.calls.append(key)
            await asyncio.sleep(0.1)
            if self.error is not None:
                raise self.error
            return f"value of {key} #{len(self.calls)}"

        return fetch

    async def fetch_many(self, keys: Sequence[str]) -> Mapping[str, str | Exception]:
        self.calls.append(tuple(sorted(keys)))
        await asyncio.sleep(0.1)
        if self.error is not None:
            raise self.error
        return {key: AccessDeniedError("no") if key == "denied" else key.upper() for key in keys if key != "absent"}


class World:
    def __init__(self, **options: object) -> None:
        self.registry = CollectorRegistry()
        self.metrics = StoreMetrics(self.registry)
        self.broker = Broker("SecretStore team-a/vault", STORE, self.metrics, BrokerSettings(**options))  # type: ignore[arg-type]
        self.calls = self.broker.calls("Vendor")
        self.vendor = Vendor()

    def read(self, key: str = "a") -> Awaitable[str]:
        return self.calls.read("Get", key, self.vendor.fetch(key))

    def outcome(self, outcome: str) -> float:
        labels = {"store_kind": STORE[0], "store_namespace": STORE[1], "store": STORE[2], "outcome": outcome}
        return self.registry.get_sample_value("externalsecret_store_reads_total", labels) or 0.0

    def counted(self, status: str) -> float:
        labels = {"provider": "Vendor", "call": "Get", "status": status}
        return self.registry.get_sample_value("externalsecret_provider_api_calls_count", labels) or 0.0


def test_reads_under_way_are_joined() -> None:
    async def main() -> None:
        world = World()
        answers = await asyncio.gather(*(world.read() for _ in range(100)))
        assert set(answers) == {"value of a #1"}
        assert (world.outcome("made"), world.outcome("joined"), world.counted("success")) == (1, 99, 1)

    run(main())


def test_a_read_without_policy_does_not_reuse_an_older_answer() -> None:
    async def main() -> None:
        world = World()
        await world.read()
        await asyncio.sleep(0.01)
        assert await world.read() == "value of a #2"

    run(main())


def test_an_answer_is_reused_within_the_allowed_age_and_not_beyond() -> None:
    async def main() -> None:
        world = World()
        loop = asyncio.get_running_loop()
        await world.read()
        await asyncio.sleep(3)
        with reading_since(loop.time() - 5):
            assert await world.read() == "value of a #1"
        await asyncio.sleep(3)
        with reading_since(loop.time() - 5):
            assert await world.read() == "value of a #2"

    run(main())


def test_one_reconcile_reads_a_key_once_even_when_nothing_older_counts() -> None:
    async def main() -> None:
        world = World()
        with reading_since(asyncio.get_running_loop().time()):
            first = await world.read()
            assert await world.read() == first

    run(main())


def test_nothing_is_kept_longer_than_the_reuse_window() -> None:
    async def main() -> None:
        world = World(reuse=10.0)
        await world.read()
        await asyncio.sleep(11)
        with reading_since(0):
            assert await world.read() == "value of a #2"

    run(main())


@pytest.mark.parametrize("error", [NoSecretError("gone"), AccessDeniedError("no"), InvalidRequestError("bad")])
def test_a_refusal_is_an_answer_and_is_reused_as_values_are(error: Exception) -> None:
    async def main() -> None:
        world = World()
        world.vendor.error = error
        for wait, age, calls in ((0.0, 10.0, 1), (9.0, 10.0, 1), (0.0, 5.0, 2), (1.0, 0.0, 3)):
            await asyncio.sleep(wait)
            with reading_since(asyncio.get_running_loop().time() - age), pytest.raises(type(error)):
                await world.read()
            assert len(world.vendor.calls) == calls

    run(main())


@pytest.mark.parametrize("error", [UnavailableError("out"), ProviderError("odd")])
def test_a_read_without_answer_is_remembered_for_two_seconds(error: Exception) -> None:
    async def main() -> None:
        world = World()
        world.vendor.error = error
        with reading_since(0):
            for wait, calls in ((0.0, 1), (1.0, 1), (1.5, 2)):
                await asyncio.sleep(wait)
                with pytest.raises(type(error)):
                    await world.read()
                assert len(world.vendor.calls) == calls

    run(main())


def test_errors_of_joined_reads_are_raised_as_copies() -> None:
    async def main() -> None:
        world = World()
        world.vendor.error = ThrottledError("slow", retry_after=7.0)
        found = await asyncio.gather(world.read(), world.read(), return_exceptions=True)
        assert all(isinstance(err, ThrottledError) and err.retry_after == 7.0 for err in found)
        assert found[0] is not found[1]

    run(main())


def test_cancelling_one_reader_leaves_the_others_and_cancelling_all_stops_the_call() -> None:
    async def main() -> None:
        world = World()
        before = asyncio.all_tasks()
        first, second = (asyncio.ensure_future(world.read()) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        assert await second == "value of a #1"
        alone = asyncio.ensure_future(world.read("b"))
        await asyncio.sleep(0.05)
        alone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await alone
        assert asyncio.all_tasks() == before
        assert world.counted("success") == 1
        assert await world.read("b") == "value of b #3"

    run(main())


def test_a_write_makes_later_reads_new() -> None:
    async def main() -> None:
        world = World()
        await world.read()
        await world.calls.write("Put", world.vendor.fetch("write"))
        with reading_since(0):
            assert await world.read() == "value of a #3"

    run(main())


def test_reads_that_arrive_together_are_one_batch() -> None:
    async def main() -> None:
        world = World()
        answers = await asyncio.gather(
            *(world.calls.read_batched("Batch", key, world.vendor.fetch_many, limit=10) for key in "abcab")
        )
        assert answers == ["A", "B", "C", "A", "B"]
        assert world.vendor.calls == [("a", "b", "c")]
        assert (world.outcome("made"), world.outcome("batched"), world.outcome("joined")) == (1, 2, 2)

    run(main())


def test_refreshes_in_no_hurry_wait_for_company_and_leave_with_whoever_is() -> None:
    async def main() -> None:
        world = World()
        clock = asyncio.get_running_loop().time

        async def read(key: str, age: float) -> float:
            began = clock()
            with reading_since(began - age):
                await world.calls.read_batched("Batch", key, world.vendor.fetch_many, limit=20)
            return round(clock() - began, 3)

        assert await asyncio.gather(read("a", 10.0), read("b", 10.0)) == [1.1, 1.1]
        patient = asyncio.ensure_future(read("c", 10.0))
        await asyncio.sleep(0.5)
        assert await read("d", 0.0) == 0.11
        assert await patient == 0.61
        assert world.vendor.calls == [("a", "b"), ("c", "d")]

    run(main())


def test_a_full_batch_goes_out_at_once_and_errors_stay_with_their_key() -> None:
    async def main() -> None:
        world = World()
        keys = ["a", "denied", "absent", "b", "c"]
        found = await asyncio.gather(
            *(world.calls.read_batched("Batch", key, world.vendor.fetch_many, limit=3) for key in keys),
            return_exceptions=True,
        )
        assert world.vendor.calls == [("a", "absent", "denied"), ("b", "c")]
        assert [type(answer) for answer in found] == [str, AccessDeniedError, NoSecretError, str, str]

    run(main())


def test_a_request_for_one_key_may_have_a_label_of_its_own() -> None:
    async def main() -> None:
        world = World()

        async def read(*keys: str) -> None:
            await asyncio.gather(
                *(
                    world.calls.read_batched("Batch", key, world.vendor.fetch_many, limit=5, single_call="Single")
                    for key in keys
                )
            )

        await read("a")
        await read("b", "c")

        def count(call: str) -> float | None:
            labels = {"provider": "Vendor", "call": call, "status": "success"}
            return world.registry.get_sample_value("externalsecret_provider_api_calls_count", labels)

        assert (count("Single"), count("Batch")) == (1, 1)

    run(main())


def test_a_batch_nobody_waits_for_is_never_sent() -> None:
    async def main() -> None:
        world = World()
        reader = asyncio.ensure_future(world.calls.read_batched("Batch", "a", world.vendor.fetch_many, limit=3))
        await asyncio.sleep(0.005)
        reader.cancel()
        await asyncio.wait({reader})
        await asyncio.sleep(1)
        assert world.vendor.calls == []

    run(main())


def test_who_gives_up_takes_no_key_away_from_another_who_wants_it_newer() -> None:
    async def main() -> None:
        world = World()

        async def read(age: float) -> str:
            with reading_since(asyncio.get_running_loop().time() - age):
                return await world.calls.read_batched("Batch", "a", world.vendor.fetch_many, limit=3)

        patient = asyncio.ensure_future(read(10.0))
        await asyncio.sleep(0.5)
        newer = asyncio.ensure_future(read(0.0))
        await asyncio.sleep(0.005)
        patient.cancel()
        assert await newer == "A"
        assert world.vendor.calls == [("a",)]

    run(main())


def test_who_comes_while_a_batch_is_given_up_gets_another() -> None:
    async def main() -> None:
        world = World()

        def read(key: str) -> asyncio.Future[str]:
            return asyncio.ensure_future(world.calls.read_batched("Batch", key, world.vendor.fetch_many, limit=9))

        for steps in range(8):
            first = read("a")
            await asyncio.sleep(0.005)
            first.cancel()
            for _ in range(steps):
                await asyncio.sleep(0)
            assert await read("b") == "B"
        assert world.vendor.calls == [("b",)] * 8

    run(main())


def test_a_client_that_closes_says_nothing_about_the_circuit_of_another() -> None:
    async def main() -> None:
        world = World()
        circuits = Circuits(world.metrics)
        settings = BrokerSettings(breaker=BreakerSettings(failures=1, base=60.0, cap=60.0))
        brokers = [Broker("SecretStore team-a/vault", STORE, world.metrics, settings, circuits) for _ in range(2)]
        world.vendor.error = UnavailableError("out")
        for broker in brokers:
            with pytest.raises(UnavailableError):
                await broker.calls("Vendor").read("Get", "a", world.vendor.fetch("a"))
        gauge = {"store_kind": STORE[0], "store_namespace": STORE[1], "store": STORE[2]}
        shown = []
        for broker in brokers:
            await broker.close()
            shown.append(world.registry.get_sample_value("externalsecret_store_circuit_open", gauge))
        assert shown == [1, 0]

    run(main())


def test_calls_stay_within_the_rate() -> None:
    async def main() -> None:
        world = World(rate=10.0, burst=5, longest_wait=60.0)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(world.read(str(number)) for number in range(25)))
        assert asyncio.get_running_loop().time() - began == pytest.approx(2.1, abs=0.01)

    run(main())


def test_who_would_wait_too_long_is_told_when_to_come_back() -> None:
    async def main() -> None:
        world = World(rate=1.0, burst=1, longest_wait=2.0)
        found = await asyncio.gather(*(world.read(str(number)) for number in range(5)), return_exceptions=True)
        refused = [answer for answer in found if isinstance(answer, ThrottledError)]
        assert len(refused) == 2
        assert all(err.retry_after is not None and err.retry_after > 2 for err in refused)
        assert world.outcome("refused") == 2

    run(main())


def test_retry_after_is_honoured() -> None:
    async def main() -> None:
        world = World()
        world.vendor.error = ThrottledError("slow down", retry_after=30.0)
        with pytest.raises(ThrottledError):
            await world.read("a")
        world.vendor.error = None
        await asyncio.sleep(29)
        with pytest.raises(ThrottledError):
            await world.read("b")
        assert world.vendor.calls == ["a"]
        await asyncio.sleep(2)
        assert await world.read("b") == "value of b #2"

    run(main())


def test_the_circuit_opens_on_outages_and_closes_after_one_probe() -> None:
    async def main() -> None:
        world = World(breaker=BreakerSettings(failures=3, base=2.0, cap=60.0))
        gauge = {"store_kind": STORE[0], "store_namespace": STORE[1], "store": STORE[2]}
        world.vendor.error = UnavailableError("out")
        for number in range(3):
            with pytest.raises(UnavailableError):
                await world.read(str(number))
        assert world.broker.circuit == "open"
        assert world.registry.get_sample_value("externalsecret_store_circuit_open", gauge) == 1
        with pytest.raises(UnavailableError, match="held back"):
            await world.read("x")
        assert len(world.vendor.calls) == 3
        await asyncio.sleep(3)
        assert world.broker.circuit == "half-open"
        world.vendor.error = None
        found = await asyncio.gather(*(world.read(f"p{number}") for number in range(5)), return_exceptions=True)
        assert sum(isinstance(answer, str) for answer in found) == 1
        assert world.broker.circuit == "closed"
        assert world.registry.get_sample_value("externalsecret_store_circuit_open", gauge) == 0
        assert await world.read("y") == "value of y #5"

    run(main())


def test_a_probe_may_sign_in_first() -> None:
    async def main() -> None:
        world = World(breaker=BreakerSettings(failures=1, base=2.0, cap=60.0))

        async def signed_in() -> str:
            await world.calls.write("SignIn", world.vendor.fetch("sign-in"))
            return await world.vendor.fetch("value")()

        world.vendor.error = UnavailableError("out")
        with pytest.raises(UnavailableError):
            await world.calls.read("Get", "a", signed_in)
        assert (world.broker.circuit, world.vendor.calls) == ("open", ["sign-in"])
        await asyncio.sleep(2.5)
        world.vendor.error = None
        assert await world.calls.read("Get", "a", signed_in) == "value of value #3"
        assert world.broker.circuit == "closed"

    run(main())


def test_what_a_call_leaves_behind_is_no_part_of_it() -> None:
    async def main() -> None:
        world = World(breaker=BreakerSettings(failures=1, base=2.0, cap=60.0))
        out = asyncio.Event()

        async def renew() -> str:
            await out.wait()
            return await world.calls.write("Renew", world.vendor.fetch("renew"))

        async def signed_in() -> asyncio.Task[str]:
            return asyncio.create_task(renew())

        renewing = await world.calls.read("Get", "a", signed_in)
        world.vendor.error = UnavailableError("out")
        with pytest.raises(UnavailableError):
            await world.read("b")
        out.set()
        with pytest.raises(UnavailableError, match="held back"):
            await renewing
        assert world.vendor.calls == ["b"]

    run(main())


def test_a_failed_probe_keeps_the_circuit_open_longer() -> None:
    async def main() -> None:
        world = World(breaker=BreakerSettings(failures=1, base=2.0, cap=60.0))
        world.vendor.error = UnavailableError("out")
        with pytest.raises(UnavailableError):
            await world.read("a")
        await asyncio.sleep(2.5)
        with pytest.raises(UnavailableError):
            await world.read("b")
        await asyncio.sleep(2.5)
        assert world.broker.circuit == "open"
        assert len(world.vendor.calls) == 2

    run(main())


@pytest.mark.parametrize("error", [NoSecretError("gone"), AccessDeniedError("no")])
def test_answers_of_any_kind_keep_the_circuit_closed(error: Exception) -> None:
    async def main() -> None:
        world = World(breaker=BreakerSettings(failures=2))
        world.vendor.error = error
        for number in range(10):
            with pytest.raises(type(error)):
                await world.read(str(number))
        assert world.broker.circuit == "closed"
        assert world.counted("error") == 10

    run(main())


def test_a_call_without_answer_ends() -> None:
    async def main() -> None:
        world = World(call_timeout=5.0)

        async def never() -> str:
            await asyncio.get_running_loop().create_future()
            return ""

        with pytest.raises(UnavailableError, match="in time"):
            await world.calls.read("Get", "a", never)

    run(main())


def test_closing_ends_reads_under_way() -> None:
    async def main() -> None:
        world = World()
        reader = asyncio.ensure_future(world.read())
        await asyncio.sleep(0.05)
        await world.broker.close()
        with pytest.raises(UnavailableError, match="closed"):
            await reader

    run(main())


def test_five_thousand_objects_on_two_hundred_keys_are_two_hundred_calls_also_when_all_fail() -> None:
    async def main(error: Exception | None) -> int:
        world = World(breaker=BreakerSettings(failures=10_000))
        world.vendor.error = error

        async def object_(number: int) -> None:
            await asyncio.sleep(number / 2500)
            with reading_since(asyncio.get_running_loop().time() - default_max_age(3600)):
                await asyncio.gather(world.read(str(number % 200)), return_exceptions=True)

        await asyncio.gather(*(object_(number) for number in range(5000)))
        return len(world.vendor.calls)

    assert run(main(None)) == 200
    assert run(main(AccessDeniedError("no"))) == 200


@pytest.mark.parametrize(("interval", "age"), [(3600, 10.0), (60, 3.0), (10, 0.5), (0, 0.0), (-1, 0.0)])
def test_default_age_of_an_answer(interval: float, age: float) -> None:
    assert default_max_age(interval) == age


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from(["Get", "List"]),
            st.sampled_from(["a", "b", ("a", "b")]),
            st.floats(0, 3),
            st.floats(0, 20),
        ),
        max_size=40,
    )
)
def test_never_shared_between_identities(reads: list[tuple[int, str, object, float, float]]) -> None:
    """Whatever is read by whom and when, an answer comes from the identity, call and key that were asked."""

    async def main() -> None:
        metrics = StoreMetrics(CollectorRegistry())
        brokers = [Broker(str(number), ("SecretStore", str(number), "s"), metrics) for number in range(4)]

        async def one(identity: int, call: str, key: object, wait: float, age: float) -> None:
            await asyncio.sleep(wait)

            async def fetch() -> tuple[int, str, object]:
                await asyncio.sleep(0.5)
                return identity, call, key

            asked = asyncio.get_running_loop().time()
            with reading_since(asked - age):
                answer = await brokers[identity].calls("V").read(call, key, fetch)  # type: ignore[arg-type]
            assert answer == (identity, call, key)

        async with asyncio.TaskGroup() as group:
            for read in reads:
                group.create_task(one(*read))
        for broker in brokers:
            await broker.close()

    run(main())
