from __future__ import annotations

from prometheus_client import CollectorRegistry

from reconcile.metrics import render
from reconcile.testing.loop import run
from reconcile.workqueue import QueueCollector, WorkQueue


def test_names_labels_and_buckets_are_those_of_client_go() -> None:
    async def main() -> list[str]:
        registry = CollectorRegistry()
        collector = QueueCollector()
        registry.register(collector)
        queue = WorkQueue[str](series=collector.series("externalsecret"))
        queue.add("a")
        queue.add("b")
        await queue.get()
        queue.add_rate_limited("c")
        return render(registry).decode().splitlines()

    lines = run(main())
    labels = 'controller="externalsecret",name="externalsecret"'
    assert f'workqueue_depth{{{labels},priority=""}} 1' in lines
    assert f"workqueue_adds_total{{{labels}}} 2" in lines
    assert f"workqueue_retries_total{{{labels}}} 1" in lines
    assert f"workqueue_unfinished_work_seconds{{{labels}}} 0" in lines
    assert f"workqueue_longest_running_processor_seconds{{{labels}}} 0" in lines
    assert "# TYPE workqueue_adds_total counter" in lines
    bounds = [line.split('le="')[1].split('"')[0] for line in lines if "queue_duration_seconds_bucket" in line]
    assert bounds == [
        "1e-08", "1e-07", "1e-06", "9.999999999999999e-06", "9.999999999999999e-05",
        "0.001", "0.01", "0.1", "1", "10", "100", "1000", "+Inf",
    ]  # fmt: skip
    assert f"workqueue_work_duration_seconds_count{{{labels}}} 0" in lines
    assert f"workqueue_queue_duration_seconds_count{{{labels}}} 1" in lines
