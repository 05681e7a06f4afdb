from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from eso.cli.crds import KINDS
from eso.cli.rbac import CONTROLLER_RULES, main, manifests

COMMITTED = Path(__file__).parents[4] / "config" / "rbac"
FILES = manifests()


def role(file: str, kind: str = "ClusterRole") -> dict[str, Any]:
    return next(each for each in FILES[file] if each["kind"] == kind)


def allowed(rules: list[dict[str, Any]], group: str, resource: str, name: str = "") -> set[str]:
    return {
        verb
        for rule in rules
        if group in rule["apiGroups"] and resource in rule["resources"] and name in rule.get("resourceNames", [name])
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("file", FILES)
def test_the_committed_manifests_are_those_of_the_table(file: str) -> None:
    assert list(yaml.safe_load_all((COMMITTED / file).read_text())) == FILES[file], "run `make rbac`"


def test_nothing_else_is_committed() -> None:
    assert sorted(path.name for path in COMMITTED.iterdir()) == sorted(FILES)


ESO = "external-secrets.io"
READ = {"get", "list", "watch"}
CONTROLLER = [
    *((ESO, kind, {*READ, "patch"}) for kind in ("secretstores", "clustersecretstores", "clusterexternalsecrets")),
    (ESO, "clusterpushsecrets", READ),
    *((ESO, kind, {*READ, "patch", "create", "delete"}) for kind in ("externalsecrets", "pushsecrets")),
    (ESO, "externalsecrets/status", {"patch"}),
    (ESO, "clusterpushsecrets/status", {"patch"}),
    (ESO, "externalsecrets/finalizers", {"update"}),
    ("generators.external-secrets.io", "generatorstates", {*READ, "create", "patch", "delete"}),
    ("generators.external-secrets.io", "stssessiontokens", READ),
    ("generators.external-secrets.io", "clustergenerators", READ),
    ("", "serviceaccounts", READ),
    ("", "namespaces", READ),
    ("", "configmaps", READ),
    ("", "secrets", {*READ, "create", "update", "delete", "patch"}),
    ("", "serviceaccounts/token", {"create"}),
    ("", "events", {"create", "patch"}),
    ("authentication.k8s.io", "tokenreviews", {"create"}),
    ("authorization.k8s.io", "subjectaccessreviews", {"create"}),
    ("", "pods", set()),
    ("coordination.k8s.io", "leases", set()),
]  # fmt: skip


@pytest.mark.parametrize(("group", "resource", "verbs"), CONTROLLER)
def test_the_operator_may(group: str, resource: str, verbs: set[str]) -> None:
    assert allowed(role("controller.yaml")["rules"], group, resource) == verbs


def test_every_kind_of_the_operator_is_covered() -> None:
    rules = role("controller.yaml")["rules"]
    for kind in KINDS:
        assert allowed(rules, kind.resource.group, kind.resource.plural) >= READ, kind


def test_generic_targets_are_off_by_default_but_declared() -> None:
    (rule,) = [rule for rule in CONTROLLER_RULES if rule.when == "genericTargets.enabled"]
    assert rule.resources == ("configmaps",)
    assert set(rule.verbs) == {"create", "update", "delete"}


def test_the_certificate_controller_reads_secrets_of_its_namespace_only() -> None:
    assert allowed(role("cert_controller.yaml")["rules"], "", "secrets") == set()
    rules = role("cert_controller.yaml", "Role")["rules"]
    assert allowed(rules, "", "secrets", "external-secrets-webhook") == {*READ, "patch"}
    assert allowed(rules, "", "secrets", "other") == READ


@pytest.mark.parametrize(
    ("group", "resource", "name", "verbs"),
    [
        ("apiextensions.k8s.io", "customresourcedefinitions", "secretstores.external-secrets.io", {*READ, "update"}),
        ("apiextensions.k8s.io", "customresourcedefinitions", "pods.example.com", READ),
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations", "externalsecret-validate", {*READ, "update"}),
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations", "other", READ),
        ("discovery.k8s.io", "endpointslices", "x", READ),
    ],
)  # fmt: skip
def test_the_certificate_controller_may(group: str, resource: str, name: str, verbs: set[str]) -> None:
    assert allowed(role("cert_controller.yaml")["rules"], group, resource, name) == verbs


def test_viewers_see_everything_but_generator_states() -> None:
    rules = role("view.yaml")["rules"]
    plurals = {kind.resource.plural for kind in KINDS}
    assert {plural for rule in rules for plural in rule["resources"]} == plurals - {"generatorstates"}
    assert {verb for rule in rules for verb in rule["verbs"]} == READ


@pytest.mark.parametrize(
    ("file", "roles"), [("view.yaml", {"view", "edit", "admin"}), ("edit.yaml", {"edit", "admin"})]
)
def test_roles_are_aggregated(file: str, roles: set[str]) -> None:
    labels = role(file)["metadata"]["labels"]
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    assert {label.removeprefix(prefix) for label in labels if label.startswith(prefix)} == roles


def test_bindings_point_at_roles_and_accounts_that_exist() -> None:
    objects = [each for content in FILES.values() for each in content]
    known = {(each["kind"], each["metadata"]["name"]) for each in objects if "metadata" in each}
    bindings = [each for each in objects if each["kind"].endswith("Binding")]
    assert len(bindings) == 4
    for binding in bindings:
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in known
        assert {("ServiceAccount", subject["name"]) for subject in binding["subjects"]} <= known


def test_the_command_takes_name_and_namespace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--output", str(tmp_path), "--name", "eso", "--namespace", "security"]) == 0
    binding = list(yaml.safe_load_all((tmp_path / "leader_election.yaml").read_text()))[1]
    assert binding["metadata"]["namespace"] == "security"
    assert binding["roleRef"]["name"] == "eso-leaderelection"
    assert main([]) == 0
    assert "Kustomization" not in capsys.readouterr().out
