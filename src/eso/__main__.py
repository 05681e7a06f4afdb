"""The `eso` command: finds the subcommand by name and imports only that one."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Final

__all__ = ["COMMANDS", "main"]

COMMANDS: Final = {
    "controller": ("eso.cli.controller", "run the operator (the default when only flags are given)"),
    "webhook": ("eso.cli.webhook", "serve the validating admission webhook"),
    "certcontroller": ("eso.cli.certcontroller", "issue and rotate the webhook's certificate, inject its CA"),
    "dev": ("eso.cli.dev", "run the operator on a control plane in this process"),
    "render": ("eso.cli.render", "render what the Secret of an ExternalSecret would be, offline"),
    "doctor": ("eso.cli.doctor", "check cluster, permissions, CRDs, webhook and stores"),
    "explain": ("eso.cli.explain", "say why an object is in its state and when it runs next"),
    "migrate": (
        "eso.cli.migrate",
        "migrate stored versions; say what taking over from External Secrets Operator would change",
    ),
    "crds": ("eso.cli.crds", "write the CustomResourceDefinitions"),
    "rbac": ("eso.cli.rbac", "write the RBAC rules"),
}
"""Subcommand: the module with its `main(arguments) -> exit code`, and what it is for."""


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
        return 2
    module = importlib.import_module(COMMANDS[name][0])
    return int(module.main(argv))


if __name__ == "__main__":
    sys.exit(main())
