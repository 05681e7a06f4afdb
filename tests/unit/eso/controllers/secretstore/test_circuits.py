"""What a store's condition says while calls to its provider are held back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.controllers.conditions import LONGEST_MESSAGE, ready
from eso.controllers.secretstore.circuits import HELD_BACK, CircuitReporter, with_circuit
from eso.stores.circuits import Circuits
from eso.stores.metrics import StoreMetrics
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.loop import run
from tests.support.echo_store import world

LABEL = ("ClusterSecretStore", "", "shared")
NOW = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "before", "is_open", "after"),
    [
        (True, "store validated", True, "store validated" + HELD_BACK),
        (True, "store validated" + HELD_BACK, True, "store validated" + HELD_BACK),
        (True, "store validated" + HELD_BACK, False, "store validated"),
        (False, "unable to validate store: out", True, "unable to validate store: out"),
    ],
)
def test_only_a_ready_store_gets_the_sentence(status: bool, before: str, is_open: bool, after: str) -> None:
    assert with_circuit(ready(status, "Valid", before), is_open=is_open).message == after


def test_a_long_message_stays_within_its_bound() -> None:
    message = with_circuit(ready(True, "Valid", "x" * LONGEST_MESSAGE), is_open=True).message
    assert len(message) == LONGEST_MESSAGE
    assert message.endswith(HELD_BACK)


def test_a_store_is_held_back_while_one_of_its_clients_is() -> None:
    registry = CollectorRegistry()
    circuits = Circuits(StoreMetrics(registry))
    told: list[tuple[str, str, str]] = []
    stop = circuits.listen(told.append)
    labels = dict(zip(("store_kind", "store_namespace", "store"), LABEL, strict=True))
    for broker, is_open, wanted in ((1, True, 1.0), (2, True, 1.0), (1, True, 1.0), (1, False, 1.0), (2, False, 0.0)):
        circuits.changed(LABEL, broker, is_open)
        assert registry.get_sample_value("externalsecret_store_circuit_open", labels) == wanted
    assert told == [LABEL, LABEL]
    stop()
    circuits.changed(LABEL, 1, True)
    assert len(told) == 2
    assert not circuits.is_open(("SecretStore", "", "shared"))


def test_the_message_follows_the_circuit_and_ready_does_not() -> None:
    async def main() -> None:
        async with world() as found:
            store = await found.cluster_store("shared", {})
            await found.client.patch_status(
                store,
                {
                    "conditions": [
                        {
                            "type": "Ready",
                            "status": "True",
                            "reason": "Valid",
                            "message": "store validated",
                            "lastTransitionTime": "2026-01-01T00:00:00Z",
                        }
                    ]
                },
            )
            circuits = Circuits(StoreMetrics(CollectorRegistry()))
            reporter = CircuitReporter(ClusterSecretStore, found.client, circuits, lambda: NOW)
            task = asyncio.create_task(reporter.run(lambda request: None))
            await asyncio.sleep(0)
            versions = set()
            for is_open, message in ((True, "store validated" + HELD_BACK), (False, "store validated")):
                circuits.changed(LABEL, "broker", is_open)
                circuits.changed(("SecretStore", "gone", "gone"), "other", is_open)
                await asyncio.sleep(5)
                after = await found.client.get(ClusterSecretStore, "shared")
                [condition] = after.status.conditions or []
                assert (condition.status, condition.reason, condition.message) == ("True", "Valid", message)
                assert condition.last_transition_time == datetime(2026, 1, 1, tzinfo=UTC)
                versions.add(after.metadata.resource_version)
            # A circuit that closes within a moment is not worth a write, nor is a store that is gone worth a try.
            circuits.changed(LABEL, "broker", True)
            circuits.changed(LABEL, "broker", False)
            circuits.changed(("ClusterSecretStore", "", "gone"), "broker", True)
            await asyncio.sleep(5)
            after = await found.client.get(ClusterSecretStore, "shared")
            assert after.metadata.resource_version in versions
            task.cancel()
            await asyncio.wait({task})

    run(main())


def test_a_write_that_fails_is_made_again_more_and_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            fault = server.faults.add(lambda request: "clustersecretstores" in request.path, status=403)
            circuits = Circuits(StoreMetrics(CollectorRegistry()))
            reporter = CircuitReporter(ClusterSecretStore, Client(server.transport), circuits, lambda: NOW)
            task = asyncio.create_task(reporter.run(lambda request: None))
            await asyncio.sleep(0)
            circuits.changed(LABEL, "broker", True)
            await asyncio.sleep(200)
            assert 6 <= fault.hits <= 9
            task.cancel()
            await asyncio.wait({task})

    run(main())
    assert all("could not be shown" in record.message for record in caplog.records)
