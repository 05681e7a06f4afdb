"""Every outcome of a reconcile, and every event, through a controller on hand-fed informers in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from reconcile.api.core_v1 import ConfigMap
from reconcile.api.request import Request
from reconcile.controller import Controller, Result
from reconcile.errors import RetryError, TerminalError, TooManyRequestsError
from reconcile.log import current_request
from reconcile.predicates import generation_changed
from reconcile.testing.loop import run
from reconcile.watches import Channel, Ticker, Watch
from reconcile.workqueue import ExponentialLimiter
from tests.unit.reconcile.controllers import Harness, Team, team

A = Request("default", "a")


class Script:
    """A reconcile function that does one step per call and notes when it was called."""

    def __init__(self, *steps: object) -> None:
        self.steps = list(steps)
        self.calls: list[tuple[Request, float]] = []
        self.start = asyncio.get_running_loop().time()

    async def __call__(self, request: Request) -> Result | None:
        self.calls.append((request, round(asyncio.get_running_loop().time() - self.start, 3)))
        step = self.steps.pop(0) if self.steps else None
        if isinstance(step, BaseException):
            raise step
        if callable(step):
            return await step(request)  # type: ignore[no-any-return]
        assert step is None or isinstance(step, Result)
        return step

    @property
    def times(self) -> list[float]:
        return [at for _, at in self.calls]


def _controller(script: Script, **options: Any) -> Controller:
    options.setdefault("rate_limiter", ExponentialLimiter(1, 420))
    return Controller(Team, script, **options)


def _runs(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run(main())


@pytest.mark.parametrize(
    ("steps", "times", "series"),
    [
        ([None], [0], 'controller_runtime_reconcile_total{controller="team",result="success"}'),
        (
            [Result(requeue_after=60)],
            [0, 60],
            'controller_runtime_reconcile_total{controller="team",result="requeue_after"}',
        ),
        ([Result(requeue=True)], [0, 1], 'controller_runtime_reconcile_total{controller="team",result="requeue"}'),
        ([OSError("down")] * 3, [0, 1, 3, 7], 'controller_runtime_reconcile_errors_total{controller="team"}'),
        ([KeyError("bug")], [0, 1], 'controller_runtime_reconcile_panics_total{controller="team"}'),
        (
            [TerminalError("never")],
            [0],
            'controller_runtime_terminal_reconcile_errors_total{controller="team"}',
        ),
        (
            [RetryError("later", retry_after=30)],
            [0, 30],
            'controller_runtime_reconcile_errors_total{controller="team"}',
        ),
        (
            [TooManyRequestsError("slow down", status=429, retry_after=9)],
            [0, 9],
            'controller_runtime_reconcile_total{controller="team",result="error"}',
        ),
        ([asyncio.CancelledError()], [0, 1], 'controller_runtime_reconcile_errors_total{controller="team"}'),
    ],
    ids=["success", "requeue-after", "requeue", "error", "bug", "terminal", "retry", "429", "stray-cancel"],
)
def test_every_outcome_leads_somewhere(steps: list[object], times: list[float], series: str) -> None:
    async def main() -> None:
        harness, script = Harness(), Script(*steps)
        async with harness.running(_controller(script)):
            harness.feed(team())
            await asyncio.sleep(1000)
        assert script.times == times
        assert harness.metric(series) == max(1, len(times) - 1 if len(steps) > 1 else 1)

    _runs(main)


def test_a_reconcile_that_takes_too_long_is_cut_off_and_tried_again() -> None:
    async def main() -> None:
        async def hang(_: Request) -> None:
            await asyncio.sleep(10_000)

        harness, script = Harness(), Script(hang)
        async with harness.running(_controller(script, timeout=20)):
            harness.feed(team())
            await asyncio.sleep(100)
        assert script.times == [0, 21]
        assert harness.metric('controller_runtime_reconcile_timeouts_total{controller="team"}') == 1

    _runs(main)


def test_success_forgets_earlier_failures() -> None:
    async def main() -> None:
        harness = Harness()
        script = Script(OSError(), OSError(), None, OSError())
        async with harness.running(_controller(script)):
            harness.feed(team())
            await asyncio.sleep(50)
            harness.feed(team(version=2, generation=2))
            await asyncio.sleep(50)
        assert script.times == [0, 1, 3, 50, 51]

    _runs(main)


def test_a_terminal_error_waits_for_a_change() -> None:
    async def main() -> None:
        harness, script = Harness(), Script(TerminalError("no"))
        async with harness.running(_controller(script)):
            harness.feed(team())
            await asyncio.sleep(5000)
            harness.feed(team(version=2))
            await asyncio.sleep(1)
        assert script.times == [0, 5000]

    _runs(main)


def test_an_event_comes_before_requeue_after_and_replaces_it() -> None:
    async def main() -> None:
        harness, script = Harness(), Script(Result(requeue_after=100))
        async with harness.running(_controller(script)):
            harness.feed(team())
            await asyncio.sleep(30)
            harness.feed(team(version=2))
            await asyncio.sleep(500)
        assert script.times == [0, 30]

    _runs(main)


def test_an_event_during_a_reconcile_leads_to_another_one() -> None:
    async def main() -> None:
        async def slow(_: Request) -> Result:
            await asyncio.sleep(10)
            return Result(requeue_after=1000)

        harness, script = Harness(), Script(slow)
        async with harness.running(_controller(script)):
            harness.feed(team())
            await asyncio.sleep(5)
            harness.feed(team(version=2))
            harness.feed(team(version=3))
            await asyncio.sleep(50)
        assert script.times == [0, 10]

    _runs(main)


def test_many_objects_are_reconciled_at_once_but_one_only_once() -> None:
    async def main() -> None:
        active: set[Request] = set()
        most = 0

        async def slow(request: Request) -> None:
            nonlocal most
            assert request not in active
            active.add(request)
            most = max(most, len(active))
            await asyncio.sleep(1)
            active.remove(request)

        harness, script = Harness(), Script(*[slow] * 500)
        async with harness.running(_controller(script, workers=8)):
            for version in range(1, 6):
                for number in range(20):
                    harness.feed(team(str(number), version * 100 + number))
                await asyncio.sleep(0.3)
            await asyncio.sleep(100)
        assert most == 8
        assert harness.metric('controller_runtime_active_workers{controller="team"}') == 0
        assert harness.metric('controller_runtime_max_concurrent_reconciles{controller="team"}') == 8

    _runs(main)


def test_deletion_is_an_event() -> None:
    async def main() -> None:
        harness, script = Harness(), Script()
        async with harness.running(_controller(script)):
            harness.feed(team())
            await asyncio.sleep(1)
            harness.delete(team(version=2))
            await asyncio.sleep(1)
        assert script.calls == [(A, 0), (A, 1)]

    _runs(main)


def test_predicates_keep_updates_out() -> None:
    async def main() -> None:
        harness, script = Harness(), Script()
        async with harness.running(_controller(script, predicates=[generation_changed])):
            harness.feed(team())
            await asyncio.sleep(1)
            harness.feed(team(version=2, status={"phase": "Ready"}))
            await asyncio.sleep(1)
            harness.feed(team(version=3, generation=2))
            await asyncio.sleep(1)
        assert script.times == [0, 2]

    _runs(main)


def _owned(name: str, version: int, owner: str | None) -> dict[str, Any]:
    references = []
    if owner is not None:
        references = [
            {
                "apiVersion": "example.com/v1beta1",
                "kind": "Team",
                "name": owner,
                "uid": f"uid-{owner}",
                "controller": True,
            }
        ]
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            "ownerReferences": references,
        }
    }


def test_a_child_that_changes_hands_reaches_the_old_and_the_new_owner() -> None:
    async def main() -> None:
        harness, script = Harness(), Script()
        async with harness.running(_controller(script, owns=[ConfigMap])):
            harness.feed(_owned("child", 1, "a"), ConfigMap)
            await asyncio.sleep(1)
            harness.feed(_owned("child", 2, "b"), ConfigMap)
            await asyncio.sleep(1)
            harness.feed(_owned("child", 3, None), ConfigMap)
            harness.feed(_owned("stranger", 4, None), ConfigMap)
            await asyncio.sleep(1)
            harness.feed(_owned("child", 5, "b"), ConfigMap)
            await asyncio.sleep(1)
            harness.delete(_owned("child", 6, "b"), ConfigMap)
            await asyncio.sleep(1)
        b = Request("default", "b")
        assert script.calls == [(A, 0), (A, 1), (b, 1), (b, 2), (b, 3), (b, 4)]

    _runs(main)


def test_a_map_function_sees_old_and_new_and_its_failure_is_counted() -> None:
    async def main() -> None:
        seen: list[tuple[str | None, str | None]] = []

        def to_teams(old: Any, new: Any) -> list[Request]:
            seen.append((old and old.data.get("team"), new and new.data.get("team")))
            return [Request("default", (new or old).data["team"])]

        watch = Watch(ConfigMap, to_teams)
        harness, script = Harness(), Script()
        controller = _controller(script, watches=[watch])
        async with harness.running(controller):
            body = {"metadata": {"name": "c", "namespace": "default", "uid": "uid-c", "resourceVersion": "1"}}
            harness.feed({**body, "data": {"team": "a"}}, ConfigMap)
            await asyncio.sleep(1)
            broken = {**body, "metadata": {**body["metadata"], "resourceVersion": "2"}, "data": {}}
            harness.feed(broken, ConfigMap)
            await asyncio.sleep(1)
            controller.remove_watch(watch)
            harness.feed({**broken, "metadata": {**body["metadata"], "resourceVersion": "3"}}, ConfigMap)
            await asyncio.sleep(1)
        assert seen == [(None, "a"), ("a", None)]
        assert script.calls == [(A, 0)]
        assert harness.metric('controller_runtime_reconcile_errors_total{controller="team"}') == 1

    _runs(main)


def test_a_watch_added_while_running_shows_what_is_there() -> None:
    async def main() -> None:
        harness, script = Harness(), Script()
        harness.transport.existing["/api/v1/configmaps"] = [_owned("child", 1, None)]
        controller = _controller(script)
        async with harness.running(controller):
            await asyncio.sleep(1)
            controller.add_watch(Watch(ConfigMap, lambda old, new: [A]))
            await asyncio.sleep(1)
        assert script.calls == [(A, 1)]

    _runs(main)


def test_sources_ask_for_reconciles_and_start_again_after_a_failure() -> None:
    async def main() -> None:
        rounds = 0

        def requests() -> list[Request]:
            nonlocal rounds
            rounds += 1
            if rounds == 2:
                raise OSError("the queue is away")
            return [A]

        channel = Channel()
        b = Request("default", "b")
        channel.push(b)
        harness, script = Harness(), Script()
        async with harness.running(_controller(script, sources=[Ticker(10, requests), channel])):
            await asyncio.sleep(16)
            channel.push(b)
            await asyncio.sleep(1)
        assert sorted(script.calls) == [(A, 0), (A, 15), (b, 0), (b, 16)]

    _runs(main)


def test_requests_carry_the_cluster_they_come_from() -> None:
    async def main() -> None:
        harness, script = Harness("east"), Script()
        async with harness.running(_controller(script, owns=[ConfigMap])):
            harness.feed(team())
            await asyncio.sleep(1)
            harness.feed(_owned("child", 1, "a"), ConfigMap)
            await asyncio.sleep(1)
        east = Request("default", "a", "east")
        assert script.calls == [(east, 0), (east, 1)]

    _runs(main)


def test_classes_of_events_decide_who_is_first() -> None:
    async def main() -> None:
        harness, script = Harness(), Script()
        harness.transport.existing["/apis/example.com/v1/teams"] = [team(name) for name in ("edited", "touched", "old")]
        controller = _controller(script, workers=1)
        controller.bind(harness.binding)
        async with harness.informers():
            harness.feed(team("touched", 2))
            harness.feed(team("edited", 3, generation=2))
            harness.feed(team("new", 4))
            await asyncio.sleep(1)
            task = asyncio.create_task(controller.run())
            await asyncio.sleep(1)
            controller.stop()
            await task
        assert [request.name for request, _ in script.calls] == ["new", "edited", "touched", "old"]

    _runs(main)


def test_an_object_that_is_not_of_its_kind_is_reconciled_all_the_same() -> None:
    async def main() -> None:
        harness, script = Harness(), Script()
        async with harness.running(_controller(script, predicates=[generation_changed])):
            harness.feed(team(spec={"members": 5}))
            await asyncio.sleep(1)
        assert script.calls == [(A, 0)]

    _runs(main)


class _Writer:
    """Reads the team, writes its status, and what the API server answers is prepared by the test."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.runs = 0

    async def __call__(self, request: Request) -> None:
        self.runs += 1
        if self.runs == 1:
            await asyncio.sleep(1)
            informer = self.harness.cache.informer(Team)
            found = informer.get(request.name, request.namespace)
            assert found is not None
            await self.harness.client.patch_status(found, {"phase": "Ready"})


