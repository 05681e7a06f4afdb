"""The kustomize overlays: complete, and accepted by a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.contract import Server
from tests.support.controlplane import ROOT
from tests.support.operator import ClusterUnderTest, cluster_under_test

_CONFIG = ROOT / "config"


@pytest.fixture
def real(real_server: Server, binaries: Path | None) -> Iterator[ClusterUnderTest]:
    """A namespace on the real control plane."""
    with cluster_under_test("real", real_server, binaries) as under_test:
        yield under_test


def test_every_definition_is_listed() -> None:
    listed = yaml.safe_load((_CONFIG / "crd" / "kustomization.yaml").read_text())["resources"]
    assert listed == sorted(f"bases/{path.name}" for path in (_CONFIG / "crd" / "bases").glob("*.yaml"))


@pytest.mark.controlplane
def test_the_default_overlay_installs_everything(real: ClusterUnderTest) -> None:
    manifests = real.kubectl("kustomize", str(_CONFIG / "default"))
    objects = [each for each in yaml.safe_load_all(manifests) if each]
    deployments = [each["metadata"]["name"] for each in objects if each["kind"] == "Deployment"]
    assert sorted(deployments) == ["external-secrets", "external-secrets-cert-controller", "external-secrets-webhook"]
    accounts = {each["metadata"]["name"] for each in objects if each["kind"] == "ServiceAccount"}
    for each in objects:
        if each["kind"] == "Deployment":
            assert each["spec"]["template"]["spec"]["serviceAccountName"] in accounts
    # A dry run makes no namespace, so the objects are tried in the test's own.
    moved = manifests.replace("namespace: external-secrets\n", f"namespace: {real.namespace}\n")
    answer = real.kubectl("apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-", stdin=moved)
    assert answer.count("serverside-applied (server dry run)") == len(objects)
