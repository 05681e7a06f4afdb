from __future__ import annotations

from typing import Any

import pytest

from reconcile.testing.apiserver.rbac import Authorizer, Subject

OBJECTS: dict[str, list[dict[str, Any]]] = {
    "clusterroles": [
        {"metadata": {"name": "reader"}, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]},
        {
            "metadata": {"name": "part", "labels": {"to": "whole"}},
            "rules": [{"apiGroups": ["x"], "resources": ["ys", "*/status"], "verbs": ["*"]}],
        },
        {
            "metadata": {"name": "whole"},
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": "whole"}}]},
        },
        {"metadata": {"name": "urls"}, "rules": [{"nonResourceURLs": ["/healthz", "/metrics/*"], "verbs": ["get"]}]},
    ],
    "roles": [
        {
            "metadata": {"name": "one", "namespace": "a"},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["update"], "resourceNames": ["c"]}],
        }
    ],
    "clusterrolebindings": [
        {"roleRef": {"kind": "ClusterRole", "name": "reader"}, "subjects": [{"kind": "User", "name": "ann"}]},
        {"roleRef": {"kind": "ClusterRole", "name": "whole"}, "subjects": [{"kind": "Group", "name": "dev"}]},
        {"roleRef": {"kind": "ClusterRole", "name": "urls"}, "subjects": [{"kind": "Group", "name": "dev"}]},
    ],
    "rolebindings": [
        {
            "roleRef": {"kind": "Role", "name": "one"},
            "subjects": [{"kind": "ServiceAccount", "name": "sa", "namespace": "a"}],
            "metadata": {"namespace": "a"},
        },
        {
            "roleRef": {"kind": "ClusterRole", "name": "reader"},
            "subjects": [{"kind": "Group", "name": "system:serviceaccounts:b"}],
            "metadata": {"namespace": "a"},
        },
    ],
}


def _listed(plural: str, namespace: str | None) -> list[dict[str, Any]]:
    return [o for o in OBJECTS[plural] if namespace is None or o["metadata"]["namespace"] == namespace]


ANN, DEV, ROOT = Subject("ann"), Subject("d", ("dev",)), Subject("r", ("system:masters",))
SA, OTHER = Subject("system:serviceaccount:a:sa"), Subject("system:serviceaccount:b:x")


@pytest.mark.parametrize(
    ("who", "verb", "group", "resource", "subresource", "namespace", "name", "allowed"),
    [
        (ROOT, "delete", "any", "thing", "", "", "", True),
        (ANN, "get", "", "secrets", "", "a", "s", True),
        (ANN, "get", "", "secrets", "", "", "", True),
        (ANN, "list", "", "secrets", "", "a", "", False),
        (ANN, "get", "x", "secrets", "", "a", "", False),
        (ANN, "get", "", "secrets", "status", "a", "s", False),
        (DEV, "delete", "x", "ys", "", "a", "", True),
        (DEV, "patch", "x", "zs", "status", "a", "z", True),
        (DEV, "patch", "x", "zs", "", "a", "z", False),
        (SA, "update", "", "configmaps", "", "a", "c", True),
        (SA, "update", "", "configmaps", "", "a", "d", False),
        (SA, "update", "", "configmaps", "", "b", "c", False),
        (OTHER, "get", "", "secrets", "", "a", "s", True),
        (OTHER, "get", "", "secrets", "", "b", "s", False),
        ("ann", "get", "", "secrets", "", "", "", True),
        ({"username": "d", "groups": ["dev"]}, "get", "x", "ys", "", "", "", True),
    ],
)
def test_allowed(
    who: Any, verb: str, group: str, resource: str, subresource: str, namespace: str, name: str, allowed: bool
) -> None:
    assert Authorizer(_listed).allowed(who, verb, group, resource, subresource, namespace, name) is allowed


@pytest.mark.parametrize(
    ("who", "path", "allowed"),
    [
        (DEV, "/healthz", True),
        (DEV, "/metrics/x", True),
        (DEV, "/version", False),
        (ANN, "/healthz", False),
        (ROOT, "/x", True),
    ],
)
def test_paths(who: Subject, path: str, allowed: bool) -> None:
    assert Authorizer(_listed).allowed_path(who, "get", path) is allowed
