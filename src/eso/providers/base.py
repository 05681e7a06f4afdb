"""What every provider implements, and what it is given.

A provider is a package under `eso.providers`, found by a table (`registry.py`), imported on first use. It has a `Provider`
(stateless, one per process) and a `SecretsClient` (one per store identity, alive while the store and its credentials are
unchanged). ESO's words live in `client.py`, the vendor's in `api.py`.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel

from eso.api.meta_v1 import RetrySettings
from eso.errors import InvalidRequestError
from eso.identity.context import SignInContext
from eso.values import SecretMap, SecretValue
from reconcile.client.client import Client

__all__ = [
    "Capabilities",
    "FindRef",
    "Maintenance",
    "Provider",
    "ProviderCalls",
    "PushEntry",
    "PushRemoteRef",
    "RemoteRef",
    "SecretsClient",
    "SourceSecret",
    "StoreContext",
    "ValidationResult",
]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
SpecT = TypeVar("SpecT", bound=BaseModel)


class Capabilities(enum.StrEnum):
    """What a store can do; shown in its status."""

    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


class Maintenance(enum.StrEnum):
    """How well a provider is kept; anything but MAINTAINED warns at admission and by an event."""

    MAINTAINED = "Maintained"
    NOT_MAINTAINED = "NotMaintained"
    DEPRECATED = "Deprecated"


class ValidationResult(enum.StrEnum):
    """Outcome of a run-time probe that raised nothing; the store is Ready either way."""

    READY = "Ready"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class RemoteRef:
    """Which secret to read: `spec.data[].remoteRef` or `dataFrom[].extract`."""

    key: str
    property: str = ""
    version: str = ""
    metadata_policy: Literal["None", "Fetch"] = "None"


@dataclass(frozen=True, slots=True)
class FindRef:
    """Which secrets to look for: `dataFrom[].find`.

    `name_regexp` is RE2, unanchored, None when the spec has no `name`. `tags` is None when the spec has none.
    `conversion_strategy` is given for the few providers that convert keys themselves.
    """

    path: str | None = None
    name_regexp: str | None = None
    tags: Mapping[str, str] | None = None
    conversion_strategy: str = "Default"


@dataclass(frozen=True, slots=True)
class PushRemoteRef:
    """Where a pushed value lives at the provider."""

    remote_key: str
    property: str = ""


@dataclass(frozen=True, slots=True)
class PushEntry:
    """One value to push: which key of the source (empty: the whole Secret), where to, and options.

    `metadata` is the raw JSON of the entry, or None; `eso.providers.common.parse_push_metadata` reads the envelope.
    """

    secret_key: str
    remote: PushRemoteRef
    metadata: Any = None


@dataclass(frozen=True, slots=True)
class SourceSecret:
    """The Secret that is pushed, after template and key conversion."""

    data: Mapping[str, SecretValue]
    type: str = "Opaque"
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    namespace: str = ""


class ProviderCalls(Protocol):
    """The way to the vendor: shared, counted, within budget. Every vendor request goes through one of these.

    Calls count in `externalsecret_provider_api_calls_count{provider, call, status}`. The broker (`eso.stores.broker`) shares
    equal reads between objects of the same store identity; outside it (`eso.providers.common.DirectCalls`) each is a call of
    its own.
    """

    async def read(self, call: str, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        """A read that equal reads may share.

        Args:
            call: the metric label, for example `GetSecretValue`.
            key: everything the answer depends on within this client: remote key, version, options. Not the property.
            fetch: makes one vendor request and maps its errors to `eso.errors`.
        """

    async def read_batched(
        self,
        call: str,
        key: K,
        fetch_many: Callable[[Sequence[K]], Awaitable[Mapping[K, T | Exception]]],
        *,
        limit: int,
        single_call: str = "",
    ) -> T:
        """As `read`, but reads that arrive together become one vendor request of up to `limit` keys.

        `fetch_many` answers for each key with a value or an error; a key it leaves out raises NoSecretError. `single_call` is
        the metric label where `fetch_many` makes another request for a key that is alone.
        """

    async def write(self, call: str, send: Callable[[], Awaitable[T]]) -> T:
        """A request that changes something, or whose answer must not be shared."""


class StoreContext(SignInContext, Protocol):
    """What a provider is given to build a client from: identity of the store, resolver, HTTP, clients."""

    @property
    def store_kind(self) -> str:
        """`SecretStore` or `ClusterSecretStore`."""

    @property
    def store_name(self) -> str:
        """Name of the store."""

    @property
    def store_namespace(self) -> str:
        """Namespace of a SecretStore; empty for a ClusterSecretStore."""

    @property
    def store_uid(self) -> str:
        """UID of the store object; empty when it is read from a file."""

    @property
    def store_generation(self) -> int:
        """Generation of the store object."""

    @property
    def retry_settings(self) -> RetrySettings | None:
        """`spec.retrySettings`; None when absent."""

    @property
    def kube(self) -> Client:
        """The operator's own client of the API server; for the kubernetes and crd providers' TokenRequests only."""

    @property
    def option(self) -> Mapping[str, Any]:
        """Process-wide feature flags a provider may read, by flag name without dashes in front."""

    def calls(self, provider: str) -> ProviderCalls:
        """The metered way to the vendor; `provider` is the metric label, for example `AWS/SecretsManager`."""


class SecretsClient(abc.ABC):
    """Reads (and writes) secrets of one store. Methods raise `eso.errors`; texts never hold a value."""

    @abc.abstractmethod
    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The value of one secret, or of a property of it.

        Raises:
            NoSecretError: it does not exist.
        """

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The secret as keys and values (`dataFrom.extract`)."""
        raise self._unsupported("dataFrom.extract")

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """Every secret that matches (`dataFrom.find`)."""
        raise self._unsupported("dataFrom.find")

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Write one value; an unchanged value is not written again."""
        raise self._unsupported("PushSecret")

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Remove a value that this operator wrote; already gone is success."""
        raise self._unsupported("deletionPolicy Delete")

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether the provider has it."""
        raise self._unsupported("updatePolicy IfNotExists")

    async def validate(self) -> ValidationResult:
        """Probe the store with the credentials at hand.

        Raises:
            ValidationUnknownError: it could not be determined; the store stays Ready with reason ValidationUnknown.
            EsoError: the store does not work.
        """
        return ValidationResult.READY

    async def close(self) -> None:
        """Log out and let go of connections. Called once, when the store or its credentials changed, or at exit."""
        return

    @staticmethod
    def _unsupported(what: str) -> Exception:
        return InvalidRequestError(f"not implemented: {what} is not supported by this provider")


