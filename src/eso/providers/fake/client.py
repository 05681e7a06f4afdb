"""Reading and pushing fixed values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eso.errors import InvalidRequestError, NoSecretError, ProviderError, ValidationUnknownError
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import select_property, split_map
from eso.providers.fake.spec import FakeProviderData
from eso.transform.conversion import convert_keys
from eso.transform.find import name_matcher
from eso.values import SecretMap, SecretValue

__all__ = ["FakeClient", "FakeStore"]

_UNKNOWN = 1


@dataclass(frozen=True, slots=True)
class _Entry:
    value: SecretValue
    from_spec: bool


class FakeStore:
    """Values of one store by key and version."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], _Entry] = {}

    def load(self, data: Sequence[FakeProviderData]) -> None:
        """Take the values of a spec in place of those of the spec before."""
        kept = {place: entry for place, entry in self._entries.items() if not entry.from_spec}
        loaded = {(item.key, item.version or ""): _Entry(SecretValue(item.value), True) for item in data}
        self._entries = {**kept, **loaded}

    def get(self, key: str, version: str) -> SecretValue | None:
        """The value under a key and version."""
        found = self._entries.get((key, version))
        return None if found is None else found.value

    def latest(self) -> SecretMap:
        """Each key with its greatest version, by text."""
        found: SecretMap = {}
        for (key, _), entry in sorted(self._entries.items(), key=lambda item: item[0]):
            found[key] = entry.value
        return found

    def push(self, key: str, value: SecretValue) -> None:
        """Store a value without a version.

        Raises:
            ProviderError: the key comes from the spec.
        """
        found = self._entries.get((key, ""))
        if found is not None and found.from_spec:
            raise ProviderError("key already exists")
        self._entries[key, ""] = _Entry(value, False)


class FakeClient(SecretsClient):
    """A client of one store's values."""

    def __init__(self, store: FakeStore, validation_result: int) -> None:
        self._store = store
        self._validation_result = validation_result

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The value, or a property of it."""
        found = self._store.get(ref.key, ref.version)
        if found is None:
            raise NoSecretError
        return select_property(found, ref.property, key=ref.key)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the value."""
        return split_map(await self.get_secret(ref), key=ref.key)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The values whose key matches `name.regexp`."""
        if ref.name_regexp is None:
            raise InvalidRequestError("unsupported find operator: the fake provider finds by name.regexp only")
        matcher = name_matcher(ref.name_regexp)
        found = {key: value for key, value in self._store.latest().items() if matcher.search(key)}
        return convert_keys(found, ref.conversion_strategy)

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Keep the value of the source key; without a source key an empty one."""
        self._store.push(entry.remote.remote_key, source.data.get(entry.secret_key, SecretValue(b"")))

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Nothing is deleted."""

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether there is a value without a version."""
        return self._store.get(remote.remote_key, "") is not None

    async def validate(self) -> ValidationResult:
        """What the spec says."""
        if self._validation_result == 0:
            return ValidationResult.READY
        if self._validation_result == _UNKNOWN:
            raise ValidationUnknownError("unable to validate")
        raise ProviderError("unable to validate")
