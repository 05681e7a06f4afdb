"""Runs generators: with a context that ends with the run, and without losing track of what a vendor has created."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from eso.errors import EsoError, InvalidSpecError, NoSecretError, ProviderError
from eso.generators.base import Generated, GeneratorContext
from eso.generators.registry import GeneratorRegistry
from eso.generators.resolve import Resolved, spec_of
from reconcile.errors import APIError, TransportError

__all__ = ["ContextSource", "GeneratorRunner", "completed"]

T = TypeVar("T")


class ContextSource(Protocol):
    """Gives generators what they run with; `eso.stores.client_manager.ClientManager` is one."""

    def generator_context(self, namespace: str) -> AbstractAsyncContextManager[GeneratorContext]:
        """What a generator that runs for an object of the namespace is given."""


class GeneratorRunner:
    """Runs generators.

    Args:
        contexts: what they run with.
        registry: the generators.
    """

    def __init__(self, contexts: ContextSource, registry: GeneratorRegistry) -> None:
        self._contexts = contexts
        self._registry = registry

    async def generate(self, resolved: Resolved, namespace: str, intent: Any = None) -> Generated:
        """Make new values for an object of the namespace.

        Args:
            resolved: the generator.
            namespace: of the object.
            intent: what was recorded before, see `Generator.intent`; None when nothing was.

        Raises:
            NoSecretError: the vendor has no values; its own error is the cause.
            ProviderError: the generator failed otherwise; likewise.
        """
        async with self._contexts.generator_context(namespace) as context:
            try:
                if intent is None:
                    return await resolved.generator.generate(resolved.spec, context)
                return await resolved.generator.generate_intended(resolved.spec, intent, context)
            except (EsoError, APIError, TransportError) as err:
                missing = isinstance(err, NoSecretError) and resolved.generator.tells_missing
                raise (NoSecretError if missing else ProviderError)(f"error using generator: {err}") from err

    async def clean_up(self, manifest: Any, state: Any, namespace: str) -> None:
        """Undo what was made. Safe to call twice.

        Args:
            manifest: of the generator, as it was.
            state: what it returned.
            namespace: where its references are resolved.

        Raises:
            InvalidSpecError: the manifest is not one of a generator.
            ProviderError: it could not be undone; trying again may help.
        """
        kind = manifest.get("kind") if isinstance(manifest, Mapping) else None
        if not isinstance(kind, str):
            raise InvalidSpecError("could not get generator: unable to unmarshal resource: it names no kind")
        if kind not in self._registry:
            raise InvalidSpecError("could not get generator: generator not found")
        generator = self._registry.get(kind)
        if not generator.left_behind(state):
            return
        async with self._contexts.generator_context(namespace) as context:
            try:
                await generator.cleanup(spec_of(generator, manifest), state, context)
            except (EsoError, APIError, TransportError) as err:
                raise ProviderError(f"could not cleanup generator state: {err}") from err


async def completed(work: Awaitable[T]) -> T:
    """The result of `work`, which is not interrupted: a cancellation takes effect when it is done.

    Between a vendor's creating a credential and our recording it there must be no way out. `work` has to bound its own time.

    Raises:
        asyncio.CancelledError: the caller was cancelled meanwhile; `work` has ended, whatever its result.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as err:
            if task.cancelled():
                raise
            cancelled = err
        except BaseException:  # noqa: BLE001 -- it is raised below, from the task
            break
    if cancelled is not None:
        if not task.cancelled():
            task.exception()
        raise cancelled
    return task.result()