@pytest.mark.parametrize(
    ("answer", "runs"),
    [
        (team(version=3, status={"phase": "Ready"}), 1),
        (team(version=3, status={"phase": "Ready", "foreign": "x"}), 2),
        (team(version=3, generation=2, status={"phase": "Ready"}), 2),
        (team(version=3, metadata={"labels": {"by": "somebody"}}, status={"phase": "Ready"}), 2),
        (team(version=3, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}, status={"phase": "Ready"}), 2),
    ],
    ids=["own-write-only", "foreign-status", "foreign-spec", "foreign-label", "deletion"],
)
def test_own_status_writes_do_not_trigger_but_foreign_writes_under_them_do(answer: dict[str, Any], runs: int) -> None:
    async def main() -> None:
        harness = Harness()
        harness.transport.answers.append(answer)
        writer = _Writer(harness)
        async with harness.running(Controller(Team, writer)):
            harness.feed(team())
            await asyncio.sleep(10)
        assert writer.runs == runs
        assert harness.transport.requests == [
            ("PATCH", "/apis/example.com/v1/namespaces/default/teams/a/status", {"status": {"phase": "Ready"}})
        ]

    _runs(main)


def test_another_controller_of_the_kind_hears_of_the_status_write() -> None:
    async def main() -> None:
        harness = Harness()
        harness.transport.answers.append(team(version=3, status={"phase": "Ready"}))
        writer, other = _Writer(harness), Script()
        async with harness.running(Controller(Team, writer, name="writer"), _controller(other, name="reader")):
            harness.feed(team())
            await asyncio.sleep(10)
        assert writer.runs == 1
        assert len(other.calls) == 2

    _runs(main)


