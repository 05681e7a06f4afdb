"""What a generator runs with, without a cluster: Secrets and ServiceAccounts from dictionaries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from eso.api.meta_v1 import ServiceAccountSelector
from eso.cli.offline import ManifestTransport
from eso.errors import ReferenceNotFoundError
from eso.generators.base import Generator
from eso.providers.calls import ProviderCallMetrics
from eso.stores.context import GeneratorCallContext
from eso.stores.credentials import CredentialReader
from eso.values import SecretValue, reveal_all
from reconcile.client.client import Client

__all__ = ["GeneratorBench"]

NAMESPACE = "consumer"


class _Context(GeneratorCallContext):
    """The real context, but tokens of ServiceAccounts are `token-of-<name>`: there is no API server to sign them."""

    def __init__(self, bench: GeneratorBench, client: Client, reader: CredentialReader) -> None:
        super().__init__(NAMESPACE, reader=reader, kube=client, metrics=bench.metrics)
        self._bench = bench

    async def service_account_token(
        self, ref: ServiceAccountSelector, audiences: Sequence[str] = (), ttl: float = 3600.0
    ) -> SecretValue:
        if ref.name not in self._bench.accounts:
            raise ReferenceNotFoundError(f"service account {ref.name} not found")
        self._bench.requested.append((ref.name, (*(ref.audiences or ()), *audiences)))
        return SecretValue(f"token-of-{ref.name}")


class GeneratorBench:
    """Runs one generator.

    Args:
        secrets: name -> key -> text; a name may carry labels as `name|label=value`.
        accounts: name -> annotations.
    """

    def __init__(
        self,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        accounts: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.accounts = dict(accounts or {})
        self.requested: list[tuple[str, tuple[str, ...]]] = []
        self.registry = CollectorRegistry()
        self.metrics = ProviderCallMetrics(self.registry)
        self._documents: list[dict[str, Any]] = [
            _document("Secret", name, stringData=dict(data)) for name, data in (secrets or {}).items()
        ]
        for name, noted in self.accounts.items():
            document = _document("ServiceAccount", name)
            document["metadata"]["annotations"] = dict(noted)
            self._documents.append(document)

    async def generate(
        self, generator: Generator[Any], spec: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, str], Any]:
        """What it makes: values as text, and the state."""
        async with self.context() as context:
            made = await generator.generate(generator.spec_type.model_validate(spec or {}), context)
        return {key: value.decode() for key, value in reveal_all(made.values).items()}, made.state

    async def cleanup(self, generator: Generator[Any], spec: Mapping[str, Any], state: Any) -> None:
        """Undo it."""
        async with self.context() as context:
            if generator.left_behind(state):
                await generator.cleanup(generator.spec_type.model_validate(spec), state, context)

    @asynccontextmanager
    async def context(self) -> AsyncIterator[GeneratorCallContext]:
        """What generators are given."""
        client = Client(ManifestTransport(self._documents))
        reader = CredentialReader(client)
        context = _Context(self, client, reader)
        try:
            yield context
        finally:
            await context.sessions.close()
            await reader.close()


def _document(kind: str, name: str, **members: Any) -> dict[str, Any]:
    name, _, label = name.partition("|")
    key, _, value = label.partition("=")
    metadata: dict[str, Any] = {"name": name, "namespace": NAMESPACE}
    if key:
        metadata["labels"] = {key: value}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **members}
