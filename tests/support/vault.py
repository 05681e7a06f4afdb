"""A real Vault on free loopback ports, with storage in memory.

The server is built from `tests/e2e/vault` (a Go module) into `.cache/vault/<hash>/`; a cold build takes some minutes, later ones
find the cache. It serves HTTP and HTTPS (with `keypairs.key_pair()`; it asks for client certificates), is initialised and unsealed, and has nothing
mounted.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.controlplane import free_ports
from tests.support.gobuild import BuildError, go_build
from tests.support.keypairs import key_pair

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "tests" / "e2e" / "vault"
START_SECONDS = 60.0


class Unavailable(Exception):
    """No real Vault on this machine, with the reason."""


def find_binary() -> Path:
    """The server; builds it when it must.

    Raises:
        Unavailable: there is no Go toolchain, or the build failed.
    """
    parts = [(MODULE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go")]
    folder = ROOT / ".cache" / "vault" / hashlib.sha256(b"".join(parts)).hexdigest()[:16]
    environment = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    try:
        return go_build(MODULE, folder / "vault", "-trimpath", "-ldflags", "-s -w", environment=environment)
    except BuildError as err:
        raise Unavailable(str(err)) from err


@dataclass
class Vault:
    """A running server.

    Attributes:
        url: of plain HTTP.
        tls_url: of HTTPS.
        token: of root.
        unseal_key: opens it again.
    """

    url: str
    tls_url: str
    token: str
    unseal_key: str

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str | None = None
    ) -> dict[str, Any]:
        """A request as root; the answer's JSON, empty when it has none.

        Raises:
            urllib.error.HTTPError: the server refused.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/v1/{path}", data=data, method=method, headers={"X-Vault-Token": token or self.token}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                raw = response.read()
        except urllib.error.HTTPError as err:
            err.close()
            raise
        found: dict[str, Any] = json.loads(raw) if raw else {}
        return found

    def mount(self, path: str, version: int) -> None:
        """Mount a key/value engine."""
        self.call("POST", f"sys/mounts/{path}", {"type": "kv", "options": {"version": str(version)}})
        if version == 2:
            # A new mount answers 400 until it has prepared its storage.
            self._wait(lambda: self.call("GET", f"{path}/config"))

    def enable(self, method: str, path: str = "") -> None:
        """Enable an auth method."""
        self.call("POST", f"sys/auth/{path or method}", {"type": method})

    def policy(self, name: str, **rules: list[str]) -> None:
        """Write a policy: paths (with `__` for a slash and `STAR` for `*`) and their capabilities."""
        paths = {path.replace("__", "/").replace("STAR", "*"): {"capabilities": can} for path, can in rules.items()}
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": json.dumps({"path": paths})})

    def _wait(self, ready: Any) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                ready()
                return
            except urllib.error.HTTPError:
                if time.monotonic() > deadline:
                    raise
                select.select([], [], [], 0.02)


@contextmanager
def running_vault() -> Iterator[Vault]:
    """A server that is stopped at the end.

    Raises:
        Unavailable: there is no binary, or it does not start.
    """
    binary = find_binary()
    plain, secure = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="vault-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        certificate, key = key_pair()
        (folder / "tls.crt").write_bytes(certificate)
        (folder / "tls.key").write_bytes(key)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    str(binary),
                    f"-address=127.0.0.1:{plain}",
                    f"-tls-address=127.0.0.1:{secure}",
                    f"-tls-cert={folder / 'tls.crt'}",
                    f"-tls-key={folder / 'tls.key'}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            said = json.loads(_first_line(process, folder))
            vault = Vault(
                f"http://127.0.0.1:{plain}",
                f"https://127.0.0.1:{secure}",
                said["root_token"],
                said["unseal_key"],
            )
            _wait_ready(vault)
            yield vault
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _first_line(process: subprocess.Popen[bytes], folder: Path) -> bytes:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if ready else b""
    if not line.strip():
        raise Unavailable(f"Vault did not start: {(folder / 'log').read_text(errors='replace')[-1500:]}")
    return line


def _wait_ready(vault: Vault) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            vault.call("GET", "sys/health")
            return
        except (OSError, urllib.error.URLError):
            if time.monotonic() > deadline:
                raise Unavailable("Vault did not answer") from None
            select.select([], [], [], 0.05)


def vault_or_skip() -> Iterator[Vault]:
    """Body of a fixture: a server, or a skip that says why; with CI=true a failure instead."""
    try:
        with running_vault() as vault:
            yield vault
    except Unavailable as err:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"no real Vault: {err}")
        print(f"no real Vault: {err}", file=sys.stderr)
        pytest.skip(f"no real Vault: {err}")
