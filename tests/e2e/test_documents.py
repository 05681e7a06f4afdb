"""The commands of the documentation: each is run as it stands, or stands in a short list that says who runs it otherwise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.controlplane import ROOT
from tests.support.helm import Helm
from tests.support.operator import ClusterUnderTest, eventually

_BLOCK = re.compile(r"^```(?:console|bash|sh|shell)\n(.*?)^```", re.M | re.S)
_COMMENT = re.compile(r"\s{2,}#.*$")

ELSEWHERE = {
    "make test": "runs this test",
    "make demo": "the target starts `eso dev`, which is started here",
    "make image": "needs Docker; `make image-check` runs the same steps",
    "docker build --build-arg EXTRAS=aws -t external-secrets:aws .": "needs Docker; `make image-check` runs the same steps",
    "make image-check EXTRAS=aws": "builds an environment from the package index: minutes, and not of a test's business",
    "make sbom": "builds an environment from the package index; tests/integration/test_sbom.py runs its second step",
    "make audit": "asks an advisory database on the internet",
    "kubectl apply --server-side --filename <(kubectl kustomize config/default)": "tests/e2e/test_kustomize.py",
    "pip install eso ./examples/acme_provider": "tests/integration/examples runs the example where it is installed already",
    "kubectl apply --server-side -f crds/": "needs the installed example; the definitions are applied by every test here",
    "python3 -m venv .venv": "tests/integration/docs runs the page in the environment of the tests",
    ".venv/bin/pip install 'eso[testing]'": "the same",
    "python -c 'import json, website; print(json.dumps(website.definition()))' | kubectl apply -f -": "the same: the page's own tests apply it",
    "eso render -f externalsecret.yaml --data data.yaml --show-values": "tests/unit/eso/cli/test_render.py, with the files",
    "kubectl describe externalsecret database": "tests/integration/eso/test_describe.py looks at what it shows",
    "kubectl annotate externalsecret database force-sync=$(date +%s) --overwrite": "the quickstart does the same",
}
"""Command -> who runs it, or why nobody can."""


def commands(page: str) -> list[str]:
    """What a reader types, in order, without prompts and remarks."""
    blocks = _BLOCK.findall((ROOT / page).read_text())
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [_COMMENT.sub("", line) for line in lines if line.strip()]


_PAGES = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))]
_RUN = {
    "docs/quickstart.md": r"export KUBECONFIG=|kubectl -n shop ",
    "docs/operating.md": r"helm install |kubectl patch secret|eso migrate",
    "docs/providers/writing.md": r"eso crds ",
}


def test_no_command_is_left_alone() -> None:
    unknown = [
        f"{page}: {command}"
        for page in _PAGES
        for command in commands(page)
        if command not in ELSEWHERE and not (page in _RUN and re.match(_RUN[page], command))
    ]
    assert not unknown
    known = {command for page in _PAGES for command in commands(page)}
    assert set(ELSEWHERE) <= known, "a command that nobody documents any more"


def _shell(command: str, folder: Path, binaries: Path | None, **environment: str) -> str:
    tools = [str(Path(sys.executable).parent), *([str(binaries)] if binaries else [])]
    variables = {**os.environ, "PATH": ":".join([*tools, os.environ["PATH"]]), "HOME": str(folder), **environment}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def _demo(folder: Path) -> Iterator[None]:
    with (folder / "demo.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "eso", "dev"], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        eventually(lambda: (folder / "kubeconfig").exists(), 30, "the demo names its kubeconfig")
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.controlplane
def test_quickstart(binaries: Path | None, tmp_path: Path) -> None:
    if binaries is None:
        pytest.skip("no kubectl")
    typed = [command for command in commands("docs/quickstart.md") if command != "make demo"]
    exported, shown, secret, edited, deleted, forced = typed
    assert exported == "export KUBECONFIG=kubeconfig"

    def run(command: str) -> str:
        return _shell(f"{exported}; {command}", tmp_path, binaries)

    def synced() -> bool:
        rows = run(shown).splitlines()[1:]
        return len(rows) >= 3 and all("True" in row for row in rows)

    with _demo(tmp_path):
        eventually(synced, 40, "every ExternalSecret of the demo is Ready")
        url = run(secret)
        assert url.startswith("postgresql://app:")
        run(edited)
        eventually(lambda: run(secret) == url, 15, "the edit is undone")
        before = _uid(run)
        run(deleted)
        eventually(lambda: _uid(run) not in ("", before), 15, "the Secret comes back")
        assert "annotated" in run(forced)


def _uid(run: object) -> str:
    assert callable(run)
    return str(run("kubectl -n shop get secret image-pull -o jsonpath='{.metadata.uid}' --ignore-not-found"))


@pytest.mark.controlplane
def test_operating(helm: Helm, cluster: ClusterUnderTest) -> None:
    """On a cluster without objects to migrate; helm renders instead of installing, and the API server takes the result elsewhere."""
    environment = {"KUBECONFIG": str(cluster.kubeconfig)}
    for command in commands("docs/operating.md"):
        if command.startswith("helm install "):
            done = helm.run(*command.replace("helm install", "template", 1).replace(" --create-namespace", "").split())
            assert done.returncode == 0, done.stderr
            assert "kind: Deployment" in done.stdout
        elif command.startswith("eso "):
            _shell(command, cluster.folder, cluster.binaries, **environment)
        elif command.startswith("kubectl patch secret"):
            here = command.replace("--namespace external-secrets", f"--namespace {cluster.namespace}")
            cluster.api.secret("external-secrets-webhook", data={"tls.crt": "eA==", "ca.key": "eA=="})
            _shell(here, cluster.folder, cluster.binaries, **environment)
            path = "/api/v1/namespaces/{ns}/secrets/external-secrets-webhook"
            assert cluster.api.ok("GET", path)["data"] == {"tls.crt": "eA=="}


def test_writing_a_provider(tmp_path: Path) -> None:
    (command,) = [each for each in commands("docs/providers/writing.md") if each.startswith("eso crds")]
    _shell(command, tmp_path, None)
    assert list((tmp_path / "crds").glob("*secretstores.yaml"))
