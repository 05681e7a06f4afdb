"""UUID: random UUIDs."""

from __future__ import annotations

import uuid

from eso.api.generators_v1alpha1.uuid import UUIDSpec
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.values import wrap_all

__all__ = ["UUIDGenerator"]


class UUIDGenerator(Generator[UUIDSpec]):
    """Makes a version 4 UUID, in lower case with hyphens, under the key `uuid`."""

    kind = "UUID"
    spec_type = UUIDSpec

    async def generate(self, spec: UUIDSpec, context: GeneratorContext) -> Generated:
        """A new UUID."""
        return Generated(wrap_all({"uuid": str(uuid.uuid4())}))
