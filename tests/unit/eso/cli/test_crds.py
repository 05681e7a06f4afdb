from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from eso.cli.crds import GENERATOR_KINDS, KINDS, all_crds, main
from reconcile.api.model import Model
from reconcile.testing.apiserver.cel import RuleSet
from reconcile.testing.apiserver.crdvalidation import validate_crd
from reconcile.testing.apiserver.schemavalues import validate_value
from reconcile.testing.apiserver.structural import apply_defaults, prune

ROOT = Path(__file__).parents[4]
COMMITTED = ROOT / "config" / "crd" / "bases"
SAMPLES = sorted((ROOT / "config" / "samples").glob("*.yaml"))
TARGET = ROOT.parent / "shared" / "contract" / "crds"
NAMES = [f"{kind.resource.group}_{kind.resource.plural}.yaml" for kind in KINDS]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader=LOADER)


@pytest.fixture(scope="module")
def crds() -> dict[str, dict[str, Any]]:
    return {f"{crd['spec']['group']}_{crd['spec']['names']['plural']}.yaml": crd for crd in all_crds()}


def differences(found: Any, wanted: Any, path: str = "") -> list[str]:
    """Each field that is missing, extra or different, by path: a readable answer where `==` would print 300 kB."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return [
            text
            for key in sorted({*found, *wanted})
            for text in (
                [f"extra {path}/{key}"]
                if key not in wanted
                else [f"missing {path}/{key}"]
                if key not in found
                else differences(found[key], wanted[key], f"{path}/{key}")
            )
        ]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [
            text for i, pair in enumerate(zip(found, wanted, strict=True)) for text in differences(*pair, f"{path}/{i}")
        ]
    return [] if found == wanted and type(found) is type(wanted) else [f"{path}: {found!r}, wanted {wanted!r}"]


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_crds_are_those_of_the_models(name: str, crds: dict[str, dict[str, Any]]) -> None:
    assert differences(crds[name], read(COMMITTED / name)) == [], "run `make crds`"


def test_no_other_crd_is_committed() -> None:
    assert sorted(path.name for path in COMMITTED.iterdir()) == sorted(NAMES)


@pytest.mark.skipif(not TARGET.is_dir(), reason=f"{TARGET} with the CRDs of External Secrets Operator is not here")
@pytest.mark.parametrize("name", NAMES)
def test_the_crds_equal_those_of_external_secrets_operator(name: str, crds: dict[str, dict[str, Any]]) -> None:
    assert differences(crds[name], read(TARGET / name)) == []


@pytest.mark.skipif(not TARGET.is_dir(), reason=f"{TARGET} with the CRDs of External Secrets Operator is not here")
def test_no_kind_is_missing() -> None:
    assert sorted(path.name for path in TARGET.glob("*.yaml")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_api_server_accepts_the_crd(name: str, crds: dict[str, dict[str, Any]]) -> None:
    assert validate_crd(crds[name]) == []


def stored_version(crd: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = next(v for v in crd["spec"]["versions"] if v["storage"])["schema"]["openAPIV3Schema"]
    return schema


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples_are_valid(path: Path, crds: dict[str, dict[str, Any]]) -> None:
    sample = read(path)
    crd = next(crd for crd in crds.values() if crd["spec"]["names"]["kind"] == sample["kind"])
    assert sample["apiVersion"].startswith(crd["spec"]["group"])
    schema = stored_version(crd)
    value = copy.deepcopy(sample)
    assert prune(value, schema, root=True) == []
    apply_defaults(value, schema)
    assert validate_value(value, schema) == []
    assert RuleSet(schema).validate(value) == []


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_models_keep_every_field_of_the_samples(path: Path, crds: dict[str, dict[str, Any]]) -> None:
    sample = read(path)
    kind = next(kind for kind in KINDS if kind.resource.kind == sample["kind"])
    crd = next(crd for crd in crds.values() if crd["spec"]["names"]["kind"] == sample["kind"])
    apply_defaults(sample, stored_version(crd))
    assert differences(kind.from_wire(sample).to_wire()["spec"], sample["spec"]) == []


def test_there_is_a_sample_of_every_kind() -> None:
    assert {read(path)["kind"] for path in SAMPLES} == {kind.resource.kind for kind in KINDS}


INVALID = [
    ("ExternalSecret", {"refreshPolicy": "Sometimes"}, "spec.refreshPolicy"),
    ("ExternalSecret", {"target": {"deletionPolicy": "Retained"}}, "spec.target.deletionPolicy"),
    ("ExternalSecret", {"target": {"name": "Not_A_Name"}}, "spec.target.name"),
    ("ExternalSecret", {"data": [{"secretKey": "a/b", "remoteRef": {"key": "k"}}]}, "spec.data[0].secretKey"),
    ("ExternalSecret", {"data": [{"secretKey": "a", "remoteRef": {}}]}, "spec.data[0].remoteRef.key"),
    ("ExternalSecret", {"dataFrom": [{"rewrite": [{}]}]}, "spec.dataFrom[0].rewrite[0]"),
    ("ExternalSecret", {"syncWindows": {"kind": "allow", "windows": []}}, "spec.syncWindows.windows"),
    ("ExternalSecret", {"syncWindows": {"kind": "allow", "windows": [{"schedule": "daily", "duration": "1h"}]}}, "spec.syncWindows.windows[0].schedule"),
    ("SecretStore", {"provider": {}}, "spec.provider"),
    ("SecretStore", {"provider": {"fake": {"data": []}, "ngrok": {"auth": {}, "vault": {"name": "v"}}}}, "spec.provider"),
    ("ClusterSecretStore", {"refreshInterval": True, "provider": {"fake": {"data": []}}}, "spec.refreshInterval"),
    ("PushSecret", {"secretStoreRefs": []}, "spec.selector"),
    ("Password", {"length": 8, "noUpper": False, "allowRepeat": False, "secretKeys": []}, "spec.secretKeys"),
    ("SSHKey", {"keySize": 128}, "spec.keySize"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "spec", "field"), INVALID)
def test_invalid_objects_are_refused(
    kind: str, spec: dict[str, Any], field: str, crds: dict[str, dict[str, Any]]
) -> None:
    schema = stored_version(next(crd for crd in crds.values() if crd["spec"]["names"]["kind"] == kind))
    value = {"metadata": {"name": "x"}, "spec": spec}
    apply_defaults(value, schema)
    assert field in [cause["field"] for cause in validate_value(value, schema)]


RULES = [
    ("PushSecret", {"dataTo": [{"remoteKey": "all"}]}, "storeRef must specify either name or labelSelector"),
    (
        "PushSecret",
        {"dataTo": [{"storeRef": {"name": "s"}, "remoteKey": "all", "rewrite": [{"transform": {"template": "x"}}]}]},
        "remoteKey and rewrite are mutually exclusive: rewrite is only supported in per-key mode (without remoteKey)",
    ),
    (
        "PushSecret",
        {"dataTo": [{"storeRef": {"name": "s"}, "rewrite": [{}]}]},
        "exactly one of regexp or transform must be set",
    ),
    ("GitlabDeployToken", {"projectID": "1", "groupID": "2"}, "exactly one of projectID or groupID must be set"),
    (
        "SecretStore",
        {"provider": {"aws": {"customSessionTags": {"esoNamespace": "x"}}}},
        "customSessionTags cannot contain automatically injected reserved keys: esoNamespace, esoStoreName, esoStoreKind",
    ),
    (
        "SecretStore",
        {"provider": {"doppler": {"auth": {}}}},
        "Exactly one of 'secretRef' or 'oidcConfig' must be specified",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "message"), RULES)
def test_validation_rules_speak(kind: str, spec: dict[str, Any], message: str, crds: dict[str, dict[str, Any]]) -> None:
    schema = stored_version(next(crd for crd in crds.values() if crd["spec"]["names"]["kind"] == kind))
    causes = RuleSet(schema).validate({"metadata": {"name": "x"}, "spec": spec})
    assert [cause for cause in causes if message in cause["message"]] != []


def test_strategies_are_not_defaulted(crds: dict[str, dict[str, Any]]) -> None:
    schema = stored_version(crds["external-secrets.io_externalsecrets.yaml"])
    reference = {"key": "k"}
    value: dict[str, Any] = {
        "spec": {
            "data": [{"secretKey": "a", "remoteRef": reference}],
            "dataFrom": [{"extract": dict(reference), "find": {}}],
        }
    }
    apply_defaults(value, schema)
    assert value["spec"]["data"][0]["remoteRef"] == {"key": "k"}
    assert value["spec"]["dataFrom"][0] == {"extract": {"key": "k"}, "find": {}}
    assert value["spec"]["target"] == {"creationPolicy": "Owner", "deletionPolicy": "Retain"}
    assert value["spec"]["refreshInterval"] == "1h0m0s"


def test_generator_references_and_cluster_generators_name_the_same_kinds(crds: dict[str, dict[str, Any]]) -> None:
    names = {kind.resource.kind for kind in GENERATOR_KINDS}
    spec = stored_version(crds["generators.external-secrets.io_clustergenerators.yaml"])["properties"]["spec"]
    assert set(spec["properties"]["kind"]["enum"]) == names
    external = stored_version(crds["external-secrets.io_externalsecrets.yaml"])["properties"]["spec"]["properties"]
    reference = external["dataFrom"]["items"]["properties"]["sourceRef"]["properties"]["generatorRef"]
    assert set(reference["properties"]["kind"]["enum"]) == {*names, "ClusterGenerator"}


def test_a_third_party_provider_joins_the_stores() -> None:
    class AcmeSpec(Model):
        url: str

    for crd in all_crds({"acme": AcmeSpec}):
        if crd["spec"]["names"]["kind"] in ("SecretStore", "ClusterSecretStore"):
            provider = stored_version(crd)["properties"]["spec"]["properties"]["provider"]
            assert provider["properties"]["acme"]["required"] == ["url"]
            assert "vault" in provider["properties"]


def test_the_command_writes_one_file_per_kind(tmp_path: Path) -> None:
    assert main(["--output", str(tmp_path / "crds")]) == 0
    assert sorted(path.name for path in (tmp_path / "crds").iterdir()) == sorted(NAMES)
    name = "generators.external-secrets.io_uuids.yaml"
    assert (tmp_path / "crds" / name).read_bytes() == (COMMITTED / name).read_bytes()


def test_the_command_prints_all_kinds_and_installed_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--plugins"]) == 0
    documents = capsys.readouterr().out.split("---\n")
    assert len(documents) == len(KINDS)
    assert yaml.load(documents[-1], Loader=LOADER)["metadata"]["name"] == "webhooks.generators.external-secrets.io"
