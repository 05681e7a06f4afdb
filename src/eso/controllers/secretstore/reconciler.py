"""One pass over a store: can a client be made, does it work, who still needs the store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.controllers.conditions import cause_of, find, ready, with_condition
from eso.controllers.metrics import KindMetrics
from eso.controllers.secretstore.circuits import with_circuit
from eso.controllers.secretstore.usage import StoreUsers
from eso.errors import EsoError, ThrottledError, UnavailableError, ValidationUnknownError
from eso.providers.base import Maintenance
from eso.providers.registry import ProviderRegistry, provider_key
from eso.transform.interval import parse_refresh_interval
from reconcile.api.request import Request
from reconcile.client.cached import CachedClient
from reconcile.client.patch import MergePatch
from reconcile.controller import Result
from reconcile.errors import ConflictError, NotFoundError, RetryError
from reconcile.events import EventRecorder

__all__ = ["FINALIZER", "IGNORE_MAINTENANCE", "StoreReconciler", "StoreValidator"]

FINALIZER: Final = "secretstore.externalsecrets.io/finalizer"
IGNORE_MAINTENANCE: Final = "external-secrets.io/ignore-maintenance-checks"

_LOG: Final = logging.getLogger("controllers.SecretStore")
_UNMAINTAINED: Final = {
    Maintenance.NOT_MAINTAINED: (
        "StoreUnmaintained",
        "store isn't currently maintained. Please plan and prepare accordingly.",
    ),
    Maintenance.DEPRECATED: (
        "StoreDeprecated",
        "store is deprecated and will be removed on the next minor release. Please plan and prepare accordingly.",
    ),
}

S = TypeVar("S", SecretStore, ClusterSecretStore)


class StoreValidator(Protocol):
    """Tries a store out."""

    async def connect(self, store: SecretStore | ClusterSecretStore) -> Any:
        """Make a client for the store, or use the one that lives.

        Raises:
            EsoError: no client can be made.
        """

    async def validate(self, store: SecretStore | ClusterSecretStore) -> None:
        """Probe the store with that client.

        Raises:
            ValidationUnknownError: it cannot be determined.
            EsoError: it does not work.
        """

    def is_held_back(self, store: SecretStore | ClusterSecretStore) -> bool:
        """Whether calls to the store's provider are held back because it does not answer."""

    async def forget(self, kind: str, namespace: str, name: str) -> None:
        """The store is gone: let go of its clients."""


