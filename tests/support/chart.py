"""The parts of the Helm chart that follow from the code: `python -m tests.support.chart` writes them.

Definitions come from the kinds, RBAC rules from the tables of `eso rbac`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from eso.cli.rbac import (
    ALL_IN_ONE_CLUSTER_RULES,
    ALL_IN_ONE_RULES,
    CERT_CONTROLLER_CLUSTER_RULES,
    CERT_CONTROLLER_RULES,
    CONTROLLER_RULES,
    EDIT_RULES,
    LEADER_ELECTION_RULES,
    SERVICE_BINDING_RULES,
    VIEW_RULES,
    Rule,
)
from tests.support.controlplane import ROOT

CHART = ROOT / "charts" / "external-secrets"
_WEBHOOK_SECRET = "external-secrets-webhook"

RULES: Mapping[str, tuple[Rule, ...]] = {
    "controller": CONTROLLER_RULES,
    "leaderElection": LEADER_ELECTION_RULES,
    "certControllerCluster": CERT_CONTROLLER_CLUSTER_RULES,
    "certController": CERT_CONTROLLER_RULES,
    "allInOneCluster": ALL_IN_ONE_CLUSTER_RULES,
    "allInOne": ALL_IN_ONE_RULES,
    "view": VIEW_RULES,
    "edit": EDIT_RULES,
    "serviceBindings": SERVICE_BINDING_RULES,
}


def rules_template() -> str:
    """`templates/_rules.tpl`: one named template per role."""
    head = "{{/* Written by `make chart` from the tables of `eso rbac`. */}}\n"
    return head + "".join(
        f'{{{{- define "external-secrets.rules.{name}" -}}}}\n{_rules(rules)}{{{{- end }}}}\n'
        for name, rules in RULES.items()
    )


def definitions() -> dict[str, str]:
    """File name -> CustomResourceDefinition, without the document marker."""
    bases = ROOT / "config" / "crd" / "bases"
    return {path.name: path.read_text().removeprefix("---\n") for path in sorted(bases.glob("*.yaml"))}


_CHOICES: Mapping[str, list[str]] = {
    "serviceMonitor.renderMode": ["skipIfMissing", "failIfMissing", "alwaysRender"],
    "global.compatibility.openshift.adaptSecurityContext": ["auto", "force", "disabled"],
    "webhook.failurePolicy": ["Fail", "Ignore"],
}
_EITHER: Mapping[str, list[str]] = {
    "minAvailable": ["integer", "string"],
    "hostUsers": ["boolean", "null"],
    "tag": ["string", "number"],
    "port": ["integer", "string"],
}


def schema(values: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of `values.yaml`: the types of the defaults. Values that it does not know are let through."""
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "external-secrets"}
    return {**head, **_schema(values, "")}


def _schema(value: Any, path: str) -> dict[str, Any]:
    if path in _CHOICES:
        return {"type": "string", "enum": _CHOICES[path]}
    name = path.rpartition(".")[2]
    if name in _EITHER:
        return {"type": _EITHER[name]}
    if isinstance(value, dict):
        properties = {key: _schema(each, f"{path}.{key}" if path else key) for key, each in value.items()}
        return {"type": "object", **({"properties": properties} if properties else {})}
    if isinstance(value, list):
        return {"type": "array"}
    kinds: dict[type, str] = {bool: "boolean", int: "integer", str: "string"}
    return {"type": kinds[type(value)]}


def schema_text(chart: Path = CHART) -> str:
    """`values.schema.json`."""
    return json.dumps(schema(yaml.safe_load((chart / "values.yaml").read_text())), indent=1) + "\n"


def dashboard() -> str:
    """The Grafana dashboard."""
    return (ROOT / "docs" / "dashboards" / "external-secrets.json").read_text()


def _rules(rules: Iterable[Rule]) -> str:
    return "".join(_rule(rule) for rule in rules)


def _rule(rule: Rule) -> str:
    lines = [f'- apiGroups: ["{rule.group}"]', "  resources:"]
    lines += [f'    - "{resource}"' for resource in rule.resources]
    conditions = [f".Values.{rule.when}"] if rule.when else []
    if rule.cluster:
        conditions.append('(not (include "external-secrets.isScoped" .))')
    if all(resource.endswith("/finalizers") for resource in rule.resources):
        conditions.append(".Values.openshiftFinalizers")
    if rule.names:
        lines.append("  resourceNames:")
        lines += [f"    - {_name(name)}" for name in rule.names]
    lines.append("  verbs: [" + ", ".join(f'"{verb}"' for verb in rule.verbs) + "]")
    if conditions:
        condition = conditions[0] if len(conditions) == 1 else f"and {' '.join(conditions)}"
        lines = [f"{{{{- if {condition} }}}}", *lines, "{{- end }}"]
    return "\n".join(lines) + "\n"


def _name(name: str) -> str:
    return '{{ include "external-secrets.fullname" . }}-webhook' if name == _WEBHOOK_SECRET else f'"{name}"'


def write(chart: Path = CHART) -> None:
    """Write everything into the chart."""
    (chart / "templates" / "_rules.tpl").write_text(rules_template())
    (chart / "values.schema.json").write_text(schema_text(chart))
    (chart / "files" / "dashboard.json").write_text(dashboard())
    folder = chart / "files" / "crds"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.yaml"):
        path.unlink()
    for name, content in definitions().items():
        (folder / name).write_text(content)


if __name__ == "__main__":
    write()
