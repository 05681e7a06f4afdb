"""`eso migrate`: write objects that are stored in old versions; `--check` says what taking a cluster over would change."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.cli import storedversions
from eso.cli.crds import KINDS
from eso.cli.findings import Finding, report
from eso.controllers.externalsecret.draft import is_valid
from eso.controllers.externalsecret.grouping import slot_group
from eso.controllers.externalsecret.refresh import should_refresh, version_of
from eso.controllers.externalsecret.target import target_name
from eso.errors import EsoError
from reconcile.api.core_v1 import Secret
from reconcile.client.client import Client
from reconcile.client.surroundings import load_config
from reconcile.errors import ConfigError, ReconcileError

__all__ = ["examine", "main", "parser"]

_QPS: Final = 20.0
"""Slow enough that an API server does not notice; 72,000 objects an hour."""


def parser() -> argparse.ArgumentParser:
    """Its flags."""
    flags = argparse.ArgumentParser(prog="eso migrate", description=__doc__)
    flags.add_argument("--check", action="store_true", help="only say what would change; nothing is written")
    flags.add_argument("--qps", type=float, default=_QPS, help="requests a second (default: %(default)g)")
    flags.add_argument("--kubeconfig", help="as of kubectl")
    flags.add_argument("--context", help="as of kubectl")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Migrate stored versions, or only print what would happen; 1 when something needs a hand."""
    options = parser().parse_args(list(arguments))
    try:
        config = load_config(options.kubeconfig, options.context)
    except ConfigError as err:
        return report([Finding(False, str(err), "set KUBECONFIG or give --kubeconfig")], sys.stdout)

    async def run() -> int:
        async with Client(config, qps=options.qps) as client:
            code = 0
            try:
                found = examine(client, datetime.now(UTC)) if options.check else storedversions.migrate(client, KINDS)
                async for finding in found:
                    code |= report([finding], sys.stdout)
            except ReconcileError as err:
                return report([Finding(False, f"the cluster cannot be read: {err}")], sys.stdout)
            if not options.check and code == 0:
                report([Finding(True, "every object is stored in the version of this release")], sys.stdout)
            return code

    return asyncio.run(run())


async def examine(client: Client, now: datetime) -> AsyncIterator[Finding]:
    """Look at definitions and ExternalSecrets, as they are at `now` (aware, UTC).

    Raises:
        ReconcileError: the cluster could not be read.
    """
    async for finding in storedversions.examine(client, KINDS):
        yield finding
    kept = 0
    for es in await client.list(ExternalSecret):
        reason = await _why_written(client, es, now)
        if reason:
            yield Finding(True, f"ExternalSecret {es.namespace}/{es.name} is synced at once: {reason}")
        else:
            kept += 1
    yield Finding(
        True, f"{kept} ExternalSecrets are taken over as they are: no write, no call of a provider before they are due"
    )


async def _why_written(client: Client, es: ExternalSecret, now: datetime) -> str:
    try:
        due = should_refresh(es, now, slot_group(es))
    except EsoError as err:
        return str(err)
    if es.status.synced_resource_version != version_of(es):
        return "it was edited, or never synced"
    if due:
        return "its refresh is due"
    if es.spec.target.manifest is not None:
        return ""
    secret = await client.find(Secret, target_name(es), es.namespace)
    if not is_valid(secret.to_wire() if secret is not None else None, es):
        return "its Secret is missing, or was changed by somebody else"
    return ""
