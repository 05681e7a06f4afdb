"""The manager: starts everything in the right order, keeps it going, and stops it in the reverse order.

Start: servers, webhooks, caches, runnables, and then, once this process leads, the controllers. A standby has its caches in
step and its queues filled, and reconciles nothing. Stop: controllers finish what they have in flight, the rest is cancelled,
and the lease is handed back last.

If any part fails the manager stops and raises what it failed with: a process that is half alive is worse than a restart.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import ssl
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from reconcile.address import Check, is_loopback, parse_address
from reconcile.api.request import Request
from reconcile.cache import Cache
from reconcile.client import CachedClient, Client, Config
from reconcile.controller import Binding, Controller
from reconcile.events import EventRecorder
from reconcile.leaderelection import LeaderElection, LeaderElector, default_identity
from reconcile.loopmonitor import LoopMonitor
from reconcile.metrics import (
    CacheMetrics,
    ClientMetrics,
    ControllerMetrics,
    EventMetrics,
    LeaderElectionMetrics,
    LoopMetrics,
)
from reconcile.readiness import Readiness
from reconcile.sharding import Sharding, ShardMember
from reconcile.shutdown import on_resume, shutdown_signals
from reconcile.tracebacks import Tracebacks, locator
from reconcile.watchdog import Fence
from reconcile.watches import Cluster
from reconcile.workqueue import QueueCollector

__all__ = ["Manager", "Runnable"]

_LOG = logging.getLogger(__name__)

_FLUSH_SECONDS = 5.0
"""For events that are still to be written at the end."""

_SYNC_REMINDER = 30.0
"""Seconds between two log lines that say which caches are awaited."""


class Runnable(Protocol):
    """Anything with a life of its own."""

    async def run(self) -> None:
        """Run until done, or cancelled; what it raises ends the manager."""
        ...


class _Server(Protocol):
    @property
    def port(self) -> int: ...

    async def close(self) -> None: ...


class Manager:
    """Runs controllers and whatever they need.

    Args:
        config: the API server, or a client for it.
        namespace: watch namespaced kinds only in this namespace or in these; empty means all.
        clusters: further API servers by name; controllers watch their kinds in all of them.
        leader_election: reconcile only while holding this lease.
        sharding: share the objects with other replicas instead; controllers then need no lease.
        metrics_address: where `/metrics` is served; `""` and `"0"` serve none.
        metrics_tls: serve metrics over HTTPS; they then need an address of their own.
        metrics_auth: show metrics only to whom the API server allows it; needs `metrics_tls`, tokens are no plain text.
        health_address: where `/healthz` and `/readyz` are served. May be the same address as another.
        debug_address: where `/debug/reconcile` is served; other addresses than loopback need `debug_auth` to be said.
        debug_tls: serve it over HTTPS; it then needs an address of its own, or that of the metrics.
        debug_auth: True shows it only to whom the API server allows it, and needs HTTPS; False shows it to everybody who
            reaches the address.
        registry: where metrics are registered; a new one by default.
        drain_timeout: seconds that reconciles in flight get to finish at shutdown.
        max_queue_age: seconds a key may wait for a worker before the process counts as not ready.
        describe: turns an exception of a reconcile into the text that is logged.
        tracebacks: what is logged of where an unexpected one came from: `frames` names classes, files, lines and functions
            and no values; `full` adds every message, for programs that hold no secrets; `none` leaves it out.
        expected: classes of error that need no traceback, besides those of this library, `OSError` and timeouts.
        handle_signals: stop at SIGTERM and SIGINT; a second one ends the process with status 1.
        blocked_threshold: seconds a callback may block the event loop before its stack is logged; None never logs.
        fence: ends the process of a leader that could not renew in time; a thread with `os._exit` by default.

    Attributes:
        client: reads from caches, writes to the API server.
        cache: the informers.
        registry: the metrics.
        ready_checks: what `/readyz` asks, by name; add your own, or remove some.
        health_checks: what `/healthz` asks.
        started: set when caches are in step and everything runs that needs no lease.
    """

    def __init__(
        self,
        config: Config | Client,
        *,
        namespace: str | Sequence[str] = "",
        clusters: Mapping[str, Config | Client] | None = None,
        leader_election: LeaderElection | None = None,
        sharding: Sharding | None = None,
        metrics_address: str = "",
        metrics_tls: ssl.SSLContext | None = None,
        metrics_auth: bool = False,
        health_address: str = "",
        debug_address: str = "",
        debug_tls: ssl.SSLContext | None = None,
        debug_auth: bool | None = None,
        registry: CollectorRegistry | None = None,
        drain_timeout: float = 30.0,
        max_queue_age: float = 600.0,
        describe: Callable[[BaseException], str] = str,
        tracebacks: Tracebacks = "frames",
        expected: tuple[type[BaseException], ...] = (),
        handle_signals: bool = True,
        blocked_threshold: float | None = 1.0,
        fence: Fence | None = None,
    ) -> None:
        self._namespaces = [namespace] if isinstance(namespace, str) else list(namespace)
        self.registry = registry if registry is not None else _process_registry()
        self._client_metrics = ClientMetrics(self.registry)
        self._cache_metrics = CacheMetrics(self.registry)
        self.clusters: dict[str, Cluster] = {"": self._cluster("", config)}
        for name, other in (clusters or {}).items():
            self.clusters[name] = self._cluster(name, other)
        self.client: CachedClient = self.clusters[""].client
        self.cache: Cache = self.clusters[""].cache
        self.started = asyncio.Event()
        self._controllers: list[Controller] = []
        self._readiness = Readiness(self.clusters, self._controllers, max_queue_age=max_queue_age)
        self.health_checks: dict[str, Check] = {"ping": _all_well}
        self.ready_checks: dict[str, Check] = {
            "caches": self._readiness.caches,
            "watches": self._readiness.watches,
            "queues": self._readiness.queues,
        }
        self._addresses = {"metrics": metrics_address, "health": health_address, "debug": debug_address}
        self._tls = {"metrics": metrics_tls, "debug": debug_tls}
        self._guarded = {"metrics": metrics_auth, "debug": bool(debug_auth)}
        _check_addresses(self._addresses, self._tls, self._guarded)
        if debug_auth is None and not is_loopback(debug_address):
            raise ValueError(
                f"debug_address {debug_address} can be reached from outside: set debug_auth=True with debug_tls, "
                "or debug_auth=False to show it to everybody"
            )
        self._drain_timeout = drain_timeout
        self._describe = describe
        self._locate = locator(tracebacks, expected)
        self._handle_signals = handle_signals
        self._blocked_threshold = blocked_threshold
        self._controller_metrics = ControllerMetrics(self.registry)
        self._event_metrics = EventMetrics(self.registry)
        self._loop_metrics = LoopMetrics(self.registry)
        self._queues = QueueCollector()
        self.registry.register(self._queues)
        self._before_caches: list[Runnable] = []
        self._runnables: list[tuple[Runnable, bool]] = []
        self._recorders: dict[tuple[str, str], EventRecorder] = {}
        self._servers: dict[str, _Server] = {}
        self._stopping = asyncio.Event()
        self._writers: _Stage | None = None
        self.elector = self._new_elector(leader_election, fence)
        self.shard = self._new_member(sharding, fence)

    def add(self, component: Controller | Runnable, *, needs_leader: bool = False, before_caches: bool = False) -> None:
        """Run a controller, or anything with `async def run()`, as part of this manager. Call it before `run`.

        Args:
            component: what to run.
            needs_leader: start it only while this process leads. Controllers say this themselves.
            before_caches: start it before the caches: webhook servers, which the API server may need to answer a list.

        Raises:
            ValueError: there is a controller of that name already; metrics and logs could not tell them apart.
        """
        if isinstance(component, Controller):
            if any(known.name == component.name for known in self._controllers):
                raise ValueError(f"there are two controllers called {component.name!r}: give one a name of its own")
            self._controllers.append(component)
        elif before_caches:
            self._before_caches.append(component)
        else:
            self._runnables.append((component, needs_leader))

    def events(self, component: str, *, cluster: str = "") -> EventRecorder:
        """The recorder that writes Events as `component`; written while the manager runs."""
        key = (component, cluster)
        recorder = self._recorders.get(key)
        if recorder is None:
            recorder = EventRecorder(self.clusters[cluster].client.live, component, metrics=self._event_metrics)
            self._recorders[key] = recorder
            if self._writers is not None:
                self._writers.start(recorder.run(), f"events-{component}")
        return recorder

    def port(self, endpoint: str) -> int:
        """The port of `metrics`, `health` or `debug`, for addresses that asked for any free one.

        Raises:
            KeyError: that endpoint is not served, or not yet.
        """
        return self._servers[self._addresses[endpoint]].port

    def stop(self) -> None:
        """Stop gracefully; `run` returns when that is done. Call it in the event loop."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until a signal, `stop`, or a failure.

        Raises:
            LeaderLostError: the lease was lost.
            Exception: whatever a runnable failed with; several failures come as a group.

        Cancellation stops everything without the drain.
        """
        try:
            async with AsyncExitStack() as stack:
                if self._handle_signals:
                    stack.enter_context(shutdown_signals(self.stop))
                    stack.enter_context(on_resume(self._check_leases))
                for cluster in self.clusters.values():
                    stack.push_async_callback(cluster.client.live.close)
                async with asyncio.TaskGroup() as group:
                    await self._live(group)
        except BaseExceptionGroup as errors:
            if len(errors.exceptions) == 1:
                raise errors.exceptions[0] from None
            raise
        finally:
            # All work has stopped: the process need not be ended any more.
            for fenced in (self.elector, self.shard):
                if fenced is not None:
                    fenced.close()

    def _check_leases(self) -> None:
        for fenced in (self.elector, self.shard):
            if fenced is not None:
                fenced.check()

    async def _live(self, group: asyncio.TaskGroup) -> None:
        servers, webhooks, caches, writers, others, leaders = (_Stage(group) for _ in range(6))
        try:
            await self._start_servers()
            servers.start(LoopMonitor(self._loop_metrics, threshold=self._blocked_threshold).run(), "loop-monitor")
            for webhook in self._before_caches:
                webhooks.start(webhook.run(), type(webhook).__name__)
            self._bind_controllers()
            for cluster in self.clusters.values():
                caches.start(cluster.cache.run(), f"cache-{cluster.name}")
            if await self._unless_stopping(self._wait_synced()):
                self._start_others(others, writers)
                election = _Stage(group)
                if self.elector is not None:
                    election.start(self.elector.run(), "leader-election")
                if self.shard is not None:
                    election.start(self.shard.run(), "sharding")
                if await self._unless_stopping(self._wait_leading()):
                    self._start_leaders(leaders)
                    await self._stopping.wait()
                await self._drain(leaders, others)
                await election.cancel()
                await self._flush(writers)
            for stage in (others, writers, caches, webhooks, servers):
                await stage.cancel()
        finally:
            self.started.clear()
            for server in self._servers.values():
                await server.close()

    async def _start_servers(self) -> None:
        if all(parse_address(address) is None for address in self._addresses.values()):
            return
        # Brings an HTTP server, which a program that listens nowhere does without.
        endpoints = importlib.import_module("reconcile.endpoints")
        shown = endpoints.Shown(
            self.registry,
            self.health_checks,
            self.ready_checks,
            lambda: self._controllers,
            self._readiness.informers,
            self.client.live,
            frozenset(endpoint for endpoint, guarded in self._guarded.items() if guarded),
        )
        for address, server in endpoints.servers(self._addresses, shown, self._tls).items():
            await server.start()
            self._servers[address] = server

    def _bind_controllers(self) -> None:
        binding = Binding(
            self.clusters,
            self._controller_metrics,
            self._queues,
            self._describe,
            None if self.shard is None else self.shard.owns,
            self._locate,
        )
        for controller in self._controllers:
            controller.bind(binding)

    def _start_others(self, others: _Stage, writers: _Stage) -> None:
        self._writers = writers
        for (component, _), recorder in self._recorders.items():
            writers.start(recorder.run(), f"events-{component}")
        for runnable, needs_leader in self._runnables:
            if not needs_leader:
                others.start(runnable.run(), type(runnable).__name__)
        for controller in self._controllers:
            if not self._needs_leader(controller):
                others.start(controller.run(), f"controller-{controller.name}")
        self.started.set()

    def _start_leaders(self, leaders: _Stage) -> None:
        for runnable, needs_leader in self._runnables:
            if needs_leader:
                leaders.start(runnable.run(), type(runnable).__name__)
        for controller in self._controllers:
            if self._needs_leader(controller):
                leaders.start(controller.run(), f"controller-{controller.name}")

    def _needs_leader(self, controller: Controller) -> bool:
        return controller.needs_leader and self.shard is None

    async def _drain(self, leaders: _Stage, others: _Stage) -> None:
        """Let controllers finish what they have in flight."""
        for controller in self._controllers:
            controller.stop()
        names = {f"controller-{controller.name}" for controller in self._controllers}
        working = [task for stage in (leaders, others) for task in stage.tasks if task.get_name() in names]
        if working:
            _, late = await asyncio.wait(working, timeout=self._drain_timeout)
            if late:
                _LOG.warning("reconciles did not finish within %.0f s and are cancelled", self._drain_timeout)
        await leaders.cancel()

    async def _flush(self, writers: _Stage) -> None:
        """Write the events that are left."""
        self._writers = None
        for recorder in self._recorders.values():
            recorder.close()
        if writers.tasks:
            await asyncio.wait(writers.tasks, timeout=_FLUSH_SECONDS)

    async def _wait_leading(self) -> None:
        if self.elector is not None:
            await self.elector.leading.wait()

    async def _wait_synced(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_SYNC_REMINDER):
                    for cluster in self.clusters.values():
                        await cluster.cache.wait_synced()
                return
            except TimeoutError:
                _LOG.warning("still waiting: %s", self._readiness.caches())

    async def _unless_stopping(self, awaited: Coroutine[Any, Any, None]) -> bool:
        """Wait for `awaited`; False if the manager is to stop before that."""
        task, stopping = asyncio.ensure_future(awaited), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
            return not self._stopping.is_set()
        finally:
            for future in (task, stopping):
                future.cancel()
            await asyncio.wait([task, stopping])

    def _cluster(self, name: str, config: Config | Client) -> Cluster:
        client = config if isinstance(config, Client) else Client(config, metrics=self._client_metrics)
        if isinstance(client, CachedClient):
            client = client.live
        cache = Cache(
            client, namespaces=[namespace for namespace in self._namespaces if namespace], metrics=self._cache_metrics
        )
        return Cluster(name, CachedClient(client, cache), cache)

    def _new_elector(self, election: LeaderElection | None, fence: Fence | None) -> LeaderElector | None:
        if election is None:
            return None
        return LeaderElector(
            self.client.live,
            election.name,
            election.namespace,
            election.identity,
            lease_duration=election.lease_duration,
            renew_deadline=election.renew_deadline,
            retry_period=election.retry_period,
            release_on_exit=election.release_on_exit,
            fence=fence,
            metrics=LeaderElectionMetrics(self.registry),
            recorder=self.events("leader-election"),
        )

    def _new_member(self, sharding: Sharding | None, fence: Fence | None) -> ShardMember | None:
        if sharding is None:
            return None
        identity = sharding.identity or default_identity()
        return ShardMember(
            self.client.live, sharding, identity, busy=self._in_flight, gained=self._take_over, fence=fence
        )

    def _in_flight(self) -> list[Request]:
        return [request for controller in self._controllers for request in controller.queue.processing]

    def _take_over(self, is_new: Callable[[Request], bool]) -> None:
        for controller in self._controllers:
            controller.take_over(is_new)


class _Stage:
    """Tasks that are started and stopped together."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self._group.create_task(coroutine, name=name)
        self.tasks.append(task)
        return task

    async def cancel(self) -> None:
        """Cancel those that still run and wait for their end."""
        running = [task for task in self.tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


def _check_addresses(
    addresses: Mapping[str, str], tls: Mapping[str, ssl.SSLContext | None], guarded: Mapping[str, bool]
) -> None:
    for address in addresses.values():
        parse_address(address)
    for endpoint, context in tls.items():
        if guarded[endpoint] and context is None:
            raise ValueError(f"{endpoint}_auth requires {endpoint}_tls; bearer tokens over plain HTTP are not allowed")
        if context is None or parse_address(addresses[endpoint]) is None:
            continue
        for other, address in addresses.items():
            # One address speaks either HTTP or HTTPS, and with one certificate.
            if address == addresses[endpoint] and tls.get(other) is not context:
                raise ValueError(f"{endpoint} over HTTPS needs an address of its own, not {address}")


def _all_well() -> None:
    return None


def _process_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
