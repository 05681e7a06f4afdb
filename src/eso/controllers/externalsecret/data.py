"""What the providers and generators give for one ExternalSecret: every entry fetched, shaped, and merged in order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from eso.api.externalsecrets_v1.externalsecret import (
    ExternalSecret,
    ExternalSecretData,
    ExternalSecretDataFromRemoteRef,
    ExternalSecretDataRemoteRef,
    ExternalSecretFind,
)
from eso.api.externalsecrets_v1.refs import GeneratorRef, SecretStoreRef
from eso.controllers.conditions import cause_of
from eso.errors import EsoError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import FindRef, RemoteRef
from eso.stores.client_manager import ClientManager
from eso.transform.conversion import convert_keys
from eso.transform.decoding import decode, decode_all
from eso.transform.keys import check_null_bytes, check_null_bytes_in, valid_keys
from eso.transform.rewrite import TemplateCompiler, rewrite
from eso.values import reveal_all
from reconcile.errors import APIError, TransportError

__all__ = ["Collected", "DataCollector", "Generators"]

DataMap = dict[str, bytes]


class Generators(Protocol):
    """Makes the values of generator entries, and keeps account of what they leave behind."""

    async def generate(self, es: ExternalSecret, index: int, ref: GeneratorRef) -> Mapping[str, bytes]:
        """New values for `spec.dataFrom[index]`."""

    async def not_a_generator(self, es: ExternalSecret, index: int) -> None:
        """`spec.dataFrom[index]` is no generator entry: what an earlier one left is retired."""

    async def commit(self, es: ExternalSecret) -> None:
        """The values are going to be used."""

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
        clients: gives provider clients.
        generators: gives generated values.
        compile_template: compiles the templates of `dataFrom[].rewrite[].transform`.
    """

    def __init__(self, clients: ClientManager, generators: Generators, compile_template: TemplateCompiler) -> None:
        self._clients = clients
        self._generators = generators
        self._compile_template = compile_template

    async def collect(self, es: ExternalSecret, *, max_age: float) -> Collected:
        """Fetch all entries at once and merge them: `dataFrom` in order, then `data` in order, later ones win.

        Args:
            es: the ExternalSecret.
            max_age: seconds that a value which another object has just read may be old; 0 asks the provider anew.

        Raises:
            EntryError: the first entry, in that order, that failed.
        """
        sources = es.spec.data_from or []
        items = es.spec.data or []
        jobs = [
            *(self._source(es, index, entry, max_age) for index, entry in enumerate(sources)),
            *(self._item(es, index, entry, max_age) for index, entry in enumerate(items)),
        ]
        results = await _all_of(jobs)
        collected = Collected()
        tolerant = es.spec.target.deletion_policy != "Retain"
        for position, result in enumerate(results):
            if not isinstance(result, BaseException):
                collected.data.update(result)
                continue
            if not (tolerant and _is_missing(result)):
                raise result
            collected.missing.append(_missing_text(es, position, len(sources)))
        return collected

    async def _source(
        self, es: ExternalSecret, index: int, entry: ExternalSecretDataFromRemoteRef, max_age: float
    ) -> DataMap:
        where = f"spec.dataFrom[{index}]"
        generator = entry.source_ref.generator_ref if entry.source_ref else None
        try:
            if entry.find is not None:
                where += ".find"
                await self._generators.not_a_generator(es, index)
                return await self._find(es, entry, entry.find, max_age)
            if entry.extract is not None:
                where += ".extract"
                await self._generators.not_a_generator(es, index)
                return await self._extract(es, entry, entry.extract, max_age)
            if generator is not None:
                where += ".sourceRef.generatorRef"
                data = dict(await self._generators.generate(es, index, generator))
                data = self._rewritten(entry, data)
                return valid_keys(data)
        except (EsoError, APIError, TransportError) as err:
            raise EntryError(f"error processing {where}, err: {cause_of(err)}") from err
        return {}

    async def _find(
        self, es: ExternalSecret, entry: ExternalSecretDataFromRemoteRef, find: ExternalSecretFind, max_age: float
    ) -> DataMap:
        ref = FindRef(
            path=find.path,
            name_regexp=find.name.regexp if find.name is not None else None,
            tags=find.tags,
            conversion_strategy=find.conversion_strategy or "Default",
        )
        async with self._clients.client(self._store_of(es, entry), es.namespace, max_age=max_age) as client:
            try:
                found = reveal_all(await client.get_all_secrets(ref))
            except NoSecretError:
                raise
            except ProviderError as err:
                raise type(err)(f"error getting all secrets: {err}") from err
        return self._shaped(entry, found, find)

    async def _extract(
        self,
        es: ExternalSecret,
        entry: ExternalSecretDataFromRemoteRef,
        extract: ExternalSecretDataRemoteRef,
        max_age: float,
    ) -> DataMap:
        async with self._clients.client(self._store_of(es, entry), es.namespace, max_age=max_age) as client:
            found = reveal_all(await client.get_secret_map(_remote_ref(extract)))
        return self._shaped(entry, found, extract)

    def _shaped(
        self,
        entry: ExternalSecretDataFromRemoteRef,
        data: DataMap,
        strategies: ExternalSecretFind | ExternalSecretDataRemoteRef,
    ) -> DataMap:
        data = self._rewritten(entry, data)
        if not entry.rewrite:
            strategy = strategies.conversion_strategy or "Default"
            try:
                data = convert_keys(data, strategy)
            except EsoError as err:
                raise InvalidSpecError(f"error applying conversion strategy {strategy} to keys: {err}") from err
        try:
            data = valid_keys(data)
        except EsoError as err:
            text = f"invalid secret keys (TIP: use rewrite or conversionStrategy to change keys): {err}"
            raise InvalidSpecError(text) from err
        decoding = strategies.decoding_strategy or "None"
        try:
            data = decode_all(data, decoding)
        except EsoError as err:
            raise InvalidSpecError(f"error applying decoding strategy {decoding} to data: {err}") from err
        check_null_bytes_in(data, strategies.null_byte_policy or "Ignore")
        return data

    def _rewritten(self, entry: ExternalSecretDataFromRemoteRef, data: DataMap) -> DataMap:
        if not entry.rewrite:
            return data
        try:
            return rewrite(entry.rewrite, data, self._compile_template)
        except EsoError as err:
            raise InvalidSpecError(f"error applying rewrite to keys: {err}") from err

    async def _item(self, es: ExternalSecret, index: int, entry: ExternalSecretData, max_age: float) -> DataMap:
        ref = entry.remote_ref
        store = (
            entry.source_ref.store_ref if entry.source_ref and entry.source_ref.store_ref else es.spec.secret_store_ref
        )
        try:
            if entry.source_ref and entry.source_ref.generator_ref:
                raise InvalidSpecError(
                    "sourceRef.generatorRef is not supported in data; use dataFrom[].sourceRef.generatorRef"
                )
            async with self._clients.client(store or SecretStoreRef(), es.namespace, max_age=max_age) as client:
                value = (await client.get_secret(_remote_ref(ref))).reveal()
            value = decode(value, ref.decoding_strategy or "None")
            check_null_bytes(entry.secret_key, value, ref.null_byte_policy or "Ignore")
        except (EsoError, APIError, TransportError) as err:
            raise EntryError(f"error processing spec.data[{index}] (key: {ref.key}), err: {cause_of(err)}") from err
        return {entry.secret_key: value}

    @staticmethod
    def _store_of(es: ExternalSecret, entry: ExternalSecretDataFromRemoteRef) -> SecretStoreRef:
        if entry.source_ref and entry.source_ref.store_ref:
            return entry.source_ref.store_ref
        return es.spec.secret_store_ref or SecretStoreRef()


def _remote_ref(ref: ExternalSecretDataRemoteRef) -> RemoteRef:
    return RemoteRef(
        key=ref.key,
        property=ref.property or "",
        version=ref.version or "",
        metadata_policy=ref.metadata_policy or "None",
    )


def _is_missing(err: BaseException) -> bool:
    return isinstance(err.__cause__, NoSecretError)


def _missing_text(es: ExternalSecret, position: int, sources: int) -> str:
    if position < sources:
        return f"secret does not exist at provider using spec.dataFrom[{position}]"
    index = position - sources
    key = (es.spec.data or [])[index].remote_ref.key
    return f"secret does not exist at provider using spec.data[{index}] (key={key})"


async def _all_of(jobs: Sequence[object]) -> list[DataMap | EntryError]:
    """Every job's result or its EntryError; any other error ends all of them."""

    async def settled(job: object) -> DataMap | EntryError:
        try:
            return await job  # type: ignore[misc,no-any-return]
        except EntryError as err:
            return err

    if len(jobs) == 1:
        return [await settled(jobs[0])]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(settled(job)) for job in jobs]
    return [task.result() for task in tasks]
