"""`eso completion`: what a shell needs to complete the command's flags."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

import shtab

from eso.cli.commands import COMMANDS

__all__ = ["main", "parser"]


def parser() -> argparse.ArgumentParser:
    """Its flags."""
    flags = argparse.ArgumentParser(prog="eso completion", description=__doc__)
    flags.add_argument("shell", choices=shtab.SUPPORTED_SHELLS)
    return flags


def main(arguments: Sequence[str]) -> int:
    """Print the script of a shell."""
    options = parser().parse_args(list(arguments))
    whole = argparse.ArgumentParser(prog="eso")
    commands = whole.add_subparsers()
    for name, (module, about) in COMMANDS.items():
        flags = importlib.import_module(module).parser()
        commands.add_parser(name, parents=[flags], add_help=False, help=about)
    sys.stdout.write(shtab.complete(whole, options.shell) + "\n")
    return 0
