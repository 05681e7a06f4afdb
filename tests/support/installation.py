"""The chart on a real API server, its processes run as a Pod would run them: rendered arguments, rendered account."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.controlplane import ROOT, free_ports
from tests.support.helm import Helm, Rendered
from tests.support.operator import START_SECONDS, STOP_SECONDS, ClusterUnderTest, eventually

__all__ = ["Installation", "Process", "installed"]

_LISTENERS = {"": "--live-addr", "-cert-controller": "--healthz-addr", "-webhook": "--healthz-addr"}


@dataclass
class Process:
    """A process of the release.

    Attributes:
        metrics: port of its metrics.
        health: port of its probes.
        log: what it has written.
    """

    running: subprocess.Popen[bytes]
    metrics: int
    health: int
    log: Path

    def metrics_text(self) -> str:
        """What it serves to everybody as metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text


@dataclass
class Installation:
    """A release in the namespace of a test, without Pods.

    Attributes:
        cluster: where it is installed.
        rendered: what helm rendered.
        name: of the release's objects.
        webhook_port: where its admission webhook is reached.
    """

    cluster: ClusterUnderTest
    rendered: Rendered
    name: str
    webhook_port: int
    logs: list[Path] = field(default_factory=list)

    def account(self, suffix: str = "") -> str:
        """`namespace:name` of a process's ServiceAccount."""
        return f"{self.cluster.namespace}:{self.name}{suffix}"

    def arguments(self, suffix: str = "") -> list[str]:
        """The rendered arguments of a process."""
        found: list[str] = self.rendered.container(f"{self.name}{suffix}")["args"]
        return found

    def roles(self, suffix: str = "") -> list[dict[str, Any]]:
        """The Roles and ClusterRoles that are bound to a process's account."""
        bindings = [
            each["roleRef"]
            for each in self.rendered.objects
            if each["kind"] in ("RoleBinding", "ClusterRoleBinding")
            and any(subject["name"] == f"{self.name}{suffix}" for subject in each["subjects"])
        ]
        return [self._role(each["kind"], each["name"]) for each in bindings]

    def _role(self, kind: str, name: str) -> dict[str, Any]:
        if kind == "ClusterRole" and name.startswith("system:"):
            path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}"
            role: dict[str, Any] = self.cluster.api.ok("GET", path)
            return role
        return self.rendered.get(kind, name)

    @contextmanager
    def process(self, suffix: str = "", *flags: str) -> Iterator[Process]:
        """A process with the permissions of its account and nothing else.

        Only what the node gives a Pod is replaced: its address, and where a Secret is mounted.

        Args:
            suffix: "", "-webhook" or "-cert-controller".
            flags: what a mount or an address is replaced with.
        """
        metrics, health = free_ports(2)
        log = self.cluster.folder / f"process{suffix}-{metrics}.log"
        self.logs.append(log)
        addresses = [f"--metrics-addr=127.0.0.1:{metrics}", f"{_LISTENERS[suffix]}=127.0.0.1:{health}"]
        command = [sys.executable, "-m", "eso", *self.arguments(suffix), *addresses, *flags]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.cluster.folder)}
        container = self.rendered.container(f"{self.name}{suffix}")
        environment |= {each["name"]: each["value"] for each in container.get("env") or []}
        environment["KUBECONFIG"] = str(self._kubeconfig(suffix))
        with log.open("wb") as output:
            running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            eventually(lambda: self._answers(running, health), START_SECONDS, f"{self.name}{suffix} answers")
            yield Process(running, metrics, health, log)
        except BaseException:
            running.kill()
            running.wait()
            print(log.read_text()[-4000:])
            raise
        running.terminate()
        code = running.wait(STOP_SECONDS)
        assert code == 0, f"{self.name}{suffix} ended with {code}: {log.read_text()[-2000:]}"

    @staticmethod
    def _answers(running: subprocess.Popen[bytes], health: int) -> bool:
        if running.poll() is not None:
            raise RuntimeError(f"it ended with {running.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{health}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def mounted(self, folder: Path) -> Path:
        """The certificate of the webhook as the kubelet mounts it, once the certificate controller has made it."""
        path = f"/api/v1/namespaces/{{ns}}/secrets/{self.name}-webhook"
        data = eventually(lambda: self.cluster.api.ok("GET", path).get("data"), 30, "the certificate is made")
        folder.mkdir(exist_ok=True)
        for key, value in data.items():
            (folder / key).write_bytes(base64.b64decode(value))
        return folder

    def _kubeconfig(self, suffix: str) -> Path:
        token = self.cluster.kubectl("create", "token", f"{self.name}{suffix}").strip()
        config = yaml.safe_load(self.cluster.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}
        config["contexts"][0]["context"]["namespace"] = self.cluster.namespace
        path = self.cluster.folder / f"account{suffix}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path


def _reachable(each: dict[str, Any], name: str, port: int) -> dict[str, Any]:
    # There is no Service network here: the Service points at this machine, and the webhook listens on a port of its own.
    if each["kind"] == "Service" and each["metadata"]["name"] == f"{name}-webhook":
        each["spec"] = {"type": "ExternalName", "externalName": "localhost"}
    for webhook in each.get("webhooks") or []:
        webhook["clientConfig"]["service"]["port"] = port
        namespace = webhook["clientConfig"]["service"]["namespace"]
        webhook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return each


@contextmanager
def installed(cluster: ClusterUnderTest, helm: Helm, values: dict[str, Any]) -> Iterator[Installation]:
    """The release; its definitions are expected to be there. Everything is removed at the end."""
    name = cluster.namespace
    rendered = helm.template({"fullnameOverride": name, **values}, namespace=name)
    (port,) = free_ports(1)
    objects = [
        _reachable(each, name, port)
        for each in rendered.objects
        if each["kind"] not in ("CustomResourceDefinition", "Deployment")
    ]
    manifest = yaml.safe_dump_all(objects)
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifest)
    try:
        yield Installation(cluster, rendered, name, port)
    finally:
        cluster.kubectl("delete", "--wait=false", "--ignore-not-found", "-f", "-", stdin=manifest)
