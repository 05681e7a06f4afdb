"""`eso migrate`: what taking a cluster over from External Secrets Operator would change."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.cli.crds import KINDS
from eso.cli.findings import Finding, report
from eso.controllers.externalsecret.draft import is_valid
from eso.controllers.externalsecret.grouping import slot_group
from eso.controllers.externalsecret.refresh import should_refresh, version_of
from eso.controllers.externalsecret.target import target_name
from eso.errors import EsoError
from reconcile.api.apiextensions_v1 import CustomResourceDefinition
from reconcile.api.core_v1 import Secret
from reconcile.client.client import Client
from reconcile.client.config import load_config
from reconcile.errors import ConfigError, ReconcileError

__all__ = ["examine", "main"]


def main(arguments: Sequence[str]) -> int:
    """Print what would happen; 1 when something needs a hand first."""
    parser = argparse.ArgumentParser(prog="eso migrate", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", required=True, help="only say what would change; nothing is written"
    )
    parser.add_argument("--kubeconfig", help="as of kubectl")
    parser.add_argument("--context", help="as of kubectl")
    options = parser.parse_args(list(arguments))
    try:
        config = load_config(options.kubeconfig, options.context)
    except ConfigError as err:
        return report([Finding(False, str(err), "set KUBECONFIG or give --kubeconfig")], sys.stdout)

    async def run() -> int:
        async with Client(config) as client:
            try:
                return report([finding async for finding in examine(client, datetime.now(UTC))], sys.stdout)
            except ReconcileError as err:
                return report([Finding(False, f"the cluster cannot be read: {err}")], sys.stdout)

    return asyncio.run(run())


async def examine(client: Client, now: datetime) -> AsyncIterator[Finding]:
    """Look at definitions and ExternalSecrets, as they are at `now` (aware, UTC).

    Raises:
        ReconcileError: the cluster could not be read.
    """
    present = {crd.name: crd for crd in await client.list(CustomResourceDefinition)}
    for kind in KINDS:
        crd = present.get(kind.resource.name)
        stored = (crd.status.stored_versions or []) if crd is not None and crd.status is not None else []
        old = [version for version in stored if version != kind.resource.version]
        if old:
            hint = f"objects may be stored as {', '.join(old)}: write each once (kubectl get -o yaml | kubectl replace -f -)"
            yield Finding(False, f"{kind.resource.name} has stored versions {', '.join(stored)}", hint)
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
