"""One operator after the other, each forked and killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.controlplane import ROOT, free_ports

__all__ = ["Lives"]


@dataclass
class Lives:
    """The operator of the moment.

    Attributes:
        log: what all lives have written.
        flags: besides the addresses.
        kills: how many were killed.
    """

    log: Path
    flags: tuple[str, ...]
    kills: int = 0
    pid: int = 0

    @asynccontextmanager
    async def running(self, kubeconfig: Path) -> AsyncIterator[None]:
        """The first life begins, the last one ends with the block."""
        with self.log.open("ab") as log:
            self._zygote = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.zygote"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            )
        try:
            await self._begin()
            yield
        finally:
            with suppress(ProcessLookupError):
                await self._end()
            self._zygote.kill()
            await self._zygote.wait()

    async def kill(self) -> None:
        """End this life as a node that fails does, and begin another.

        Raises:
            ProcessLookupError: it had ended by itself.
        """
        await self._end()
        self.kills += 1
        await self._begin()

    async def _begin(self) -> None:
        metrics, health = free_ports(2)
        flags = (f"--metrics-addr=127.0.0.1:{metrics}", f"--live-addr=127.0.0.1:{health}", *self.flags)
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps(flags).encode() + b"\n")
        self.pid = int(await self._zygote.stdout.readline())

    async def _end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        while self._is_there():  # noqa: ASYNC110 - it is no child of this process
            await asyncio.sleep(0.002)

    def _is_there(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def text(self) -> str:
        """What all lives have written."""
        return self.log.read_text(errors="replace")
