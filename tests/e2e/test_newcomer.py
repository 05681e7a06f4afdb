"""A newcomer's first hour on a real cluster: install the chart, first store and secret, break it, read why, repair it."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.contract import Server
from tests.support.controlplane import ROOT
from tests.support.helm import Helm
from tests.support.installation import installed
from tests.support.operator import ClusterUnderTest, cluster_under_test, eventually

pytestmark = [pytest.mark.controlplane, pytest.mark.slow]

_VALUES = {"webhook": {"create": False}, "certController": {"create": False}}


@pytest.fixture
def real(real_server: Server, binaries: Path | None) -> Iterator[ClusterUnderTest]:
    """A namespace on the real control plane."""
    with cluster_under_test("real", real_server, binaries) as under_test:
        yield under_test


def _quickstart() -> list[dict[str, Any]]:
    """The manifests of the quickstart, for the namespace of the test."""
    text = (ROOT / "docs" / "quickstart.md").read_text()
    block = text.split("```yaml\n", 1)[1].split("```", 1)[0]
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(block))
    for document in documents:
        del document["metadata"]["namespace"]
    return documents


def _eso(cluster: ClusterUnderTest, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "eso", *arguments, "--kubeconfig", str(cluster.kubeconfig)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def _url(cluster: ClusterUnderTest) -> str:
    answer = cluster.api("GET", "/api/v1/namespaces/{ns}/secrets/database")
    return base64.b64decode((answer.body.get("data") or {}).get("url", "")).decode() if answer.status == 200 else ""


def test_the_first_hour(helm: Helm, real: ClusterUnderTest) -> None:
    store, wanted = _quickstart()
    with installed(real, helm, _VALUES) as release, release.process():
        real.apply(store, wanted)
        eventually(lambda: _url(real) == "postgresql://app:secret@db:5432/app", 30, "the Secret is made")
        # Break it: a key that is not there.
        wanted["spec"]["dataFrom"][0]["extract"]["key"] = "databse"
        real.apply(wanted)

        def described() -> bool:
            text = real.kubectl("describe", "externalsecret", "database")
            # The entry by its path in the message, the key in the spec that is shown beside it.
            said = ("SecretSyncedError", "spec.dataFrom[0].extract", "does not exist", "databse", "Warning")
            missing = [word for word in said if word not in text]
            assert not missing, missing
            return True

        eventually(described, 30, "kubectl describe says why")
        assert _url(real), "what was there is kept"
        code, said = _eso(real, "explain", "externalsecret", "database", "--namespace", real.namespace)
        assert code == 1
        assert "spec.dataFrom[0].extract" in said
        assert "SecretStore values (fake): Valid" in said
        code, said = _eso(real, "doctor", "--service-account", f"{real.namespace}/{release.name}")
        assert code == 1
        assert f"ExternalSecret {real.namespace}/database: SecretSyncedError" in said
        assert f"system:serviceaccount:{real.namespace}:{release.name} has every permission" in said
        # Repair it.
        wanted["spec"]["dataFrom"][0]["extract"]["key"] = "database"
        wanted["spec"]["target"]["template"]["data"]["url"] += "?sslmode=require"
        real.apply(wanted)
        eventually(lambda: _url(real).endswith("?sslmode=require"), 30, "it is synced again")
        code, said = _eso(real, "explain", "externalsecret", "database", "--namespace", real.namespace)
        assert code == 0, said
        assert "the next refresh is in" in said