class Provider(abc.ABC, Generic[SpecT]):
    """One kind of backend. Stateless: everything that lives belongs to a client."""

    name: ClassVar[str]
    """Key under `spec.provider`."""

    spec_type: ClassVar[type[BaseModel]]
    """Model of `spec.provider.<name>`."""

    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY
    maintenance: ClassVar[Maintenance] = Maintenance.MAINTAINED

    batches: ClassVar[bool] = False
    """Whether its clients read through `ProviderCalls.read_batched`; refreshes of such stores come in bursts that fill batches."""

    reads_back: ClassVar[bool] = True
    """Whether reading what was pushed is sure to change nothing and to find it; where it is not, every refresh pushes anew."""

    rate_limit: ClassVar[tuple[float, int] | None] = None
    """Calls per second and calls at once that the vendor allows an account by default; None when it states none."""

    def rate_limit_of(self, spec: SpecT) -> tuple[float, int] | None:
        """As `rate_limit`, for the part of the vendor that a store uses."""
        return self.rate_limit

    @abc.abstractmethod
    async def new_client(self, spec: SpecT, context: StoreContext) -> SecretsClient:
        """A connected client.

        Raises:
            EsoError: credentials are missing or refused, or the spec cannot work.
        """

    def validate_store(self, spec: SpecT, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Check the spec without talking to anybody; also run by the webhook.

        Returns:
            Warnings for the user.

        Raises:
            InvalidSpecError: the message names the field and the fix.
        """
        return ()

    def is_referent(self, spec: SpecT) -> bool:
        """Whether credentials come from the consumer's namespace (only asked for a ClusterSecretStore).

        Such a store cannot be probed without a consumer: validation answers Unknown and the store is Ready.
        """
        return False