class StoreReconciler:
    """The reconcile function of the controllers of both kinds of store."""

    def __init__(
        self,
        kind: type[SecretStore] | type[ClusterSecretStore],
        client: CachedClient,
        *,
        validator: StoreValidator,
        registry: ProviderRegistry,
        users: StoreUsers | None,
        events: EventRecorder,
        metrics: KindMetrics,
        controller_class: str,
        requeue_interval: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._kind = kind
        self._client = client
        self._validator = validator
        self._registry = registry
        self._users = users
        self._events = events
        self._metrics = metrics
        self._class = controller_class
        self._requeue_interval = requeue_interval
        self._clock = clock

    async def reconcile(self, request: Request) -> Result:
        """One pass.

        Raises:
            RetryError: the store does not work; the condition says why.
        """
        store = await self._client.find(self._kind, request)
        if store is None:
            self._metrics.gone(request.name, request.namespace)
            self._metrics.forget_duration(request.name, request.namespace)
            await self._validator.forget(self._kind.resource.kind, request.namespace, request.name)
            return Result()
        with self._metrics.timed(request.name, request.namespace):
            if store.spec.controller and store.spec.controller != self._class:
                return Result()
            try:
                kept = await self._finalizer(store)
            except (ConflictError, NotFoundError):
                return Result(requeue=True)
            # A store that is being deleted is not worth a login.
            return Result() if kept.metadata.deleting else await self._check(kept)

    async def _finalizer(self, store: SecretStore | ClusterSecretStore) -> SecretStore | ClusterSecretStore:
        if self._users is None:
            return store
        present = FINALIZER in store.metadata.finalizers
        needed = self._users.must_stay(store)
        if present == needed or (store.metadata.deleting and not present):
            return store
        rest = [finalizer for finalizer in store.metadata.finalizers if finalizer != FINALIZER]
        finalizers = [*rest, FINALIZER] if needed else rest
        metadata = {"finalizers": finalizers or None, "resourceVersion": store.metadata.resource_version}
        return await self._client.patch(type(store), store.name, store.namespace, MergePatch({"metadata": metadata}))

    async def _check(self, store: SecretStore | ClusterSecretStore) -> Result:
        try:
            interval = parse_refresh_interval(store.spec.refresh_interval) or self._requeue_interval
        except EsoError as err:
            await self._not_ready(store, "InvalidStoreConfiguration", "", err)
            raise RetryError(cause_of(err), retry_after=self._requeue_interval) from err
        try:
            await self._validator.connect(store)
        except EsoError as err:
            await self._not_ready(store, "InvalidProviderConfig", "unable to create client", err)
            raise RetryError(f"could not get provider client: {cause_of(err)}", retry_after=_pause(err)) from err
        except Exception as err:
            # A provider is somebody else's code: the store says that it failed, the log says where.
            await self._not_ready(store, "InvalidProviderConfig", "unable to create client", err)
            raise
        try:
            await self._validator.validate(store)
        except ValidationUnknownError as err:
            await self._unknown(store, err)
            return Result(requeue_after=interval)
        except EsoError as err:
            await self._not_ready(store, "InvalidProviderConfig", "unable to validate store", err)
            raise RetryError(f"could not validate provider: {cause_of(err)}", retry_after=_pause(err)) from err
        except Exception as err:
            # As above.
            await self._not_ready(store, "InvalidProviderConfig", "unable to validate store", err)
            raise
        await self._valid(store)
        return Result(requeue_after=interval)

    async def _valid(self, store: SecretStore | ClusterSecretStore) -> None:
        key = provider_key(store.spec.provider, store.name)
        news = _is_news(store, "True", "Valid")
        if news and IGNORE_MAINTENANCE not in store.metadata.annotations:
            warning = _UNMAINTAINED.get(self._registry.maintenance(key, store.name))
            if warning is not None:
                self._events.event(store, "Warning", *warning)
        if news:
            self._events.event(store, "Normal", "Valid", "store validated")
        capabilities = self._registry.get(key, store.name).capabilities
        await self._write(store, True, "Valid", "store validated", capabilities=str(capabilities))

    async def _unknown(self, store: SecretStore | ClusterSecretStore, err: ValidationUnknownError) -> None:
        summary = "could not determine validation status"
        if _is_news(store, "True", "ValidationUnknown"):
            self._events.event(store, "Warning", "ValidationUnknown", cause_of(err))
        await self._write(store, True, "ValidationUnknown", summary)

    async def _not_ready(
        self, store: SecretStore | ClusterSecretStore, reason: str, summary: str, err: Exception
    ) -> None:
        cause = cause_of(err)
        self._events.event(store, "Warning", reason, cause)
        await self._write(store, False, reason, f"{summary}: {cause}" if summary else cause)

    async def _write(
        self,
        store: SecretStore | ClusterSecretStore,
        is_ready: bool,
        reason: str,
        message: str,
        *,
        capabilities: str | None = None,
    ) -> None:
        now = self._clock().replace(microsecond=0)
        condition = with_circuit(ready(is_ready, reason, message), is_open=self._validator.is_held_back(store))
        changes: dict[str, Any] = {"conditions": with_condition(store.status.conditions, condition, now)}
        if capabilities is not None:
            changes["capabilities"] = capabilities
        status = store.status.model_copy(update=changes)
        try:
            written = await self._client.patch_status(store, status)
        except NotFoundError:
            return
        self._metrics.observe(written, written.status.conditions)


def _is_news(store: SecretStore | ClusterSecretStore, status: str, reason: str) -> bool:
    """Whether the store did not say the same already; the same event every few minutes tells nobody anything."""
    condition = find(store.status.conditions)
    return condition is None or (condition.status, condition.reason) != (status, reason)


def _pause(err: EsoError) -> float:
    return err.retry_after or 0.0 if isinstance(err, ThrottledError | UnavailableError) else 0.0
