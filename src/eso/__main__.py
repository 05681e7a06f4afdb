"""The `eso` command: finds the subcommand by name and imports only that one."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from eso.cli.commands import COMMANDS

__all__ = ["main"]


def _usage() -> str:
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {about}" for name, (_, about) in COMMANDS.items())
    return f"usage: eso [COMMAND] [FLAGS]\n\n{rows}\n\n`eso COMMAND --help` lists the flags of a command."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns the exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    if argv and argv[0] in ("help", "-h", "--help") and len(argv) == 1:
        print(_usage())  # noqa: T201 - this is what was asked for
        return 0
    if argv and argv[0] == "help":
        argv = [*argv[1:], "--help"]
    # The operator's own image is started with flags only, as External Secrets Operator is.
    name = argv.pop(0) if argv and not argv[0].startswith("-") else "controller"
    if name not in COMMANDS:
        print(f'eso: unknown command "{name}"\n\n{_usage()}', file=sys.stderr)  # noqa: T201
        return 1
    module = importlib.import_module(COMMANDS[name][0])
    return int(module.main(argv))


if __name__ == "__main__":
    sys.exit(main())
