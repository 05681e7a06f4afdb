"""The real helm, from `PATH` or built once from Go's module proxy into `.cache/helm/<version>/`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support.controlplane import ROOT, Unavailable

VERSION = "v3.19.0"
BUILD_SECONDS = 1800.0
CHART = ROOT / "charts" / "external-secrets"


def find_helm() -> Path:
    """The helm program.

    Raises:
        Unavailable: neither helm nor a Go toolchain is there, or the build failed.
    """
    found = shutil.which("helm")
    if found:
        return Path(found)
    folder = ROOT / ".cache" / "helm" / VERSION
    binary = folder / "helm"
    if binary.exists():
        return binary
    go = shutil.which("go")
    if go is None:
        raise Unavailable("no helm, and no Go toolchain to build it")
    folder.mkdir(parents=True, exist_ok=True)
    print("building helm; this takes some minutes once", file=sys.stderr, flush=True)
    partial = folder / f".build-{os.getpid()}"
    command = [go, "install", "-trimpath", "-ldflags", "-s -w", f"helm.sh/helm/v3/cmd/helm@{VERSION}"]
    environment = {**os.environ, "GOBIN": str(partial), "CGO_ENABLED": "0"}
    try:
        subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS, check=True
        )
        (partial / "helm").replace(binary)
    except (subprocess.SubprocessError, OSError) as err:
        raise Unavailable(f"go install of helm {VERSION} failed: {err}") from err
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return binary


class Rendered:
    """What a chart renders to."""

    def __init__(self, text: str) -> None:
        self.objects: list[dict[str, Any]] = [each for each in yaml.safe_load_all(text) if each]

    def kinds(self) -> set[str]:
        """The kinds that are there."""
        return {each["kind"] for each in self.objects}

    def names(self, kind: str) -> list[str]:
        """The names of a kind's objects."""
        return sorted(each["metadata"]["name"] for each in self.objects if each["kind"] == kind)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The objects of a kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """One object."""
        return next(each for each in self.objects if each["kind"] == kind and each["metadata"]["name"] == name)

    def container(self, deployment: str) -> dict[str, Any]:
        """The process of a Deployment."""
        found: dict[str, Any] = self.get("Deployment", deployment)["spec"]["template"]["spec"]["containers"][0]
        return found


class Helm:
    """Runs `helm template` on the chart.

    Args:
        binary: the helm program.
        home: where it keeps its files.
    """

    def __init__(self, binary: Path, home: Path) -> None:
        self._binary = binary
        self._environment = {**os.environ, "HOME": str(home), "KUBECONFIG": ""}

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Any command."""
        return subprocess.run(
            [str(self._binary), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self._environment,
        )

    def template(self, values: dict[str, Any] | None = None, *flags: str, namespace: str = "secrets") -> Rendered:
        """The objects of release `external-secrets`."""
        done = self.render(values, *flags, namespace=namespace)
        assert done.returncode == 0, done.stderr
        return Rendered(done.stdout)

    def render(
        self, values: dict[str, Any] | None = None, *flags: str, namespace: str = "secrets"
    ) -> subprocess.CompletedProcess[str]:
        """The same, whether it works or not."""
        command = ("template", "external-secrets", str(CHART), "--namespace", namespace, "--values", "-", *flags)
        return self.run(*command, stdin=yaml.safe_dump(values or {}))
