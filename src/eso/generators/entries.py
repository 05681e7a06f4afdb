"""The generator entries of ExternalSecrets: `spec.dataFrom[].sourceRef.generatorRef`."""

from __future__ import annotations

from collections.abc import Mapping

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.refs import GeneratorRef
from eso.generators.generation import Generation
from eso.generators.resolve import GeneratorResolver

__all__ = ["ExternalSecretGenerators"]


class ExternalSecretGenerators:
    """What the externalsecret controller asks of generators.

    Args:
        generation: makes the values.
        resolver: finds the classes.
    """

    def __init__(self, generation: Generation, resolver: GeneratorResolver) -> None:
        self._generation = generation
        self._resolver = resolver

    async def generate(self, es: ExternalSecret, index: int, ref: GeneratorRef) -> Mapping[str, bytes]:
        """New values for `spec.dataFrom[index]`; raises as `Generation.generate`."""
        return await self._generation.generate(es, str(index), ref)

    async def not_a_generator(self, es: ExternalSecret, index: int) -> None:
        """`spec.dataFrom[index]` is no generator entry: what an earlier one left is retired."""
        await self._generation.retire(es, str(index))

    async def commit(self, es: ExternalSecret) -> None:
        """The values are in the target; what they supersede, and what removed entries left, is retired."""
        await self._generation.commit(es, complete=True)

    async def roll_back(self, es: ExternalSecret) -> None:
        """The values will not be used: undo what was made."""
        await self._generation.roll_back(es)

    async def controller_class(self, ref: GeneratorRef, namespace: str) -> str | None:
        """`spec.controller` of a generator; None when it has none or cannot be resolved."""
        return await self._resolver.controller_class(ref, namespace)
