"""A cluster to test on, embedded or real, and the operator as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.contract.api import CRDS, Api, Server
from tests.support.controlplane import ROOT, free_ports

START_SECONDS = 20.0
STOP_SECONDS = 40.0


def eventually(check: Callable[[], Any], seconds: float = 15.0, what: str = "") -> Any:
    """Call `check` until it returns something truthy; a failed assertion in it counts as not yet."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        failure: AssertionError | None = None
        try:
            found = check()
            if found:
                return found
        except AssertionError as err:
            failure = err
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {seconds:g} s: {what or failure or check}") from failure
        pause.wait(0.05)


@dataclass
class Operator:
    """A running `eso` process.

    Attributes:
        metrics_url: base of `/metrics`.
        health_url: base of `/healthz` and `/readyz`.
    """

    process: subprocess.Popen[bytes]
    log: Path
    metrics_url: str
    health_url: str

    def logs(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    def metrics(self) -> str:
        """The text of `/metrics`."""
        with urllib.request.urlopen(f"{self.metrics_url}/metrics", timeout=5) as response:
            text: str = response.read().decode()
            return text

    def is_ready(self) -> bool:
        """Whether `/readyz` says so."""
        try:
            with urllib.request.urlopen(f"{self.health_url}/readyz", timeout=2) as response:
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def stop(self) -> int:
        """End it as Kubernetes does and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def kill(self) -> None:
        """End it at once, as a node that fails does."""
        self.process.kill()
        self.process.wait()


@dataclass
class ClusterUnderTest:
    """An API server and a namespace of this test in it.

    Attributes:
        target: `embedded` or `real`.
        api: plain requests as administrator.
        kubeconfig: of the administrator.
        binaries: where kubectl is, None without one.
    """

    target: str
    api: Api
    kubeconfig: Path
    binaries: Path | None
    folder: Path = field(default_factory=Path)

    @property
    def url(self) -> str:
        """Base URL of the API server."""
        return self.api.server.url

    @property
    def token(self) -> str:
        """The administrator's bearer token."""
        return self.api.server.token

    @property
    def namespace(self) -> str:
        """The namespace of this test."""
        return self.api.ns

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in this test's namespace and return what it printed."""
        assert self.binaries is not None, "no kubectl: set KUBEBUILDER_ASSETS or install Go"
        command = [str(self.binaries / "kubectl"), f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}"]
        environment = {**os.environ, "HOME": str(self.folder)}
        done = subprocess.run(
            [*command, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply manifests with server-side apply as `kubectl apply --server-side` does."""
        for obj in objects:
            path = self.path_of(obj)
            self.api.ok(
                "PATCH", path, obj, content_type="application/apply-patch+yaml", fieldManager="test", force="true"
            )

    def path_of(self, obj: dict[str, Any]) -> str:
        """The path of an object, in this test's namespace unless it names one or its kind has none."""
        group, _, version = obj["apiVersion"].rpartition("/")
        base = f"/apis/{group}/{version}" if group else f"/api/{version}"
        resources = self.api.ok("GET", base)["resources"]
        resource = next(r for r in resources if r["kind"] == obj["kind"] and "/" not in r["name"])
        namespace = obj["metadata"].get("namespace", self.namespace)
        scope = f"/namespaces/{namespace}" if resource["namespaced"] else ""
        return f"{base}{scope}/{resource['name']}/{obj['metadata']['name']}"

    @contextmanager
    def operator(self, *flags: str, command: str = "controller", **environment: str) -> Iterator[Operator]:
        """The operator as a process, ready; stopped at the end.

        Args:
            flags: command-line flags beside the addresses.
            command: the subcommand.
            environment: extra environment variables.
        """
        metrics, health = free_ports(2)
        log = self.folder / f"operator-{uuid.uuid4().hex[:6]}.log"
        arguments = [
            *(sys.executable, "-m", "eso", command),
            f"--metrics-addr=127.0.0.1:{metrics}",
            f"--live-addr=127.0.0.1:{health}",
            *flags,
        ]
        variables = {**os.environ, "KUBECONFIG": str(self.kubeconfig), **environment}
        with log.open("wb") as output:
            process = subprocess.Popen(arguments, cwd=ROOT, env=variables, stdout=output, stderr=subprocess.STDOUT)
        running = Operator(process, log, f"http://127.0.0.1:{metrics}", f"http://127.0.0.1:{health}")
        try:
            self._wait_ready(running)
            yield running
        finally:
            running.stop()

    @staticmethod
    def _wait_ready(running: Operator) -> None:
        def ready() -> bool:
            if running.process.poll() is not None:
                raise RuntimeError(f"the operator ended with {running.process.returncode}: {running.logs()[-2000:]}")
            return running.is_ready()

        eventually(ready, START_SECONDS, "the operator is ready")


def write_kubeconfig(server: Server, path: Path) -> None:
    """A kubeconfig of the administrator."""
    cluster: dict[str, Any] = {"server": server.url}
    if server.ca_file:
        cluster["certificate-authority"] = server.ca_file
    elif server.ca_data:
        ca = path.with_suffix(".ca.crt")
        ca.write_text(server.ca_data)
        cluster["certificate-authority"] = str(ca)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": server.token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    }
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)


def install_crds(api: Api) -> None:
    """The operator's CustomResourceDefinitions, served."""
    definitions = [
        document
        for file in sorted((ROOT / "config" / "crd" / "bases").glob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text())
        if document
    ]
    for definition in definitions:
        answer = api("POST", CRDS, definition)
        assert answer.status in (201, 409), json.dumps(answer.body)
    for definition in definitions:
        eventually(lambda name=definition["metadata"]["name"]: _established(api, name), 30)


def _established(api: Api, name: str) -> bool:
    conditions = (api.ok("GET", f"{CRDS}/{name}").get("status") or {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


@contextmanager
def cluster_under_test(target: str, server: Server, binaries: Path | None) -> Iterator[ClusterUnderTest]:
    """A namespace of its own on a server that has the operator's definitions already."""
    api = Api(server)
    with tempfile.TemporaryDirectory(prefix="e2e-") as name:
        folder = Path(name)
        kubeconfig = folder / "kubeconfig"
        write_kubeconfig(server, kubeconfig)
        api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": api.ns}})
        try:
            yield ClusterUnderTest(target, api, kubeconfig, binaries, folder)
        finally:
            api("DELETE", f"/api/v1/namespaces/{api.ns}")
