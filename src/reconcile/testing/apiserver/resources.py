"""The kinds the server knows from birth, and the description every handler works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["BUILTINS", "READ_WRITE_VERBS", "ResourceInfo"]

READ_WRITE_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class ResourceInfo:
    """One resource in one served version.

    Attributes:
        storage_key: objects of all versions of a kind live under this key (`plural.group`).
        storage_version: `group/version` in which objects are stored.
        subresources: those that are served.
        field_paths: dotted paths usable in field selectors beside `metadata.name` and `metadata.namespace`.
        has_generation: whether `metadata.generation` is counted.
        returns_deleted: whether a deletion answers with the object instead of a Status.
        needs_version: whether an update without resourceVersion is refused.
        crd: the CustomResourceDefinition's version entry for custom resources.
        conversion: its `spec.conversion.webhook`, when objects are converted by one.
    """

    group: str
    version: str
    plural: str
    kind: str
    singular: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    list_kind: str = ""
    storage_key: str = ""
    storage_version: str = ""
    field_paths: tuple[str, ...] = ()
    has_generation: bool = False
    returns_deleted: bool = False
    needs_version: bool = False
    verbs: tuple[str, ...] = READ_WRITE_VERBS
    crd: Mapping[str, Any] | None = field(default=None, compare=False, hash=False)
    conversion: Mapping[str, Any] | None = field(default=None, compare=False, hash=False)

    @property
    def api_version(self) -> str:
        """`group/version`, or only the version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def has_status(self) -> bool:
        """Whether status is written through its own subresource."""
        return "status" in self.subresources


_FIELDS: Mapping[str, str] = {
    "secrets": "type",
    "events": "involvedObject.kind involvedObject.namespace involvedObject.name involvedObject.uid "
    "involvedObject.apiVersion involvedObject.resourceVersion involvedObject.fieldPath reason "
    "reportingComponent source type",
    "pods": "spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName spec.hostNetwork "
    "status.phase status.podIP status.nominatedNodeName",
    "namespaces": "status.phase name",
    "nodes": "spec.unschedulable",
    "replicasets": "status.replicas",
    "replicationcontrollers": "status.replicas",
    "jobs": "status.successful",
    "services": "spec.clusterIP spec.type",
}
_WITH_GENERATION = frozenset(
    [
        "pods",
        "replicationcontrollers",
        "daemonsets",
        "deployments",
        "replicasets",
        "statefulsets",
        "cronjobs",
        "jobs",
        "ingresses",
        "ingressclasses",
        "networkpolicies",
        "poddisruptionbudgets",
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "customresourcedefinitions",
        "priorityclasses",
        "endpointslices",
    ]
)
_RETURNS_DELETED = frozenset(
    [
        "pods",
        "podtemplates",
        "persistentvolumeclaims",
        "persistentvolumes",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ]
)
_NEEDS_VERSION = frozenset(
    [
        "leases",
        "poddisruptionbudgets",
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "customresourcedefinitions",
    ]
)


def _builtin(
    group: str,
    version: str,
    plural: str,
    kind: str,
    *,
    namespaced: bool = True,
    short: str = "",
    categories: str = "",
    subresources: str = "",
    stored_as: str = "",
    stored_version: str = "",
) -> ResourceInfo:
    return ResourceInfo(
        group=group,
        version=version,
        plural=plural,
        kind=kind,
        singular=kind.lower(),
        namespaced=namespaced,
        short_names=tuple(short.split()),
        categories=tuple(categories.split()),
        subresources=tuple(subresources.split()),
        list_kind=f"{kind}List",
        storage_key=stored_as or (f"{plural}.{group}" if group else plural),
        storage_version=stored_version or (f"{group}/{version}" if group else version),
        field_paths=tuple(_FIELDS.get(plural, "").split()),
        has_generation=plural in _WITH_GENERATION,
        returns_deleted=plural in _RETURNS_DELETED,
        needs_version=plural in _NEEDS_VERSION,
    )


_ADMISSION = "admissionregistration.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_NETWORK = "networking.k8s.io"

# Source: the discovery documents of kube-apiserver 1.36.
BUILTINS: tuple[ResourceInfo, ...] = (
    _builtin("", "v1", "configmaps", "ConfigMap", short="cm"),
    _builtin("", "v1", "endpoints", "Endpoints", short="ep"),
    _builtin("", "v1", "events", "Event", short="ev"),
    _builtin("", "v1", "limitranges", "LimitRange", short="limits"),
    _builtin("", "v1", "namespaces", "Namespace", namespaced=False, short="ns", subresources="finalize status"),
    _builtin("", "v1", "nodes", "Node", namespaced=False, short="no", subresources="status"),
    _builtin("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", short="pvc", subresources="status"),
    _builtin("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False, short="pv", subresources="status"),
    _builtin("", "v1", "pods", "Pod", short="po", categories="all", subresources="status"),
    _builtin("", "v1", "podtemplates", "PodTemplate"),
    _builtin(
        "",
        "v1",
        "replicationcontrollers",
        "ReplicationController",
        short="rc",
        categories="all",
        subresources="scale status",
    ),
    _builtin("", "v1", "resourcequotas", "ResourceQuota", short="quota", subresources="status"),
    _builtin("", "v1", "secrets", "Secret"),
    _builtin("", "v1", "serviceaccounts", "ServiceAccount", short="sa", subresources="token"),
    _builtin("", "v1", "services", "Service", short="svc", categories="all", subresources="status"),
    _builtin("apps", "v1", "controllerrevisions", "ControllerRevision"),
    _builtin("apps", "v1", "daemonsets", "DaemonSet", short="ds", categories="all", subresources="status"),
    _builtin("apps", "v1", "deployments", "Deployment", short="deploy", categories="all", subresources="scale status"),
    _builtin("apps", "v1", "replicasets", "ReplicaSet", short="rs", categories="all", subresources="scale status"),
    _builtin("apps", "v1", "statefulsets", "StatefulSet", short="sts", categories="all", subresources="scale status"),
    _builtin("events.k8s.io", "v1", "events", "Event", short="ev", stored_as="events", stored_version="v1"),
    _builtin(
        "autoscaling",
        "v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        short="hpa",
        categories="all",
        subresources="status",
    ),
    _builtin("batch", "v1", "cronjobs", "CronJob", short="cj", categories="all", subresources="status"),
    _builtin("batch", "v1", "jobs", "Job", categories="all", subresources="status"),
    _builtin(_NETWORK, "v1", "ingressclasses", "IngressClass", namespaced=False),
    _builtin(_NETWORK, "v1", "ingresses", "Ingress", short="ing", subresources="status"),
    _builtin(_NETWORK, "v1", "networkpolicies", "NetworkPolicy", short="netpol"),
    _builtin("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", short="pdb", subresources="status"),
    _builtin(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    _builtin(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    _builtin(_RBAC, "v1", "rolebindings", "RoleBinding"),
    _builtin(_RBAC, "v1", "roles", "Role"),
    _builtin("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False, short="sc"),
    _builtin(
        _ADMISSION,
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        namespaced=False,
        categories="api-extensions",
    ),
    _builtin(
        _ADMISSION,
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        namespaced=False,
        categories="api-extensions",
    ),
    _builtin(
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        namespaced=False,
        short="crd crds",
        categories="api-extensions",
        subresources="status",
    ),
    _builtin("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False, short="pc"),
    _builtin("coordination.k8s.io", "v1", "leases", "Lease"),
    _builtin("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
)
