"""The provider `fake`: what is stored where, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Maintenance, Provider, SecretsClient, StoreContext
from eso.providers.fake.client import FakeClient, FakeStore
from eso.providers.fake.spec import FakeSpec

__all__ = ["FakeProvider"]


class FakeProvider(Provider[FakeSpec]):
    """Values from the spec, and those that were pushed while this process runs.

    Each store has its own memory, found by its whole identity, so that nothing passes between stores of one name.
    """

    name: ClassVar[str] = "fake"
    spec_type: ClassVar[type[BaseModel]] = FakeSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE
    maintenance: ClassVar[Maintenance] = Maintenance.NOT_MAINTAINED

    def __init__(self) -> None:
        self._stores: dict[tuple[str, str, str, str], FakeStore] = {}

    async def new_client(self, spec: FakeSpec, context: StoreContext) -> SecretsClient:
        """A client; what came from an earlier spec of the store is dropped, what was pushed stays."""
        key = (context.store_kind, context.store_namespace, context.store_name, context.store_uid)
        store = self._stores.setdefault(key, FakeStore())
        store.load(spec.data)
        return FakeClient(store, spec.validation_result or 0)

    def validate_store(self, spec: FakeSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Every entry needs a key and a value."""
        for position, entry in enumerate(spec.data):
            if not entry.key:
                raise InvalidSpecError(f"key must be set in data {position}")
            if not entry.value:
                raise InvalidSpecError(f"at least one value must be set in data {position}")
        return ()
