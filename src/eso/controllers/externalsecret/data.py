"""What the providers and generators give for one ExternalSecret: every entry fetched at once, merged in order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from eso.api.externalsecrets_v1.externalsecret import (
    ExternalSecret,
    ExternalSecretData,
    ExternalSecretDataFromRemoteRef,
    ExternalSecretDataRemoteRef,
    ExternalSecretFind,
    StoreGeneratorSourceRef,
    StoreSourceRef,
)
from eso.api.externalsecrets_v1.refs import GeneratorRef
from eso.controllers.conditions import cause_of
from eso.controllers.externalsecret.grouping import slot_group
from eso.controllers.externalsecret.shape import DataMap, rewritten, shaped, with_valid_keys
from eso.controllers.externalsecret.watches import store_refs
from eso.controllers.slots import SlotGroup
from eso.errors import EsoError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import FindRef, RemoteRef, SecretsClient
from eso.stores.client_manager import ClientManager
from eso.transform.decoding import decode
from eso.transform.keys import check_null_bytes
from eso.transform.rewrite import TemplateCompiler
from eso.values import reveal_all
from reconcile.errors import APIError, TransportError

__all__ = ["Collected", "DataCollector", "EntryError", "Generators"]


class Generators(Protocol):
    """Makes the values of generator entries, and keeps account of what they leave behind."""

    async def generate(self, es: ExternalSecret, index: int, ref: GeneratorRef) -> Mapping[str, bytes]:
        """New values for `spec.dataFrom[index]`."""

    async def not_a_generator(self, es: ExternalSecret, index: int) -> None:
        """`spec.dataFrom[index]` is no generator entry: what an earlier one left is retired."""

    async def commit(self, es: ExternalSecret) -> None:
        """The values are used now."""

    async def roll_back(self, es: ExternalSecret) -> None:
        """The values will not be used: undo what was made."""


@dataclass(slots=True)
class Collected:
    """The result of a collection.

    Attributes:
        data: keys and values for the target.
        missing: for each entry that does not exist at its provider, the sentence for an event.
    """

    data: DataMap = field(default_factory=dict, repr=False)
    missing: list[str] = field(default_factory=list)


class EntryError(ProviderError):
    """An entry could not be had; the message names the entry, `__cause__` says what happened."""


class DataCollector:
    """Collects the data of ExternalSecrets.

    Args:
        clients: lends provider clients.
        generators: gives generated values.
        compile_template: compiles the templates of `dataFrom[].rewrite[].transform`.
        flood_gate: do not ask a provider whose store is not Ready.
    """

    def __init__(
        self,
        clients: ClientManager,
        generators: Generators,
        compile_template: TemplateCompiler,
        *,
        flood_gate: bool,
    ) -> None:
        self._clients = clients
        self._generators = generators
        self._compile_template = compile_template
        self._flood_gate = flood_gate

    async def slot_group(self, es: ExternalSecret) -> SlotGroup | None:
        """With which others the object is refreshed; see `grouping.slot_group`."""
        batched = [await self._clients.batches(ref, es.namespace) for ref in store_refs(es)]
        return slot_group(es, batched=all(batched))

    async def collect(self, es: ExternalSecret, *, max_age: float) -> Collected:
        """Fetch all entries and merge them: `dataFrom` in order, then `data` in order, later ones win.

        Args:
            es: the ExternalSecret.
            max_age: seconds that a value which another object has read may be old; 0 asks the provider anew.

        Raises:
            EntryError: the first entry, in that order, that failed.
        """
        run = _Collection(self._clients, es, max_age, self._flood_gate)
        sources = es.spec.data_from or []
        items = es.spec.data or []
        results = await _settled(
            [
                *(self._source(run, index, entry) for index, entry in enumerate(sources)),
                *(self._item(run, index, entry) for index, entry in enumerate(items)),
            ]
        )
        collected = Collected()
        tolerant = es.spec.target.deletion_policy != "Retain"
        for position, result in enumerate(results):
            if not isinstance(result, EntryError):
                collected.data.update(result)
            elif tolerant and _is_missing(result):
                collected.missing.append(_missing_text(es, position, len(sources)))
            else:
                raise result
        return collected

    async def _source(self, run: _Collection, index: int, entry: ExternalSecretDataFromRemoteRef) -> DataMap:
        where = f"spec.dataFrom[{index}]"
        generator = entry.source_ref.generator_ref if entry.source_ref else None
        try:
            if entry.find is not None:
                where += ".find"
                await self._generators.not_a_generator(run.es, index)
                return shaped(entry, await _find(run, entry, entry.find), entry.find, self._compile_template)
            if entry.extract is not None:
                where += ".extract"
                await self._generators.not_a_generator(run.es, index)
                async with run.client(entry.source_ref) as client:
                    data = reveal_all(await client.get_secret_map(_remote_ref(entry.extract)))
                return shaped(entry, data, entry.extract, self._compile_template)
            if generator is not None:
                where += ".sourceRef.generatorRef"
                data = dict(await self._generators.generate(run.es, index, generator))
                return with_valid_keys(rewritten(entry, data, self._compile_template))
        except (EsoError, APIError, TransportError) as err:
            raise EntryError(f"error processing {where}, err: {cause_of(err)}") from err
        return {}

    async def _item(self, run: _Collection, index: int, entry: ExternalSecretData) -> DataMap:
        ref = entry.remote_ref
        try:
            if entry.source_ref and entry.source_ref.generator_ref:
                raise InvalidSpecError("data takes no generator; use dataFrom[].sourceRef.generatorRef")
            async with run.client(entry.source_ref) as client:
                value = (await client.get_secret(_remote_ref(ref))).reveal()
            value = decode(value, ref.decoding_strategy or "None")
            check_null_bytes(entry.secret_key, value, ref.null_byte_policy or "Ignore")
        except (EsoError, APIError, TransportError) as err:
            raise EntryError(f"error processing spec.data[{index}] (key: {ref.key}), err: {cause_of(err)}") from err
        return {entry.secret_key: value}


class _Collection:
    """One collection: all its reads count as asked for at the moment it began, so that equal ones are one call."""

    def __init__(self, clients: ClientManager, es: ExternalSecret, max_age: float, flood_gate: bool) -> None:
        self.es = es
        self._clients = clients
        self._clock = asyncio.get_running_loop().time
        self._oldest = self._clock() - max_age
        self._flood_gate = flood_gate

    def client(
        self, source: StoreSourceRef | StoreGeneratorSourceRef | None
    ) -> AbstractAsyncContextManager[SecretsClient]:
        """A client of the store that an entry reads from."""
        return self._clients.client(
            self.es.spec.secret_store_ref,
            self.es.namespace,
            source,
            max_age=self._clock() - self._oldest,
            flood_gate=self._flood_gate,
        )


async def _find(run: _Collection, entry: ExternalSecretDataFromRemoteRef, find: ExternalSecretFind) -> DataMap:
    ref = FindRef(
        path=find.path,
        name_regexp=find.name.regexp if find.name is not None else None,
        tags=find.tags,
        conversion_strategy=find.conversion_strategy or "Default",
    )
    async with run.client(entry.source_ref) as client:
        try:
            return reveal_all(await client.get_all_secrets(ref))
        except EsoError as err:
            raise EntryError(f"error getting all secrets: {err}") from err


def _is_missing(err: EntryError) -> bool:
    """Whether the provider said that the secret does not exist.

    Only what it raised counts, not why: a 404 that it reports as something else, a wrong address or a role that nobody knows,
    must not delete anything.
    """
    cause: BaseException | None = err
    while isinstance(cause, EntryError):
        cause = cause.__cause__
    return isinstance(cause, NoSecretError)


def _remote_ref(ref: ExternalSecretDataRemoteRef) -> RemoteRef:
    return RemoteRef(
        key=ref.key,
        property=ref.property or "",
        version=ref.version or "",
        metadata_policy=ref.metadata_policy or "None",
    )


def _missing_text(es: ExternalSecret, position: int, sources: int) -> str:
    if position < sources:
        return f"secret does not exist at provider using spec.dataFrom[{position}]"
    index = position - sources
    key = (es.spec.data or [])[index].remote_ref.key
    return f"secret does not exist at provider using spec.data[{index}] (key={key})"


async def _settled(jobs: Sequence[Coroutine[Any, Any, DataMap]]) -> list[DataMap | EntryError]:
    """Each job's result, or the EntryError it ended with; any other error ends all of them."""

    async def settle(job: Coroutine[Any, Any, DataMap]) -> DataMap | EntryError:
        try:
            return await job
        except EntryError as err:
            return err

    if len(jobs) == 1:
        return [await settle(jobs[0])]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(settle(job)) for job in jobs]
    return [task.result() for task in tasks]
