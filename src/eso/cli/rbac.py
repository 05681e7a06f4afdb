"""`eso rbac`: the permissions of each process, as RBAC manifests.

The tables below are the one place that says what the operator may do. A rule names the Helm value that it depends on, where
there is one; the manifests that this command writes hold every rule but those that are off by default.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from eso.api.generators_v1alpha1.resource import GENERATOR_GROUP
from eso.cli.crds import GENERATOR_KINDS

__all__ = [
    "ALL_IN_ONE_CLUSTER_RULES",
    "ALL_IN_ONE_RULES",
    "CERT_CONTROLLER_CLUSTER_RULES",
    "CERT_CONTROLLER_RULES",
    "CONTROLLER_RULES",
    "EDIT_RULES",
    "LEADER_ELECTION_RULES",
    "METRICS_AUTH_RULES",
    "SERVICE_BINDING_RULES",
    "VIEW_RULES",
    "Rule",
    "main",
    "manifests",
    "parser",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """One RBAC rule.

    Attributes:
        group: API group; empty for the core group.
        resources: plural names, with subresources.
        verbs: what is allowed.
        names: only objects of these names; empty means all.
        when: Helm value that the rule depends on; empty means always.
        cluster: of no use in a Role, so left out where the operator may work in one namespace only.
    """

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()
    when: str = ""
    cluster: bool = False

    def to_wire(self) -> dict[str, Any]:
        """The rule as it stands in a Role."""
        rule: dict[str, Any] = {
            "apiGroups": [self.group],
            "resources": list(self.resources),
            "verbs": list(self.verbs),
        }
        if self.names:
            rule["resourceNames"] = list(self.names)
        return rule


_ESO: Final = "external-secrets.io"
_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("create", "delete", "deletecollection", "patch", "update")
_GENERATORS: Final = tuple(kind.resource.plural for kind in GENERATOR_KINDS)

_KIND_VALUES: Final[Mapping[str, str]] = {
    "secretstores": "",
    "externalsecrets": "",
    "clustersecretstores": "processClusterStore",
    "clusterexternalsecrets": "processClusterExternalSecret",
    "pushsecrets": "processPushSecret",
    "clusterpushsecrets": "processClusterPushSecret",
}


def _is_cluster(kind: str) -> bool:
    return kind.startswith("cluster")


_WITHOUT_FINALIZERS: Final = frozenset({"clusterpushsecrets"})
"""Kinds of which only the status is written."""


def _written(kind: str) -> tuple[str, ...]:
    status = f"{kind}/status"
    return (status,) if kind in _WITHOUT_FINALIZERS else (kind, status)


def _reviews(when: str) -> tuple[Rule, ...]:
    return (
        Rule("authentication.k8s.io", ("tokenreviews",), ("create",), when=when, cluster=True),
        Rule("authorization.k8s.io", ("subjectaccessreviews",), ("create",), when=when, cluster=True),
    )


METRICS_AUTH_RULES: Final = _reviews("metrics.listen.auth.enabled")
"""Who may scrape, when metrics ask for authentication."""

CONTROLLER_RULES: Final = (
    *(Rule(_ESO, (kind,), _READ, when=when, cluster=_is_cluster(kind)) for kind, when in _KIND_VALUES.items()),
    *(
        Rule(_ESO, _written(kind), ("patch",), when=when, cluster=_is_cluster(kind))
        for kind, when in _KIND_VALUES.items()
    ),
    *(
        Rule(_ESO, (f"{kind}/finalizers",), ("update",), when=when, cluster=_is_cluster(kind))
        for kind, when in _KIND_VALUES.items()
    ),
    Rule(_ESO, ("externalsecrets",), ("create", "delete"), when="processClusterExternalSecret", cluster=True),
    Rule(_ESO, ("pushsecrets",), ("create", "delete"), when="processClusterPushSecret", cluster=True),
    Rule(GENERATOR_GROUP, ("generatorstates",), (*_READ, "create", "patch", "delete")),
    Rule(GENERATOR_GROUP, _GENERATORS, _READ),
    Rule(GENERATOR_GROUP, ("clustergenerators",), _READ, when="processClusterGenerator", cluster=True),
    Rule("", ("serviceaccounts",), _READ),
    Rule("", ("namespaces",), _READ, cluster=True),
    Rule("", ("configmaps",), _READ),
    Rule("", ("secrets",), (*_READ, "create", "update", "delete", "patch")),
    Rule("", ("configmaps",), ("create", "update", "delete"), when="genericTargets.enabled"),
    Rule("", ("serviceaccounts/token",), ("create",), when="rbac.serviceAccountTokenCreate"),
    Rule("", ("events",), ("create", "patch")),
    *METRICS_AUTH_RULES,
)
"""What the operator itself may do, in the cluster (or, with scoped RBAC, in one namespace)."""

LEADER_ELECTION_RULES: Final = (Rule("coordination.k8s.io", ("leases",), ("get", "create", "update")),)
"""Leases in the operator's own namespace: who leads."""

