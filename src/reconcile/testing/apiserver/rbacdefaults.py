"""The roles every cluster with RBAC has from the start."""

from __future__ import annotations

from typing import Any

from reconcile.testing.apiserver.cluster import Cluster
from reconcile.testing.apiserver.metadata import prepare_create

__all__ = ["bootstrap_rbac"]

_GROUP = "rbac.authorization.k8s.io"
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_REVIEWS = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]
_NAMESPACED = {
    "": "configmaps endpoints events persistentvolumeclaims pods pods/log replicationcontrollers replicationcontrollers/scale serviceaccounts services",
    "apps": "daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale",
    "batch": "cronjobs jobs",
    "networking.k8s.io": "ingresses networkpolicies",
    "coordination.k8s.io": "leases",
}  # fmt: skip


def _rules(verbs: list[str], *, secrets: bool) -> list[dict[str, Any]]:
    rules = [{"apiGroups": [group], "resources": names.split(), "verbs": verbs} for group, names in _NAMESPACED.items()]
    return [*rules, {"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}] if secrets else rules


def _roles() -> dict[str, list[dict[str, Any]]]:
    everything = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    edit = _rules(_READ + _WRITE, secrets=True)
    own_roles = {"apiGroups": [_GROUP], "resources": ["roles", "rolebindings"], "verbs": _READ + _WRITE}
    return {
        "cluster-admin": everything,
        "admin": [*edit, own_roles],
        "edit": edit,
        "view": _rules(_READ, secrets=False),
        "system:basic-user": [
            {"apiGroups": ["authorization.k8s.io"], "resources": _REVIEWS, "verbs": ["create"]},
            {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
        ],
        "system:auth-delegator": [
            {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
            {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
        ],
    }


_BINDINGS = {"cluster-admin": "system:masters", "system:basic-user": "system:authenticated"}


def bootstrap_rbac(cluster: Cluster) -> None:
    """Create the default ClusterRoles and their bindings, where they are missing."""
    for name, rules in _roles().items():
        _ensure(cluster, "clusterroles", "ClusterRole", name, {"rules": rules})
    for name, group in _BINDINGS.items():
        subject = {"kind": "Group", "apiGroup": _GROUP, "name": group}
        role = {"kind": "ClusterRole", "apiGroup": _GROUP, "name": name}
        _ensure(cluster, "clusterrolebindings", "ClusterRoleBinding", name, {"subjects": [subject], "roleRef": role})


def _ensure(cluster: Cluster, plural: str, kind: str, name: str, content: dict[str, Any]) -> None:
    info = cluster.registry.builtin(plural)
    if cluster.storage.get(info.storage_key, "", name) is None:
        labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
        obj = {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": {"name": name, "labels": labels}, **content}
        cluster.storage.put(info.storage_key, prepare_create(obj, info, cluster.now()))
