"""Which store a reference means, and whether it may be used from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.refs import SecretStoreRef
from eso.api.externalsecrets_v1.secretstore import ClusterSecretStoreCondition, SecretStore
from eso.errors import EsoError, InvalidSpecError, ReferenceNotFoundError, UnavailableError
from eso.transform.regexp import RegexpError, UserRegexp
from reconcile.api.core_v1 import Namespace
from reconcile.client.client import Client
from reconcile.client.selectors import Selector, selector_of
from reconcile.errors import APIError, NotFoundError, TransportError

__all__ = [
    "AnyStore",
    "StoreDeniedError",
    "StoreNotReadyError",
    "StoreSelection",
    "UnmanagedStoreError",
    "is_ready",
]

AnyStore = SecretStore | ClusterSecretStore
T = TypeVar("T")

_MOST_COMPILED: Final = 1024
_NAME_LABEL: Final = "kubernetes.io/metadata.name"


class UnmanagedStoreError(EsoError):
    """The store belongs to another controller class."""


class StoreDeniedError(EsoError):
    """The conditions of a cluster store do not allow the namespace."""


class StoreNotReadyError(EsoError):
    """The store's Ready condition is missing or not True."""


class StoreSelection:
    """Loads stores and enforces who may use them.

    Args:
        client: of the API server; stores and Namespaces are best read from informers.
        controller_class: the class this process serves.
    """

    def __init__(self, client: Client, *, controller_class: str = "default") -> None:
        self._client = client
        self._class = controller_class
        self._regexes: dict[str, UserRegexp] = {}
        self._selectors: dict[str, Selector] = {}

    async def select(self, ref: SecretStoreRef, namespace: str, *, flood_gate: bool) -> AnyStore:
        """The store a reference means, if it may be used from the namespace.

        Args:
            ref: kind `ClusterSecretStore`, anything else is a SecretStore of the namespace.
            namespace: of the object that uses the store.
            flood_gate: refuse a store that is not Ready.

        Raises:
            ReferenceNotFoundError: no such store.
            UnmanagedStoreError, StoreDeniedError, StoreNotReadyError: it may not be used.
            InvalidSpecError: a condition of it does not compile.
            UnavailableError: the API server did not answer.
        """
        store = await self.load(ref, namespace)
        await self.check(store, namespace, flood_gate=flood_gate)
        return store

    async def load(self, ref: SecretStoreRef, namespace: str) -> AnyStore:
        """The store a reference means.

        Raises:
            ReferenceNotFoundError: no such store.
            UnavailableError: the API server did not answer.
        """
        name = ref.name or ""
        kind: type[AnyStore] = ClusterSecretStore if ref.kind == "ClusterSecretStore" else SecretStore
        shown = kind.resource.kind
        try:
            found = await self._client.find(kind, name, namespace if kind.resource.namespaced else "")
        except (APIError, TransportError) as err:
            raise UnavailableError(f'could not get {shown} "{name}", {err}') from err
        if found is None:
            raise ReferenceNotFoundError(
                f'could not get {shown} "{name}", {shown}.external-secrets.io "{name}" not found'
            )
        return found

    async def check(self, store: AnyStore, namespace: str, *, flood_gate: bool) -> None:
        """Whether a store may be used from a namespace; raises as `select`."""
        if not self.manages(store):
            raise UnmanagedStoreError("can not reference unmanaged store")
        if isinstance(store, ClusterSecretStore) and store.spec.conditions:
            await self._check_conditions(store, store.spec.conditions, namespace)
        if flood_gate and not is_ready(store):
            reason = _told(store)
            raise StoreNotReadyError(f'{store.resource.kind} "{store.name}" is not ready{reason and f": {reason}"}')

    def manages(self, store: AnyStore) -> bool:
        """Whether the store is of this controller's class; a store without a class is everybody's."""
        return not store.spec.controller or store.spec.controller == self._class

    async def _check_conditions(
        self, store: ClusterSecretStore, conditions: Sequence[ClusterSecretStoreCondition], namespace: str
    ) -> None:
        try:
            found = await self._client.get(Namespace, namespace)
        except NotFoundError as err:
            raise ReferenceNotFoundError(f'failed to get a namespace "{namespace}": {err}') from err
        except (APIError, TransportError) as err:
            raise UnavailableError(f'failed to get a namespace "{namespace}": {err}') from err
        if not any(self._allows(condition, found, store.name) for condition in conditions):
            raise StoreDeniedError(
                f'using cluster store "{store.name}" is not allowed from namespace "{namespace}": denied by spec.condition'
            )

    def _allows(self, condition: ClusterSecretStoreCondition, namespace: Namespace, store: str) -> bool:
        labels = namespace.metadata.labels
        if condition.namespace_selector is not None and self._selector(condition, store).matches(labels):
            return True
        # The label is set by the API server; the name stands in for it where it is missing.
        if labels.get(_NAME_LABEL, namespace.name) in (condition.namespaces or ()):
            return True
        return any(self._regex(pattern, store).search(namespace.name) for pattern in condition.namespace_regexes or ())

    def _selector(self, condition: ClusterSecretStoreCondition, store: str) -> Selector:
        wanted = condition.namespace_selector
        key = wanted.model_dump_json() if wanted is not None else ""
        found = self._selectors.get(key)
        if found is None:
            try:
                found = _kept(self._selectors, key, selector_of(wanted))
            except ValueError as err:
                raise InvalidSpecError(
                    f'ClusterSecretStore "{store}": spec.conditions namespaceSelector: {err}'
                ) from err
        return found

    def _regex(self, pattern: str, store: str) -> UserRegexp:
        found = self._regexes.get(pattern)
        if found is None:
            try:
                found = _kept(self._regexes, pattern, UserRegexp(pattern))
            except RegexpError as err:
                raise InvalidSpecError(
                    f'ClusterSecretStore "{store}": spec.conditions namespaceRegexes: {err}'
                ) from err
        return found


def is_ready(store: AnyStore) -> bool:
    """Whether the store's Ready condition is True."""
    return any(condition.type == "Ready" and condition.status == "True" for condition in store.status.conditions or ())


def _told(store: AnyStore) -> str:
    """What the store says about itself."""
    return next((condition.message for condition in store.status.conditions or () if condition.type == "Ready"), "")


def _kept(cache: dict[str, T], key: str, value: T) -> T:
    if len(cache) >= _MOST_COMPILED:
        cache.pop(next(iter(cache)))
    cache[key] = value
    return value
