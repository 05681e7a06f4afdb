"""Makes the peers runnable: controller-runtime from its Go module, kopf in a virtual environment of its own.

Both land in `.cache/peers/`, keyed by what they are made of; neither is a dependency of this project.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "peers"
KOPF = "kopf==1.45.2"


class Unavailable(Exception):
    """A peer cannot be had on this machine, with the reason."""


def controller_runtime() -> list[str]:
    """The command of the controller in Go, built when it must be.

    Raises:
        Unavailable: no Go toolchain, or the build failed.
    """
    module = HERE / "controller-runtime"
    inputs = b"".join((module / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    binary = CACHE / f"controller-runtime-{hashlib.sha256(inputs).hexdigest()[:16]}"
    if not binary.exists():
        go = shutil.which("go")
        if go is None:
            raise Unavailable("controller-runtime needs a Go toolchain")
        CACHE.mkdir(parents=True, exist_ok=True)
        print("building the controller-runtime peer", file=sys.stderr, flush=True)
        partial = binary.with_name(f".{binary.name}.{os.getpid()}")
        environment = {**os.environ, "CGO_ENABLED": "0"}
        try:
            _run([go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(partial), "."], cwd=module, env=environment)
            partial.replace(binary)
        finally:
            partial.unlink(missing_ok=True)
    return [str(binary)]


def kopf() -> list[str]:
    """The command of kopf in its virtual environment, made when it must be.

    Raises:
        Unavailable: the package index was not reached.
    """
    folder = CACHE / KOPF.replace("==", "-")
    command = folder / "bin" / "kopf"
    if not command.exists():
        print("installing kopf for itself", file=sys.stderr, flush=True)
        venv.create(folder, clear=True, with_pip=True)
        _run([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", KOPF])
    return [str(command)]


def _run(command: list[str], **options: object) -> None:
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
    done = run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise Unavailable(f"{command[0]} failed: {done.stderr[-2000:]}")
