"""What the stores layer counts."""

from __future__ import annotations

from contextlib import suppress
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

from eso.providers.calls import ProviderCallMetrics

__all__ = ["Outcome", "StoreMetrics"]

Outcome = Literal["made", "joined", "batched", "refused"]

_STORE: Final = ["store_kind", "store_namespace", "store"]
_OUTCOMES: Final[tuple[Outcome, ...]] = ("made", "joined", "batched", "refused")


class StoreMetrics:
    """Counters of broker and client pool; one for each process.

    Args:
        registry: where they are exposed.
        calls: the counters of provider calls; None makes them in the same registry.
    """

    def __init__(self, registry: CollectorRegistry, calls: ProviderCallMetrics | None = None) -> None:
        self.calls = calls or ProviderCallMetrics(registry)
        self._outcomes = Counter(
            "externalsecret_store_reads_total",
            "Reads of a store: made as a call, joined to another's, put into a batch, or refused.",
            [*_STORE, "outcome"],
            registry=registry,
        )
        self._circuit = Gauge(
            "externalsecret_store_circuit_open",
            "1 while calls to the store's provider are refused because it does not answer.",
            _STORE,
            registry=registry,
        )
        self._clients = Gauge(
            "externalsecret_store_clients", "Provider clients that are alive.", _STORE, registry=registry
        )
        self._logins = Counter(
            "externalsecret_store_clients_created_total",
            "Provider clients made, by result.",
            [*_STORE, "status"],
            registry=registry,
        )

    def count(self, store: tuple[str, str, str], outcome: Outcome) -> None:
        """One read of a store (kind, namespace, name) ended this way."""
        self._outcomes.labels(*store, outcome).inc()

    def circuit(self, store: tuple[str, str, str], open_: bool) -> None:
        """Calls to the store are refused, or no longer."""
        self._circuit.labels(*store).set(1 if open_ else 0)

    def clients(self, store: tuple[str, str, str], number: int) -> None:
        """How many clients of the store are alive."""
        self._clients.labels(*store).set(number)

    def created(self, store: tuple[str, str, str], *, success: bool) -> None:
        """A client was made, or could not be."""
        self._logins.labels(*store, "success" if success else "error").inc()

    def forget(self, store: tuple[str, str, str]) -> None:
        """Remove the series of a store that is gone."""
        series = (
            *((self._outcomes, (*store, outcome)) for outcome in _OUTCOMES),
            *((self._logins, (*store, status)) for status in ("success", "error")),
            (self._circuit, store),
            (self._clients, store),
        )
        for metric, labels in series:
            with suppress(KeyError):
                metric.remove(*labels)
