"""A real etcd, kube-apiserver and kube-controller-manager on free loopback ports.

The binaries come from `KUBEBUILDER_ASSETS`, or are built from `tests/e2e/controlplane` (a Go module) into
`.cache/controlplane/<hash>/`; a cold build takes 4 to 8 minutes, later ones find the cache. By hand:
`python -m tests.support.controlplane [--dir DIR]` starts one and prints the path of its kubeconfig.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.gobuild import BuildError, go_build

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "tests" / "e2e" / "controlplane"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
VERSION = "v1.36.3"
START_SECONDS = 90.0
CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "clusterrole-aggregation-controller",
)


class Unavailable(Exception):
    """No real control plane on this machine, with the reason."""


def find_binaries() -> Path:
    """The folder that holds the four programs; builds them when it must.

    Raises:
        Unavailable: neither KUBEBUILDER_ASSETS nor a Go toolchain, or the build failed.
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        folder = Path(assets)
        missing = [name for name in PROGRAMS if name != "kube-controller-manager" and not (folder / name).exists()]
        if missing:
            raise Unavailable(f"KUBEBUILDER_ASSETS={assets} lacks {', '.join(missing)}")
        return folder
    return _built()


def _built() -> Path:
    digest = hashlib.sha256((MODULE / "go.mod").read_bytes() + (MODULE / "main.go").read_bytes()).hexdigest()[:16]
    folder = ROOT / ".cache" / "controlplane" / digest
    version = "k8s.io/component-base/version"
    major, minor = VERSION.lstrip("v").split(".")[:2]
    stamps = f"-X {version}.gitVersion={VERSION} -X {version}.gitMajor={major} -X {version}.gitMinor={minor}"
    flags = ("-trimpath", "-ldflags", f"-s -w {stamps}")
    try:
        binary = go_build(MODULE, folder / "controlplane", *flags, environment={"CGO_ENABLED": "0"})
    except BuildError as err:
        raise Unavailable(f"no KUBEBUILDER_ASSETS, and {err}") from err
    for name in PROGRAMS:
        with suppress(FileExistsError):
            (folder / name).symlink_to(binary.name)
    return folder


