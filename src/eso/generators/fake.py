"""Fake: the values of its spec, for tests and demonstrations."""

from __future__ import annotations

from eso.api.generators_v1alpha1.fake import FakeSpec
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.values import wrap_all

__all__ = ["FakeGenerator"]


class FakeGenerator(Generator[FakeSpec]):
    """Makes the same values every time."""

    kind = "Fake"
    spec_type = FakeSpec

    async def generate(self, spec: FakeSpec, context: GeneratorContext) -> Generated:
        """`spec.data` as it is."""
        return Generated(wrap_all(spec.data or {}))
