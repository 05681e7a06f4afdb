"""`python -m tests.chaos.clocked FILE controller|certcontroller FLAG...`: the program, whose wall clock is off by the seconds in FILE."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from eso.cli import certcontroller, controller
from eso.cli.operator import build_operator
from eso.cli.serving import start, utc_now
from eso.settings import CertControllerSettings, ControllerSettings
from reconcile.client.surroundings import load_config


def _clock(file: Path) -> Callable[[], datetime]:
    def now() -> datetime:
        return utc_now() + timedelta(seconds=float(file.read_text() or 0))

    return now


async def _operate(settings: ControllerSettings | CertControllerSettings, clock: Callable[[], datetime]) -> None:
    config = await asyncio.to_thread(load_config)
    if isinstance(settings, ControllerSettings):
        await build_operator(config, settings, clock=clock).run()
    else:
        await certcontroller.build_cert_controller(config, settings, clock=clock).run()


def main(file: str, command: str, *flags: str) -> int:
    """Run until a signal, as the program itself does."""
    settings = controller.parse(flags) if command == "controller" else certcontroller.parse(flags)
    operate = partial(_operate, settings, _clock(Path(file)))
    return start(operate, settings.metrics, settings.loglevel, settings.zap_time_encoding)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
