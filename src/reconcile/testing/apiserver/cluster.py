"""What the handlers share: storage, kinds, admission, the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reconcile.testing.apiserver.admission import AdmissionChain, Attributes
from reconcile.testing.apiserver.conversion import Conversions
from reconcile.testing.apiserver.kinds import Kinds
from reconcile.testing.apiserver.registry import Registry
from reconcile.testing.apiserver.requests import ApiRequest, User
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.status import StatusError, forbidden
from reconcile.testing.apiserver.storage import Storage, Stored

__all__ = ["Cluster", "Write"]

# Source: the NamespaceLifecycle admission plugin.
_IMMORTAL = frozenset({"default", "kube-public", "kube-system"})

Object = dict[str, Any]


@dataclass(slots=True)
class Write:
    """One write on its way through admission.

    Attributes:
        operation: `CREATE`, `UPDATE` or `DELETE`.
        warnings: sent to the client as Warning headers.
    """

    info: ResourceInfo
    user: User
    request: ApiRequest
    operation: str
    namespace: str = ""
    subresource: str = ""
    warnings: list[str] = field(default_factory=list)
    dry_run: bool = False


@dataclass
class Cluster:
    """The state of one embedded control plane.

    Attributes:
        clock: the wall clock.
    """

    storage: Storage
    registry: Registry
    kinds: Kinds
    admission: AdmissionChain
    conversions: Conversions = field(default_factory=Conversions)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def now(self) -> datetime:
        """Wall clock, aware UTC."""
        return self.clock()

    async def admit(self, write: Write, new: Object | None, old: Object | None) -> Object | None:
        """The object after mutating and validating admission.

        Raises:
            StatusError: a webhook denied the write or could not be asked.
        """
        named = new if new is not None else old
        metadata = (named or {}).get("metadata") or {}
        info = write.info
        attributes = Attributes(
            write.operation,
            info.group,
            info.version,
            info.plural,
            info.kind,
            metadata.get("name", ""),
            write.namespace,
            info.namespaced,
            write.subresource,
            write.user.to_wire(),
            write.dry_run,
            self._namespace_labels(info, write.namespace, named),
        )

        def finish(obj: Object) -> Object:
            self.kinds.default(obj, info)
            return self.kinds.pruned(obj, info)

        admitted, warnings = await self.admission.mutate_and_validate(attributes, new, old, finish=finish)
        write.warnings += warnings
        return admitted

    def _namespace_labels(self, info: ResourceInfo, namespace: str, obj: Object | None) -> Mapping[str, str] | None:
        if not info.namespaced:
            is_namespace = info.plural == "namespaces" and not info.group
            return ((obj or {}).get("metadata") or {}).get("labels") or {} if is_namespace else None
        stored = self.storage.get("namespaces", "", namespace)
        return (stored.obj["metadata"].get("labels") or {}) if stored else {}

    def before_create(self, info: ResourceInfo) -> None:
        """The last look before an object is stored for the first time.

        Raises:
            StatusError: 405, while the kind is being deleted.
        """
        if info.crd is None:
            return
        crd = self.storage.get("customresourcedefinitions.apiextensions.k8s.io", "", info.storage_key)
        if crd is not None and crd.obj["metadata"].get("deletionTimestamp"):
            message = "create not allowed while custom resource definition is terminating"
            raise StatusError(405, "MethodNotAllowed", message, {})

    def before_delete(self, info: ResourceInfo, stored: Stored) -> None:
        """The last look at an object before it is deleted.

        Raises:
            StatusError: 403, for a namespace that must stay.
        """
        name = stored.key[1]
        if info.plural == "namespaces" and not info.group and name in _IMMORTAL:
            raise forbidden("namespaces", "", name, "this namespace may not be deleted")
