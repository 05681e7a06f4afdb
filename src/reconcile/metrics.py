"""The metrics of a process: definitions, names verbatim from controller-runtime and client-go, and their text form.

Nothing here is global: a `Manager` has one registry, and each group below is made once for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric, Sample
from prometheus_client.registry import Collector

__all__ = [
    "CONTENT_TYPE",
    "CacheMetrics",
    "ClientMetrics",
    "ControllerMetrics",
    "EventMetrics",
    "ExactCounter",
    "LeaderElectionMetrics",
    "LoopMetrics",
    "WebhookMetrics",
    "go_float",
    "render",
]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of `render`."""

# Source: controller-runtime, pkg/internal/controller/metrics.
_RECONCILE_SECONDS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    *(1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60),
)
# Source: the default buckets of the Go client library.
_DEFAULT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_RESULTS = ("success", "error", "requeue", "requeue_after")


def go_float(value: float) -> str:
    """A number as Go's client library prints it in labels and samples: `1`, `0.005`, `1e-08`, `+Inf`."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


class ExactCounter(Counter):
    """A counter whose series is called exactly as given, for published names that do not end in `_total`.

    `render` prints such a name unchanged, where the library's own exposition would append `_total`.
    """

    def _child_samples(self) -> Iterable[Sample]:
        return [
            Sample("", sample.labels, sample.value, sample.timestamp, sample.exemplar)
            for sample in super()._child_samples()
            if sample.name == "_total"
        ]

    def _get_metric(self) -> Metric:
        return _ExactFamily(self._name, self._documentation, self._type)


class _ExactFamily(Metric):
    """A family that is called as its samples are, also while it has none."""


class ControllerMetrics:
    """`controller_runtime_*` of controllers, plus what controller-runtime lacks: hot loops."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_controller = ["controller"]
        self.total = Counter(
            "controller_runtime_reconcile_total",
            "Reconciles by result.",
            [*by_controller, "result"],
            registry=registry,
        )
        self.errors = Counter(
            "controller_runtime_reconcile_errors_total", "Reconciles that failed.", by_controller, registry=registry
        )
        self.terminal_errors = Counter(
            "controller_runtime_terminal_reconcile_errors_total",
            "Reconciles that failed and wait for a change.",
            by_controller,
            registry=registry,
        )
        self.panics = Counter(
            "controller_runtime_reconcile_panics_total",
            "Reconciles that failed by a programming error.",
            by_controller,
            registry=registry,
        )
        self.timeouts = Counter(
            "controller_runtime_reconcile_timeouts_total",
            "Reconciles that were cut off by their timeout.",
            by_controller,
            registry=registry,
        )
        self.seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Duration of reconciles.",
            by_controller,
            buckets=_RECONCILE_SECONDS,
            registry=registry,
        )
        self.max_workers = Gauge(
            "controller_runtime_max_concurrent_reconciles", "Workers.", by_controller, registry=registry
        )
        self.active_workers = Gauge(
            "controller_runtime_active_workers", "Workers that run a reconcile.", by_controller, registry=registry
        )
        self.hot_loops = Counter(
            "reconcile_hot_loops_total",
            "Times an object was found to be reconciled over and over without a change of its spec.",
            by_controller,
            registry=registry,
        )

    def declare(self, controller: str, workers: int) -> None:
        """Make the series of a controller exist at 0, so that rates see the first increment."""
        for result in _RESULTS:
            self.total.labels(controller, result)
        counters = (self.errors, self.terminal_errors, self.panics, self.timeouts, self.hot_loops)
        for counter in counters:
            counter.labels(controller)
        self.seconds.labels(controller)
        self.active_workers.labels(controller).set(0)
        self.max_workers.labels(controller).set(workers)


