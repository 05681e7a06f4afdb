"""The recipes of docs/templates.md give what the page says, and its expressions render."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from eso.cli.render import main
from tests.support.chains import Chain

PAGE = (Path(__file__).parents[3] / "docs" / "templates.md").read_text()
BLOCK = re.compile(r"^```yaml\n# (\w+)\n(.*?)^```", re.M | re.S)
ROW = re.compile(r"^\| (.+?) \| `(\{\{.+?\}\})` \|$", re.M)
RECIPES = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##)", PAGE, re.M | re.S))
PLAIN = {"password": "secret", "tls.crt": "-", "config": '{"database":{"host":"db"}}'}


@pytest.fixture(scope="module")
def certificates() -> dict[str, str]:
    chain = Chain()
    return {
        "chain": chain.leaf + chain.intermediate + chain.root,
        "cert": chain.leaf,
        "key": chain.key,
        "ca": chain.root,
        "bundle": chain.key + chain.leaf,
        "password": "secret",
        "p12": base64.b64encode(chain.pkcs12(b"secret")).decode(),
        "jwk": '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
    }


def render(
    folder: Path, capsys: pytest.CaptureFixture[str], values: dict[str, Any], target: str, *manifests: str
) -> dict[str, bytes]:
    """What `eso render` shows, as the data of the Secret."""
    manifest = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "recipe"},
        "spec": {
            "secretStoreRef": {"name": "store"},
            "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}],
            "target": yaml.safe_load(target),
        },
    }
    (folder / "manifest.yaml").write_text("---\n".join([yaml.safe_dump(manifest), *manifests]))
    (folder / "data.yaml").write_text(yaml.safe_dump(values))
    code = main(["-f", str(folder / "manifest.yaml"), "--data", str(folder / "data.yaml"), "--show-values"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    secret = yaml.safe_load(shown.out)
    texts = {key: text.encode() for key, text in secret["stringData"].items()}
    return texts | {key: base64.b64decode(text) for key, text in secret.get("data", {}).items()}


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = dict(BLOCK.findall(RECIPES[name]))
    given = [blocks["manifest"]] if "manifest" in blocks else []
    data = render(tmp_path, capsys, yaml.safe_load(blocks["values"]), blocks["target"], *given)
    assert data == {key: text.encode() for key, text in yaml.safe_load(blocks["gives"]).items()}


@pytest.mark.parametrize(("wanted", "expression"), ROW.findall(PAGE))
def test_expression(
    wanted: str,
    expression: str,
    certificates: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = yaml.safe_dump({"template": {"data": {"out": expression.replace("\\|", "|")}}})
    assert render(tmp_path, capsys, PLAIN | certificates, target)["out"]


def test_a_tls_secret_from_a_pkcs12_file(
    certificates: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (target,) = (text for kind, text in BLOCK.findall(PAGE) if kind == "target" and "kubernetes.io/tls" in text)
    data = render(tmp_path, capsys, certificates, target)
    assert data["tls.crt"].decode() == certificates["cert"]
    assert data["tls.key"].startswith(b"-----BEGIN PRIVATE KEY-----")
