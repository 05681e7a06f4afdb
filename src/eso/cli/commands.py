"""The subcommands of `eso`."""

from __future__ import annotations

from typing import Final

__all__ = ["COMMANDS"]

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
    "completion": ("eso.cli.completion", "write a shell's completion of this command"),
}
"""Subcommand: the module with its `main(arguments) -> exit code`, and what it is for."""
