"""The real helm, from `PATH` or built once from Go's module proxy into `.cache/helm/<version>/`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support.controlplane import ROOT, Unavailable
from tests.support.gobuild import BuildError, go_install

VERSION = "v3.19.0"
CHART = ROOT / "charts" / "external-secrets"


def find_helm() -> Path:
    """The helm program.

    Raises:
        Unavailable: neither helm nor a Go toolchain is there, or the build failed.
    """
    found = shutil.which("helm")
    if found:
        return Path(found)
    package = f"helm.sh/helm/v3/cmd/helm@{VERSION}"
    try:
        return go_install(package, ROOT / ".cache" / "helm" / VERSION / "helm", "-trimpath", "-ldflags", "-s -w")
    except BuildError as err:
        raise Unavailable(str(err)) from err


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
