"""The configuration under `spec.provider.fake` of a store."""

from __future__ import annotations

from pydantic import Field

from reconcile.api.model import Model

__all__ = ["FakeProviderData", "FakeSpec"]


class FakeProviderData(Model):
    """One value under a key and an optional version."""

    key: str
    value: str = Field(repr=False)
    version: str | None = None


class FakeSpec(Model):
    """The values themselves, and what validation of the store shall answer: 0 ready, 1 unknown, 2 error."""

    data: list[FakeProviderData]
    validation_result: int | None = None
