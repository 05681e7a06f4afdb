"""A provider whose values a test changes while the operator runs, and one that signs in with a token."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import AccessDeniedError, NoSecretError, ValidationUnknownError
from eso.providers.base import (
    Capabilities,
    FindRef,
    Maintenance,
    Provider,
    RemoteRef,
    SecretsClient,
    StoreContext,
    ValidationResult,
)
from eso.providers.common import select_property, split_map
from eso.providers.fake.spec import FakeSpec
from eso.transform.conversion import convert_keys
from eso.transform.find import name_matcher
from eso.values import SecretMap, SecretValue
from reconcile.api.model import Model

__all__ = ["ShelfProvider", "TokenProvider"]


class ShelfProvider(Provider[FakeSpec]):
    """Answers from `values` of the consumer's namespace; an exception as value is raised.

    Attributes:
        values: by namespace and key.
        reads: how often each namespace asked.
        refused: namespaces whose stores do not work.
        broken: namespaces for whose stores the provider has a defect.
        checks: how often stores of each namespace were validated.
        open: namespaces whose reads hang, with what lets them go on.
    """

    name: ClassVar[str] = "fake"
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE
    maintenance: ClassVar[Maintenance] = Maintenance.NOT_MAINTAINED
    spec_type: ClassVar[type[BaseModel]] = FakeSpec

    def __init__(self) -> None:
        self.values: dict[str, dict[str, str | bytes | Exception]] = {}
        self.reads: Counter[str] = Counter()
        self.refused: set[str] = set()
        self.broken: set[str] = set()
        self.checks: Counter[str] = Counter()
        self.open: dict[str, asyncio.Event] = {}

    async def new_client(self, spec: FakeSpec, context: StoreContext) -> SecretsClient:
        if context.consumer_namespace in self.broken:
            raise LookupError("a secret")
        return _ShelfClient(self, spec, context)

    def validate_store(self, spec: FakeSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        return ()


class _ShelfClient(SecretsClient):
    def __init__(self, provider: ShelfProvider, spec: FakeSpec, context: StoreContext) -> None:
        self._provider = provider
        self._namespace = context.consumer_namespace
        self._calls = context.calls("Shelf")
        self._unknown = spec.validation_result == 1
        self._own: dict[str, str | bytes | Exception] = {entry.key: entry.value for entry in spec.data}

    def _values(self) -> dict[str, str | bytes | Exception]:
        return {**self._own, **self._provider.values.get(self._namespace, {})}

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        async def fetch() -> SecretValue:
            self._provider.reads[self._namespace] += 1
            if self._namespace in self._provider.open:
                await self._provider.open[self._namespace].wait()
            value = self._values().get(ref.key)
            if value is None:
                raise NoSecretError
            if isinstance(value, Exception):
                raise value
            return SecretValue(value)

        return select_property(await self._calls.read("Get", ref.key, fetch), ref.property, key=ref.key)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        return split_map(await self.get_secret(ref), key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        self._provider.reads[self._namespace] += 1
        matcher = name_matcher(ref.name_regexp or ".*")
        found = {
            key: SecretValue(value)
            for key, value in self._values().items()
            if matcher.search(key) and not isinstance(value, Exception)
        }
        return convert_keys(found, ref.conversion_strategy)

    async def validate(self) -> ValidationResult:
        self._provider.checks[self._namespace] += 1
        if self._namespace in self._provider.refused:
            raise AccessDeniedError("the shelf is locked")
        if self._unknown:
            raise ValidationUnknownError("nobody knows")
        return ValidationResult.READY


class _TokenRef(Model):
    doppler_token: SecretKeySelector


class _TokenAuth(Model):
    secret_ref: _TokenRef


class _TokenSpec(Model):
    auth: _TokenAuth


class TokenProvider(Provider[_TokenSpec]):
    """Every key has the token as its value; the token `expired` is refused."""

    name: ClassVar[str] = "doppler"
    spec_type: ClassVar[type[BaseModel]] = _TokenSpec

    async def new_client(self, spec: _TokenSpec, context: StoreContext) -> SecretsClient:
        return _TokenClient(await context.resolve(spec.auth.secret_ref.doppler_token))

    def validate_store(self, spec: _TokenSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        return ()


class _TokenClient(SecretsClient):
    def __init__(self, token: SecretValue) -> None:
        self._token = token

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        if self._token.reveal() == b"expired":
            raise AccessDeniedError("the token has expired")
        return self._token

    async def validate(self) -> ValidationResult:
        await self.get_secret(RemoteRef("any"))
        return ValidationResult.READY
