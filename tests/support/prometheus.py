"""The real Prometheus and promtool, from `PATH`, or unpacked once from Debian's package into `.cache/prometheus/`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.controlplane import ROOT, Unavailable, free_ports
from tests.support.operator import eventually

__all__ = ["Prometheus", "Promtool", "find_prometheus", "running_prometheus"]

_PACKAGE = "prometheus"
_SECONDS = 300.0


def find_prometheus() -> Path:
    """The folder that holds `prometheus` and `promtool`.

    Raises:
        Unavailable: they are not installed, and Debian's package cannot be had.
    """
    found = shutil.which("promtool")
    if found and shutil.which("prometheus"):
        return Path(found).parent
    cache = ROOT / ".cache" / "prometheus"
    binaries = cache / "usr" / "bin"
    if not (binaries / "promtool").exists():
        _unpack(cache)
    return binaries


def _unpack(cache: Path) -> None:
    # The package is only unpacked: nothing is installed, and no service starts.
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or dpkg is None:
        raise Unavailable("no prometheus, and no apt-get to get Debian's package with")
    print("unpacking Debian's prometheus; once", file=sys.stderr, flush=True)
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as name:
        folder = Path(name)
        if _run(folder, apt, "download", _PACKAGE).returncode != 0:
            _run(folder, apt, "update")
            done = _run(folder, apt, "download", _PACKAGE)
            if done.returncode != 0:
                raise Unavailable(f"apt-get download {_PACKAGE} failed: {done.stderr[-500:]}")
        (package,) = folder.glob("*.deb")
        unpacked = folder / "unpacked"
        done = _run(folder, dpkg, "-x", str(package), str(unpacked))
        if done.returncode != 0:
            raise Unavailable(f"{package.name} cannot be unpacked: {done.stderr[-500:]}")
        shutil.rmtree(cache, ignore_errors=True)
        unpacked.rename(cache)


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
    )


@dataclass(frozen=True)
class Promtool:
    """Runs promtool."""

    binary: Path

    def __call__(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Any command."""
        return subprocess.run(
            [str(self.binary), *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False
        )


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus.

    Attributes:
        url: of its API.
    """

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query.

        Raises:
            AssertionError: it cannot be parsed, or its evaluation failed.
        """
        try:
            answer = self._get("query", query=expression)
        except urllib.error.HTTPError as err:
            raise AssertionError(f"{expression}: {err.read().decode()}") from err
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {each["labels"]["alertname"] for each in self._alerts() if each["state"] == "firing"}

    def alert(self, name: str) -> dict[str, Any]:
        """One alert, with its annotations filled in."""
        return next(each for each in self._alerts() if each["labels"]["alertname"] == name)

    def _alerts(self) -> list[dict[str, Any]]:
        alerts: list[dict[str, Any]] = self._get("alerts")["data"]["alerts"]
        return alerts

    def _get(self, path: str, **query: str) -> dict[str, Any]:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            body: dict[str, Any] = json.load(answer)
        assert body["status"] == "success", body
        return body

    def is_ready(self) -> bool:
        """Whether it answers queries."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


@contextmanager
def running_prometheus(
    binaries: Path, folder: Path, targets: Mapping[str, str], rules: Mapping[str, Any]
) -> Iterator[Prometheus]:
    """A Prometheus that scrapes twice a second.

    Args:
        binaries: where the program is.
        folder: for its data.
        targets: job -> host and port.
        rules: a rule file.
    """
    (port,) = free_ports(1)
    (folder / "rules.yaml").write_text(yaml.safe_dump(dict(rules)))
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "400ms", "evaluation_interval": "500ms"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    command = [
        str(binaries / "prometheus"),
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    running = Prometheus(f"http://127.0.0.1:{port}")
    try:
        eventually(running.is_ready, 30, "Prometheus is ready")
        yield running
    finally:
        process.terminate()
        process.wait(20)