class LeaderElectionMetrics:
    """`leader_election_*`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.master_status = Gauge(
            "leader_election_master_status", "1 while this process holds the lease.", ["name"], registry=registry
        )
        self.slowpath = Counter(
            "leader_election_slowpath_total",
            "Renewals that had to read the lease first.",
            ["name"],
            registry=registry,
        )


class EventMetrics:
    """Events that the recorder sent or dropped."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Counter("reconcile_events_sent_total", "Events written.", ["type"], registry=registry)
        self.dropped = Counter(
            "reconcile_events_dropped_total",
            "Events not written: over the budget, queue full, refused by the API server, or failed.",
            ["type", "why"],
            registry=registry,
        )


class LoopMetrics:
    """How well the event loop keeps up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Gauge("reconcile_event_loop_lag_seconds", "Delay of the last timer of the probe.", registry=registry)
        self.max_lag = Gauge(
            "reconcile_event_loop_lag_max_seconds", "Largest delay within the last minute.", registry=registry
        )
        self.blocked = Counter(
            "reconcile_event_loop_blocked_total", "Callbacks that blocked the event loop.", registry=registry
        )


class WebhookMetrics:
    """`controller_runtime_webhook_*` and `certwatcher_*`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.latency = Histogram(
            "controller_runtime_webhook_latency_seconds",
            "Duration of admission requests.",
            ["webhook"],
            buckets=_DEFAULT_SECONDS,
            registry=registry,
        )
        self.requests = Counter(
            "controller_runtime_webhook_requests_total",
            "Admission requests by HTTP status code.",
            ["webhook", "code"],
            registry=registry,
        )
        self.in_flight = Gauge(
            "controller_runtime_webhook_requests_in_flight",
            "Admission requests being answered.",
            ["webhook"],
            registry=registry,
        )
        self.panics = Counter(
            "controller_runtime_webhook_panics_total", "Handlers that failed by a programming error.", registry=registry
        )
        self.conversion_panics = Counter(
            "controller_runtime_conversion_webhook_panics_total",
            "Conversions that failed by a programming error.",
            registry=registry,
        )
        self.certificates_read = Counter(
            "certwatcher_read_certificate_total", "Reads of the serving certificate.", registry=registry
        )
        self.certificate_errors = Counter(
            "certwatcher_read_certificate_errors_total",
            "Reads of the serving certificate that failed.",
            registry=registry,
        )

    def declare(self, path: str) -> None:
        """Make the series of a webhook exist at 0."""
        for code in ("200", "500"):
            self.requests.labels(path, code)
        self.latency.labels(path)
        self.in_flight.labels(path).set(0)


# Source: k8s.io/component-base/metrics/prometheus/restclient.
_CLIENT_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)


