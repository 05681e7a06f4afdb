"""The key of one reconcile: which object, in which cluster."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Request"]


@dataclass(frozen=True, slots=True, order=True)
class Request:
    """Names an object to reconcile.

    Attributes:
        namespace: empty for cluster-scoped kinds.
        name: the object's name.
        cluster: which of the manager's clusters; empty for the only one.
    """

    namespace: str
    name: str
    cluster: str = ""

    def __str__(self) -> str:
        path = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.cluster}:{path}" if self.cluster else path