def test_explain_says_why_how_and_when() -> None:
    async def main() -> None:
        harness = Harness()
        script = Script(OSError("vendor text"), Result(requeue_after=60))
        controller = _controller(script)
        async with harness.running(controller):
            harness.feed(team())
            await asyncio.sleep(0.5)
            failed = controller.explain(A)
            assert failed is not None
            assert failed["reason"] == "retry 1 after OSError"
            assert (failed["nextRunInSeconds"], failed["retries"]) == (0.5, 1)
            await asyncio.sleep(10)
            told = controller.explain(A)
            assert told is not None
            assert [(run["reason"], run["result"]) for run in told["runs"]] == [
                ("added", "error: OSError"),
                ("retry 1 after OSError", "requeue_after"),
            ]
            assert (told["reason"], told["nextRunInSeconds"], told["retries"]) == ("requeue after 60 s", 50.5, 0)
            assert "vendor text" not in repr(told)
            assert controller.explain(Request("default", "unknown")) is None
            assert controller.recent() == [A]
            assert controller.summary()["scheduled"] == 1

    _runs(main)


def test_a_hot_loop_is_reported_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        harness, script = Harness(), Script()
        async with harness.running(_controller(script, hot_loop=20)):
            for version in range(1, 61):
                harness.feed(team(version=version))
                await asyncio.sleep(0.5)
        assert harness.metric('reconcile_hot_loops_total{controller="team"}') == 1

    with caplog.at_level(logging.WARNING):
        _runs(main)
    assert [record.message for record in caplog.records] == [
        "team: default/a is reconciled over and over without a change of its spec; last reason: updated"
    ]