class ClientMetrics:
    """`rest_client_*`: requests to the API server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "rest_client_requests_total",
            "Requests to the API server by HTTP status code; <error> where no answer came.",
            ["code", "method", "host"],
            registry=registry,
        )
        self.seconds = Histogram(
            "rest_client_request_duration_seconds",
            "Duration of requests; of a watch, until it was answered.",
            ["verb", "host"],
            buckets=_CLIENT_SECONDS,
            registry=registry,
        )
        self.throttled = Histogram(
            "rest_client_rate_limiter_duration_seconds",
            "Time that requests waited for the limit on this side.",
            ["verb", "host"],
            buckets=_CLIENT_SECONDS,
            registry=registry,
        )
        # Finding a child by its labels takes longer than counting; the keys are few, for methods and codes are.
        self._children: dict[tuple[str, str, int | None], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, host: str, status: int | None, seconds: float) -> None:
        """Count one attempt; `status` is None where no answer came."""
        key = (method, host, status)
        children = self._children.get(key)
        if children is None:
            code = "<error>" if status is None else str(status)
            children = self.requests.labels(code, method, host), self.seconds.labels(method, host)
            self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)


class CacheMetrics(Collector):
    """`reconcile_informer_*`: whether informers keep up, and what they hold. One series per kind, not per object."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_kind = ["kind"]
        self.failures = Counter(
            "reconcile_informer_failures_total",
            "Lists and watches that failed, by class of error; each is tried again.",
            ["kind", "error"],
            registry=registry,
        )
        self.lists = Counter(
            "reconcile_informer_lists_total", "Complete lists of a collection.", by_kind, registry=registry
        )
        self.events = Counter(
            "reconcile_informer_events_total", "Changes seen, by type.", ["kind", "type"], registry=registry
        )
        self.handler_failures = Counter(
            "reconcile_informer_handler_failures_total",
            "Event handlers that raised.",
            by_kind,
            registry=registry,
        )
        self.decode_failures = Counter(
            "reconcile_informer_decode_failures_total",
            "Objects left out because they do not have the shape of their kind.",
            by_kind,
            registry=registry,
        )
        self._sources: list[Callable[[], Iterable[tuple[str, int, int, float]]]] = []
        registry.register(self)

    def track(self, source: Callable[[], Iterable[tuple[str, int, int, float]]]) -> None:
        """Ask `source` at each scrape for kind, objects, bytes, and seconds since the last contact of its informers."""
        self._sources.append(source)

    def collect(self) -> Iterator[Metric]:
        """The gauges, summed over the informers of a kind; the age is the largest."""
        totals: dict[str, tuple[int, int, float]] = {}
        for source in self._sources:
            for kind, objects, size, age in source():
                before = totals.get(kind, (0, 0, 0.0))
                totals[kind] = (before[0] + objects, before[1] + size, max(before[2], age))
        names = (
            ("reconcile_informer_objects", "Objects held."),
            ("reconcile_informer_bytes", "Bytes of JSON held."),
            ("reconcile_informer_last_contact_age_seconds", "Seconds since the API server was last heard of."),
        )
        for position, (name, text) in enumerate(names):
            family = GaugeMetricFamily(name, text, labels=["kind"])
            for kind, values in sorted(totals.items()):
                family.add_metric([kind], values[position])
            yield family


def render(registry: CollectorRegistry) -> bytes:
    """All series of the registry in the text format, version 0.0.4.

    Differs from the library's own text form in two points: no `_created` series, which no Kubernetes component has and which
    double the size of a scrape, and counters keep the name of their series, with or without `_total`. Labels are in the order
    of Go's client library, by name and `le` last, and so are bounds (`1`, not `1.0`): who searches for a line of text finds it.
    """
    lines: list[str] = []
    for family in registry.collect():
        samples = [s for s in family.samples if not (s.name.endswith("_created") and s.name != family.name)]
        name, kind = _family_name(family, samples)
        lines.append(f"# HELP {name} {_escape(family.documentation, quote=False)}")
        lines.append(f"# TYPE {name} {kind}")
        lines.extend(_sample_lines(samples))
    return ("\n".join(lines) + "\n").encode()


def _family_name(family: Metric, samples: list[Sample]) -> tuple[str, str]:
    if family.type == "counter":
        suffix = "" if isinstance(family, _ExactFamily) else "_total"
        return (samples[0].name if samples else family.name + suffix), "counter"
    if family.type == "info":
        return family.name + "_info", "gauge"
    return family.name, {"unknown": "untyped", "stateset": "gauge", "gaugehistogram": "histogram"}.get(
        family.type, family.type
    )


def _sample_lines(samples: list[Sample]) -> Iterator[str]:
    given, names = [""], [""]
    for sample in samples:
        if list(sample.labels) != given:
            given = list(sample.labels)
            names = sorted(given, key=lambda name: (name == "le", name))
        values = dict(sample.labels)
        if "le" in values:
            values["le"] = values["le"].removesuffix(".0")
        labels = ",".join(f'{name}="{_escape(str(values[name]), quote=True)}"' for name in names)
        yield (
            f"{sample.name}{{{labels}}} {go_float(sample.value)}"
            if labels
            else f"{sample.name} {go_float(sample.value)}"
        )


def _escape(text: str, *, quote: bool) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quote else text
