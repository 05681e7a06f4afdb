"""`eso controller`: the operator."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence

from eso.cli.about import CONTROLLER, CONTROLLER_DURATIONS
from eso.cli.flags import add_settings, read_settings
from eso.cli.logs import configure_logs
from eso.cli.loops import run
from eso.cli.operator import build_operator
from eso.settings import ControllerSettings
from reconcile.client.config import load_config
from reconcile.errors import ConfigError, LeaderLostError

__all__ = ["main", "parse"]

_LOG = logging.getLogger("setup")


def parse(arguments: Sequence[str]) -> ControllerSettings:
    """The settings that the flags describe; ends the program on a flag that is wrong."""
    parser = argparse.ArgumentParser(prog="eso controller", description="Run the operator.", allow_abbrev=False)
    add_settings(parser, ControllerSettings(), CONTROLLER, durations=CONTROLLER_DURATIONS)
    return read_settings(ControllerSettings, parser.parse_args(list(arguments)))


def main(arguments: Sequence[str]) -> int:
    """Run until a signal; 0 after a clean stop, 1 when it could not start or lost the lease."""
    settings = parse(arguments)
    try:
        configure_logs(settings.loglevel, settings.zap_time_encoding)
    except ValueError as err:
        print(err, file=sys.stderr)
        return 1
    try:
        return run(_operate(settings))
    except (ConfigError, LeaderLostError, OSError) as err:
        _LOG.error("%s", err)
        return 1


async def _operate(settings: ControllerSettings) -> int:
    if settings.metrics.metrics_auth and not settings.metrics.metrics_secure:
        _LOG.error("--metrics-auth requires --metrics-secure; bearer tokens over plaintext HTTP is not allowed")
        return 1
    config = await asyncio.to_thread(load_config)
    manager = build_operator(config, settings)
    await manager.run()
    return 0