def test_edits_and_asked_for_runs_are_no_hot_loop() -> None:
    async def main() -> None:
        harness = Harness()
        script = Script(*[Result(requeue_after=1)] * 50)
        async with harness.running(_controller(script, hot_loop=20)):
            harness.feed(team())
            await asyncio.sleep(55)
            for version in range(2, 60):
                harness.feed(team(version=version, generation=version))
                await asyncio.sleep(0.5)
        assert harness.metric('reconcile_hot_loops_total{controller="team"}') == 0

    _runs(main)


def test_a_reconcile_knows_who_it_is_and_so_do_its_tasks() -> None:
    async def main() -> None:
        seen: list[Any] = []

        async def look(request: Request) -> None:
            async def child() -> None:
                seen.append(current_request())

            async with asyncio.TaskGroup() as group:
                group.create_task(child())
            seen.append(current_request())

        harness = Harness()
        async with harness.running(Controller(Team, look)):
            harness.feed(team())
            await asyncio.sleep(1)
        assert seen[0] == seen[1]
        assert (seen[0].controller, seen[0].request, seen[0].run) == ("team", A, 1)
        assert current_request() is None

    _runs(main)


def test_stop_lets_the_running_reconcile_finish_and_starts_no_other() -> None:
    async def main() -> None:
        finished: list[Request] = []

        async def slow(request: Request) -> None:
            await asyncio.sleep(30)
            finished.append(request)

        harness = Harness()
        async with harness.running(Controller(Team, slow, workers=1)):
            harness.feed(team("a"))
            harness.feed(team("b"))
            await asyncio.sleep(1)
        assert finished == [A]

    _runs(main)