def free_ports(count: int) -> list[int]:
    """Distinct free loopback ports."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@dataclass
class ControlPlane:
    """A running control plane.

    Attributes:
        folder: holds its data, logs, keys and kubeconfig.
        url: of the API server.
        token: of a user in `system:masters`.
        binaries: where `kubectl` is.
        api_flags: further flags of the API server.
    """

    folder: Path
    binaries: Path
    api_flags: tuple[str, ...] = ()
    url: str = ""
    token: str = ""
    _etcd_ports: tuple[int, int] = (0, 0)
    _processes: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    @property
    def kubeconfig(self) -> Path:
        """The path of an administrator's kubeconfig."""
        return self.folder / "kubeconfig"

    @property
    def ca_file(self) -> Path:
        """The certificate that the API server presents."""
        return self.folder / "certs" / "apiserver.crt"

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl as administrator and return what it printed."""
        command = [str(self.binaries / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout if check else done.stdout + done.stderr

    def start(self) -> None:
        """Start every process and wait until the API server is ready.

        Raises:
            Unavailable: a process ended, or it took longer than `START_SECONDS`.
        """
        client, peer, secure, manager = free_ports(4)
        self.url = f"https://127.0.0.1:{secure}"
        self.token = secrets.token_urlsafe(24)
        self._etcd_ports = client, peer
        self._write_keys()
        self._start_etcd(client, peer)
        self._start_apiserver(client, secure)
        self._wait_ready()
        self._write_kubeconfig()
        if (self.binaries / "kube-controller-manager").exists():
            self._start_manager(manager)

    def restart_api_server(self) -> None:
        """Kill the API server as a node that fails does, and start it again on the same port with the same objects.

        Raises:
            Unavailable: it did not come back.
        """
        self._kill("kube-apiserver")
        self._start_apiserver(self._etcd_ports[0], int(self.url.rpartition(":")[2]))
        self._wait_ready()

    def restart_etcd(self, pause: float = 0.0) -> None:
        """Kill etcd and start it again with its data; the API server finds it by itself.

        Args:
            pause: seconds without etcd.

        Raises:
            Unavailable: it did not come back.
        """
        self._kill("etcd")
        threading.Event().wait(pause)
        self._start_etcd(*self._etcd_ports)
        self._wait_ready()

    def _kill(self, name: str) -> None:
        process = next(process for known, process in self._processes if known == name)
        process.kill()
        process.wait()
        self._processes = [entry for entry in self._processes if entry[1] is not process]

    def stop(self) -> None:
        """Stop everything that was started, the last one first."""
        for _, process in reversed(self._processes):
            process.terminate()
        for _, process in reversed(self._processes):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def _write_keys(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        (self.folder / "service-account.key").write_bytes(pem)
        (self.folder / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')

    def _spawn(self, name: str, *flags: str) -> None:
        log = (self.folder / f"{name}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [str(self.binaries / name), *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )
        self._processes.append((name, process))

    def _start_etcd(self, client: int, peer: int) -> None:
        self._spawn(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{client}",
            f"--advertise-client-urls=http://127.0.0.1:{client}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
        )

    def _start_apiserver(self, etcd: int, secure: int) -> None:
        key = self.folder / "service-account.key"
        self._spawn(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={secure}",
            f"--cert-dir={self.folder / 'certs'}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--disable-admission-plugins=ServiceAccount",
            "--max-requests-inflight=2000",
            "--max-mutating-requests-inflight=2000",
            *self.api_flags,
        )

    def _start_manager(self, secure: int) -> None:
        self._spawn(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self.folder / 'service-account.key'}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={secure}",
            f"--cert-dir={self.folder / 'manager-certs'}",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        )

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        pause = threading.Event()
        while time.monotonic() < deadline:
            for name, process in self._processes:
                if process.poll() is not None:
                    raise Unavailable(f"{name} ended with {process.returncode}: {self._log_tail(name)}")
            if self._is_ready():
                return
            pause.wait(0.1)
        raise Unavailable(
            f"the API server was not ready within {START_SECONDS:g} s: {self._log_tail('kube-apiserver')}"
        )

    def _is_ready(self) -> bool:
        if not self.ca_file.exists():
            return False
        try:
            context = ssl.create_default_context(cafile=str(self.ca_file))
            request = urllib.request.Request(f"{self.url}/readyz", headers={"Authorization": f"Bearer {self.token}"})
            with urllib.request.urlopen(request, context=context, timeout=5) as response:
                if response.status != 200:
                    return False
            request = urllib.request.Request(
                f"{self.url}/api/v1/namespaces/default", headers={"Authorization": f"Bearer {self.token}"}
            )
            with urllib.request.urlopen(request, context=context, timeout=5) as response:
                return bool(response.status == 200)
        except (OSError, ssl.SSLError, urllib.error.URLError):
            return False

    def _write_kubeconfig(self) -> None:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)}}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin", "namespace": "default"}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(config))
        self.kubeconfig.chmod(0o600)

    def _log_tail(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-1500:] if path.exists() else ""


@contextmanager
def running_control_plane(folder: Path | None = None, *api_flags: str) -> Iterator[ControlPlane]:
    """A control plane that is stopped at the end; without `folder` it lives in a temporary one that is removed.

    Args:
        folder: where its files go.
        api_flags: further flags of the API server.

    Raises:
        Unavailable: there are no binaries, or they do not start.
    """
    binaries = find_binaries()
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="controlplane-", ignore_cleanup_errors=True) as name:
            yield from _run(ControlPlane(Path(name), binaries, api_flags))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        yield from _run(ControlPlane(folder.resolve(), binaries, api_flags))


def _run(plane: ControlPlane) -> Iterator[ControlPlane]:
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


def main(arguments: list[str] | None = None) -> int:
    """Start one control plane and keep it until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.controlplane", description=main.__doc__)
    parser.add_argument("--dir", type=Path, help="where its data, logs and kubeconfig go (default: a temporary folder)")
    parsed = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with running_control_plane(parsed.dir) as plane:
            print(json.dumps({"server": plane.url}), file=sys.stderr)
            print(plane.kubeconfig, flush=True)
            while not stop.wait(0.5):
                pass
    except Unavailable as err:
        print(f"no control plane: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