CERT_CONTROLLER_CLUSTER_RULES: Final = (
    Rule("apiextensions.k8s.io", ("customresourcedefinitions",), _READ),
    Rule(
        "apiextensions.k8s.io",
        ("customresourcedefinitions",),
        ("update",),
        names=tuple(f"{kind}.{_ESO}" for kind in ("externalsecrets", "secretstores", "clustersecretstores")),
    ),
    Rule("admissionregistration.k8s.io", ("validatingwebhookconfigurations",), _READ),
    Rule(
        "admissionregistration.k8s.io",
        ("validatingwebhookconfigurations",),
        ("update",),
        names=("secretstore-validate", "externalsecret-validate"),
    ),
    Rule("discovery.k8s.io", ("endpointslices",), _READ),
    Rule("", ("events",), ("create", "patch")),
    *_reviews("certController.metrics.listen.auth.enabled"),
)
"""What the certificate controller may do in the cluster."""

CERT_CONTROLLER_RULES: Final = (
    Rule("", ("secrets",), _READ),
    Rule("", ("secrets",), ("patch",), names=("external-secrets-webhook",)),
    *LEADER_ELECTION_RULES,
)
"""What the certificate controller may do in its own namespace."""

_CONFIGURATIONS: Final = ("secretstore-validate", "externalsecret-validate")

ALL_IN_ONE_CLUSTER_RULES: Final = (
    Rule("admissionregistration.k8s.io", ("validatingwebhookconfigurations",), ("get", "list")),
    Rule("admissionregistration.k8s.io", ("validatingwebhookconfigurations",), ("update",), names=_CONFIGURATIONS),
)
"""What `--all-in-one` needs in the cluster beside the rules of the operator."""

ALL_IN_ONE_RULES: Final = (Rule("", ("secrets",), ("get", "patch"), names=("external-secrets-webhook",)),)
"""What it needs in its own namespace, if the operator works in another one."""

VIEW_RULES: Final = (
    Rule(_ESO, tuple(_KIND_VALUES), _READ),
    Rule(GENERATOR_GROUP, (*_GENERATORS, "clustergenerators"), _READ),
)
"""Added to the cluster's `view` role; without generator states, which may hold credentials."""

EDIT_RULES: Final = (
    Rule(_ESO, tuple(_KIND_VALUES), _WRITE),
    Rule(GENERATOR_GROUP, (*_GENERATORS, "clustergenerators"), _WRITE),
    Rule(GENERATOR_GROUP, ("generatorstates",), (*_READ, *_WRITE)),
)
"""Added to the cluster's `edit` and `admin` roles."""

SERVICE_BINDING_RULES: Final = (Rule(_ESO, ("externalsecrets", "pushsecrets"), _READ),)
"""What a servicebinding.io controller may read."""

_OFF_BY_DEFAULT: Final = frozenset({"genericTargets.enabled"})
_RBAC: Final = "rbac.authorization.k8s.io"


