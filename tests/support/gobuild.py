"""Programs that are built from Go once and kept under `.cache/`, however many test processes want them."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["BuildError", "go_build", "go_install"]

BUILD_SECONDS = 1800.0


class BuildError(Exception):
    """There is no Go toolchain, or it failed; with the reason."""


def go_build(module: Path, binary: Path, *flags: str, environment: Mapping[str, str] | None = None) -> Path:
    """The main package of a module as `binary`; does nothing when that is there.

    Raises:
        BuildError: there is no Go toolchain, or it failed.
    """
    partial = binary.with_name(f".{binary.name}.partial")
    _once(binary, partial, ["build", *flags, "-o", str(partial), "."], module, environment or {})
    return binary


def go_install(package: str, binary: Path, *flags: str) -> Path:
    """A program by its import path and version as `binary`, which has the name that Go gives it.

    Raises:
        BuildError: there is no Go toolchain, or it failed.
    """
    folder = binary.with_name(f".{binary.name}.partial")
    environment = {"GOBIN": str(folder), "CGO_ENABLED": "0"}
    try:
        _once(binary, folder / binary.name, ["install", *flags, package], binary.parent, environment)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return binary


def _once(binary: Path, partial: Path, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    if binary.exists():
        return
    go = shutil.which("go")
    if go is None:
        raise BuildError(f"no Go toolchain to build {binary.name}")
    binary.parent.mkdir(parents=True, exist_ok=True)
    with binary.with_name(f".{binary.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if binary.exists():
            return
        print(f"building {binary.name}; this takes some minutes once", file=sys.stderr, flush=True)
        try:
            done = subprocess.run(
                [go, *arguments],
                cwd=folder,
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                timeout=BUILD_SECONDS,
                check=False,
            )
            if done.returncode != 0:
                raise BuildError(f"go {arguments[0]} of {binary.name} failed: {done.stderr[-2000:]}")
            partial.replace(binary)
        except subprocess.TimeoutExpired as err:
            raise BuildError(f"go {arguments[0]} of {binary.name} took longer than {BUILD_SECONDS:g} s") from err
        finally:
            partial.unlink(missing_ok=True)
