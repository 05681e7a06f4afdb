"""Generators without a cluster: values are made, but nothing is recorded, for tools that only show the result."""

from __future__ import annotations

from collections.abc import Mapping

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.refs import GeneratorRef
from eso.errors import InvalidSpecError
from eso.generators.registry import GeneratorRegistry
from eso.generators.resolve import GeneratorResolver
from eso.generators.runner import ContextSource, GeneratorRunner
from eso.values import reveal_all

__all__ = ["OfflineGenerators"]


class OfflineGenerators:
    """Makes values from manifests at hand.

    A generator that would leave something behind at a vendor is refused: nobody would undo it.

    Args:
        contexts: what generators run with; the API server in it is where they are read from.
        registry: the generators; the built-in ones by default.
    """

    def __init__(self, contexts: ContextSource, registry: GeneratorRegistry | None = None) -> None:
        self._contexts = contexts
        self._registry = registry or GeneratorRegistry()
        self._runner = GeneratorRunner(contexts, self._registry)

    async def generate(self, es: ExternalSecret, index: int, ref: GeneratorRef) -> Mapping[str, bytes]:
        """New values for `spec.dataFrom[index]`.

        Raises:
            InvalidSpecError: the reference is wrong, or the generator leaves something behind.
            ReferenceNotFoundError: there is no such generator.
            ProviderError: the generator failed.
        """
        async with self._contexts.generator_context(es.namespace) as context:
            resolved = await GeneratorResolver(context.kube, self._registry).resolve(ref, es.namespace)
        if resolved.generator.leaves_state:
            raise InvalidSpecError(
                f"generator {resolved.kind} {ref.name} creates a credential that must be revoked later:"
                " it runs only in a cluster; give values with --data instead"
            )
        return reveal_all((await self._runner.generate(resolved, es.namespace)).values)

    async def not_a_generator(self, es: ExternalSecret, index: int) -> None:
        """Nothing is recorded, so nothing is retired."""

    async def commit(self, es: ExternalSecret) -> None:
        """Nothing is recorded."""

    async def roll_back(self, es: ExternalSecret) -> None:
        """Nothing is recorded."""