def manifests(name: str = "external-secrets", namespace: str = "external-secrets") -> dict[str, list[dict[str, Any]]]:
    """File name -> its objects.

    Args:
        name: prefix of the objects, as the chart's full name.
        namespace: where the operator runs.
    """
    accounts = [_object("v1", "ServiceAccount", account, namespace) for account in _accounts(name)]
    controller, webhook_certs = f"{name}-controller", f"{name}-cert-controller"
    election = f"{name}-leaderelection"
    aggregate = f"{_RBAC}/aggregate-to"
    view = {f"{aggregate}-{role}": "true" for role in ("view", "edit", "admin")}
    edit = {f"{aggregate}-{role}": "true" for role in ("edit", "admin")}
    files = {
        "service_accounts.yaml": accounts,
        "controller.yaml": [
            _cluster_role(controller, CONTROLLER_RULES),
            _binding("ClusterRoleBinding", controller, "ClusterRole", name, namespace),
        ],
        "leader_election.yaml": [
            _role(election, namespace, LEADER_ELECTION_RULES),
            _binding("RoleBinding", election, "Role", name, namespace),
        ],
        "cert_controller.yaml": [
            _cluster_role(webhook_certs, CERT_CONTROLLER_CLUSTER_RULES),
            _binding("ClusterRoleBinding", webhook_certs, "ClusterRole", webhook_certs, namespace),
            _role(webhook_certs, namespace, CERT_CONTROLLER_RULES),
            _binding("RoleBinding", webhook_certs, "Role", webhook_certs, namespace),
        ],
        "view.yaml": [_cluster_role(f"{name}-view", VIEW_RULES, view)],
        "edit.yaml": [_cluster_role(f"{name}-edit", EDIT_RULES, edit)],
        "service_bindings.yaml": [
            _cluster_role(f"{name}-servicebindings", SERVICE_BINDING_RULES, {"servicebinding.io/controller": "true"})
        ],
    }
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(files)}
    return {**files, "kustomization.yaml": [kustomization]}


def parser() -> argparse.ArgumentParser:
    """Its flags."""
    flags = argparse.ArgumentParser(prog="eso rbac", description="Write the RBAC rules of every process.")
    flags.add_argument("--output", type=Path, help="folder for the manifests; standard output when absent")
    flags.add_argument("--name", default="external-secrets", help="prefix of the objects")
    flags.add_argument("--namespace", default="external-secrets", help="where the operator runs")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Write the manifests to standard output, or into a folder; returns the exit code."""
    options = parser().parse_args(list(arguments))
    files = manifests(options.name, options.namespace)
    if options.output is None:
        objects = [each for file, content in files.items() if file != "kustomization.yaml" for each in content]
        sys.stdout.write(yaml.safe_dump_all(objects, sort_keys=False))
        return 0
    options.output.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (options.output / file).write_text(yaml.safe_dump_all(content, sort_keys=False), encoding="utf-8")
    return 0


def _accounts(name: str) -> tuple[str, ...]:
    return (name, f"{name}-cert-controller", f"{name}-webhook")


def _object(api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = {"app.kubernetes.io/name": "external-secrets"}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _cluster_role(name: str, rules: Iterable[Rule], labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    role = _object(f"{_RBAC}/v1", "ClusterRole", name)
    role["metadata"]["labels"] |= labels or {}
    return {**role, "rules": _rules(rules)}


def _role(name: str, namespace: str, rules: Iterable[Rule]) -> dict[str, Any]:
    return {**_object(f"{_RBAC}/v1", "Role", name, namespace), "rules": _rules(rules)}


def _rules(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    # Rules that differ in resources only become one: shorter to read, and the same permissions.
    merged: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Rule] = {}
    for rule in rules:
        if rule.when in _OFF_BY_DEFAULT:
            continue
        key = (rule.group, rule.verbs, rule.names)
        before = merged.get(key)
        merged[key] = replace(rule, resources=(*before.resources, *rule.resources)) if before else rule
    return [rule.to_wire() for rule in merged.values()]


def _binding(kind: str, name: str, role_kind: str, account: str, namespace: str) -> dict[str, Any]:
    return {
        **_object(f"{_RBAC}/v1", kind, name, "" if kind == "ClusterRoleBinding" else namespace),
        "roleRef": {"apiGroup": _RBAC, "kind": role_kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
