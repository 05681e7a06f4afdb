"""`eso controller`: the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from eso.cli.about import CONTROLLER, CONTROLLER_ALIASES, CONTROLLER_DURATIONS
from eso.cli.flags import ServerFlags, add_settings, read_settings
from eso.cli.operator import build_operator
from eso.cli.serving import start
from eso.settings import ControllerSettings
from reconcile.client.surroundings import load_config

__all__ = ["main", "parse", "parser"]


def parser() -> ServerFlags:
    """Its flags."""
    flags = ServerFlags(prog="eso controller", description="Run the operator.")
    add_settings(flags, ControllerSettings(), CONTROLLER, durations=CONTROLLER_DURATIONS, aliases=CONTROLLER_ALIASES)
    return flags


def parse(arguments: Sequence[str]) -> ControllerSettings:
    """The settings that the flags describe; ends the program on a flag that is wrong."""
    return read_settings(ControllerSettings, parser().parse_args(list(arguments)))


def main(arguments: Sequence[str]) -> int:
    """Run until a signal; 0 after a clean stop, 1 when it could not start or lost the lease."""
    settings = parse(arguments)
    return start(partial(_operate, settings), settings.metrics, settings.loglevel, settings.zap_time_encoding)


async def _operate(settings: ControllerSettings) -> None:
    config = await asyncio.to_thread(load_config)
    await build_operator(config, settings).run()
