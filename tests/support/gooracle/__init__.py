"""Go's own text/template with sprig, as a child process that says what is right."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import select
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.gobuild import go_build

HERE = Path(__file__).parent
PATIENCE = 5.0
CACHE = HERE.parents[2] / ".cache" / "gooracle"


def available() -> bool:
    return shutil.which("go") is not None


def build() -> Path:
    """The program, built when its sources changed."""
    sources = b"".join([path.read_bytes() for path in sorted([*HERE.glob("*.go"), HERE / "go.mod", HERE / "go.sum"])])
    return go_build(HERE, CACHE / hashlib.sha256(sources).hexdigest()[:16])


def encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()


@dataclass(frozen=True)
class Answer:
    """`output` is None when the template failed; then `stage` is `parse`, `exec`, or `endless`: Go would never end."""

    output: str | None
    stage: str = ""
    error: str = ""


class GoEndlessError(Exception):
    """Go was still rendering after `PATIENCE` seconds, or ran out of memory."""


class GoOracle:
    """One running oracle; with `calls` it calls functions instead of rendering templates."""

    def __init__(self, binary: Path, *, calls: bool = False) -> None:
        self._command = [str(binary), *(["calls"] if calls else [])]
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        # Results must not depend on the zone of the machine.
        environment = {**os.environ, "TZ": "UTC"}
        return subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )

    def __enter__(self) -> GoOracle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def _ask(self, request: dict[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], patience)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self._process.kill()
            self.close()
            self._process = self._start()
            raise GoEndlessError(f"no answer to {request}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def call(self, name: str, args: list[Any], *, method: bool = False) -> dict[str, Any]:
        """The outcome of a call: `result` and the `args` behind it, or `failed`; values as `govalues` writes them."""
        return self._ask({"fn": name, "args": args, "method": method})

    def _request(
        self, source: str, data: Any, name: str, missing: str, delims: tuple[str, str], plain: bool
    ) -> dict[str, Any]:
        root = {"value": data} if plain else {"strings": {key: encoded(value) for key, value in data.items()}}
        return {
            "source": encoded(source), "name": name, "missing": missing, "left": delims[0], "right": delims[1], "plain": plain,
        } | root  # fmt: skip

    def render(
        self,
        source: str,
        data: Any,
        *,
        name: str = "tpl",
        missing: str = "error",
        delims: tuple[str, str] = ("", ""),
        plain: bool = False,
    ) -> Answer:
        """What Go renders; `data` is a string map, or any JSON value when `plain`."""
        try:
            answer = self._ask(self._request(source, data, name, missing, delims, plain))
        except GoEndlessError as error:
            return Answer(None, "endless", str(error))
        if answer.get("stage"):
            return Answer(None, answer["stage"], answer["error"])
        return Answer(base64.b64decode(answer.get("output", "")).decode("utf-8", "surrogateescape"))

    def rate(self, source: str, data: dict[str, str], *, seconds: float, prepared: bool) -> float:
        """Renders per CPU second; with `prepared`, of a template that is parsed already."""
        request = self._request(source, data, "tpl", "error", ("", ""), False) | {
            "seconds": seconds,
            "prepared": prepared,
        }
        answer = self._ask(request, seconds + 60)
        assert not answer.get("stage"), answer
        return float(answer["rate"])