def test_cancellation_cancels_the_running_reconcile_cleanly() -> None:
    async def main() -> None:
        cleaned: list[str] = []

        async def slow(request: Request) -> None:
            try:
                await asyncio.sleep(30)
            finally:
                cleaned.append(request.name)

        harness = Harness()
        controller = Controller(Team, slow)
        controller.bind(harness.binding)
        async with harness.informers():
            task = asyncio.create_task(controller.run())
            harness.feed(team())
            await asyncio.sleep(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert cleaned == ["a"]
        assert not controller.running
        assert len(asyncio.all_tasks()) <= 2  # this one, and that of the virtual loop

    _runs(main)


def test_errors_are_logged_through_describe_and_unexpected_ones_with_frames(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        harness = Harness()
        binding = harness.binding
        harness.binding = type(binding)(binding.clusters, binding.metrics, binding.queues, lambda _: "scrubbed")
        group = ExceptionGroup("s3cret", [ValueError("s3cret"), OSError("s3cret")])
        script = Script(ValueError("s3cret"), TypeError("s3cret"), group, ConnectionError("s3cret"))
        async with harness.running(_controller(script)):
            harness.feed(team())
            await asyncio.sleep(15)

    with caplog.at_level(logging.ERROR):
        _runs(main)
    assert [record.message.splitlines()[0] for record in caplog.records] == [
        "team: default/a failed, next try in 1.0 s: ValueError: scrubbed",
        "team: default/a failed by a programming error, next try in 2.0 s: TypeError: scrubbed",
        "team: default/a failed, next try in 4.0 s: ExceptionGroup: scrubbed",
        "team: default/a failed, next try in 8.0 s: ConnectionError: scrubbed",
    ]
    assert ["test_controller.py" in record.message for record in caplog.records] == [True, True, True, False]
    assert "s3cret" not in caplog.text


def test_using_an_unbound_controller_says_what_is_missing() -> None:
    with pytest.raises(RuntimeError, match="add it to a Manager"):
        _ = Controller(Team, _nothing).queue
    with pytest.raises(ValueError, match="workers"):
        Controller(Team, _nothing, workers=0)


async def _nothing(_: Request) -> None:
    return None
