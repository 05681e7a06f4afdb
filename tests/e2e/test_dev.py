"""`eso dev`: its demonstration has one of each kind, and all of it works."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from eso.cli.crds import KINDS
from eso.cli.dev import main
from tests.support.controlplane import ROOT

DEMO = sorted((ROOT / "src" / "eso" / "cli" / "demo").glob("*.yaml"))


def test_the_demonstration_has_one_of_each_kind() -> None:
    text = "\n---\n".join(path.read_text() for path in DEMO)
    for mark in ("${TLS_CERTIFICATE}", "${TLS_KEY}"):
        text = text.replace(mark, "    x")
    found = {document["kind"] for document in yaml.safe_load_all(text) if document}
    # GeneratorStates are made by the operator.
    assert {kind.resource.kind for kind in KINDS} - found == {"GeneratorState"}


def test_the_demonstration_becomes_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--until-synced", "--timeout", "60", "--kubeconfig", str(tmp_path / "kubeconfig")]) == 0
    printed = capsys.readouterr().out
    for name in ("session-key", "deploy-key", "installation", "second-factor", "control-plane"):
        assert f"ExternalSecret  shop  {name}  True  SecretSynced" in printed
    assert "PushSecret  shop  break-glass  True  Synced" in printed
