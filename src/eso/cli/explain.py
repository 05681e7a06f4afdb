"""`eso explain`: why an ExternalSecret is in its state, and when it runs next."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.refs import SecretStoreRef
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.cli.findings import Finding, report
from eso.controllers.conditions import find
from eso.controllers.externalsecret import syncwindows
from eso.controllers.externalsecret.draft import is_valid
from eso.controllers.externalsecret.grouping import slot_group
from eso.controllers.externalsecret.refresh import next_look, should_refresh, version_of
from eso.controllers.externalsecret.target import target_name
from eso.controllers.externalsecret.watches import store_refs
from eso.controllers.slots import SlotGroup
from eso.errors import EsoError
from eso.providers.registry import ProviderRegistry
from eso.stores.selection import StoreSelection
from eso.transform.validation import external_secret_violations
from reconcile.api.core_v1 import Event, Secret
from reconcile.client.client import Client
from reconcile.client.surroundings import load_config
from reconcile.errors import ConfigError, NotFoundError, ReconcileError

__all__ = ["explain", "main", "parser"]

_KINDS = ("externalsecret", "externalsecrets", "es")


def parser() -> argparse.ArgumentParser:
    """Its flags."""
    flags = argparse.ArgumentParser(prog="eso explain", description=__doc__)
    flags.add_argument("kind", choices=_KINDS)
    flags.add_argument("name")
    flags.add_argument("-n", "--namespace", help="of the object; that of the context by default")
    flags.add_argument("--kubeconfig", help="as of kubectl")
    flags.add_argument("--context", help="as of kubectl")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Print what there is to say; 1 when something is wrong, 2 when the object cannot be read."""
    options = parser().parse_args(list(arguments))
    try:
        config = load_config(options.kubeconfig, options.context)
    except ConfigError as err:
        print(f"eso explain: {err}", file=sys.stderr)
        return 2

    async def run() -> int:
        async with Client(config) as client:
            namespace = options.namespace or config.namespace
            try:
                return report(await explain(client, namespace, options.name, datetime.now(UTC)), sys.stdout)
            except ReconcileError as err:
                print(f"eso explain: {err}", file=sys.stderr)
                return 2

    return asyncio.run(run())


async def explain(client: Client, namespace: str, name: str, now: datetime) -> list[Finding]:
    """What there is to say about an ExternalSecret at `now` (aware, UTC); never a value.

    Raises:
        ReconcileError: it, or what it refers to, could not be read.
    """
    es = await client.get(ExternalSecret, name, namespace)
    findings = [*_condition(es), *(Finding(False, text) for text in external_secret_violations(es))]
    for ref in store_refs(es):
        findings.append(await _store(client, ref, namespace))
    if es.spec.target.manifest is None:
        findings += await _target(client, es)
    findings += _schedule(es, now, slot_group(es, batched=await _batched(client, es)))
    findings += [Finding(True, text) for text in await _events(client, es)]
    return findings


def _condition(es: ExternalSecret) -> Iterator[Finding]:
    condition = find(es.status.conditions)
    if condition is None:
        yield Finding(
            False, "it has never been looked at", "is the operator running, and of the store's controller class?"
        )
    else:
        since = f" since {condition.last_transition_time}" if condition.last_transition_time else ""
        yield Finding(condition.status == "True", f"{condition.reason}{since}: {condition.message}")


async def _batched(client: Client, es: ExternalSecret) -> bool:
    """Whether every store that the object reads from answers for many keys in one call."""
    selection, registry = StoreSelection(client), ProviderRegistry()
    try:
        stores = [await selection.load(ref, es.namespace) for ref in store_refs(es)]
    except EsoError:
        return False
    return all(registry.batches(key) for store in stores for key in store.spec.provider)


async def _store(client: Client, ref: SecretStoreRef, namespace: str) -> Finding:
    cluster = ref.kind == "ClusterSecretStore"
    kind: type[SecretStore] | type[ClusterSecretStore] = ClusterSecretStore if cluster else SecretStore
    shown = f"{kind.resource.kind} {ref.name}"
    try:
        store = await client.get(kind, ref.name or "", "" if cluster else namespace)
    except NotFoundError:
        return Finding(False, f"{shown} does not exist", "create it, or correct secretStoreRef")
    condition = find(store.status.conditions)
    if condition is None:
        return Finding(
            False, f"{shown} has not been validated", "is the store reconciler on, and of this controller class?"
        )
    provider = next(iter(store.spec.provider), "?")
    return Finding(condition.status == "True", f"{shown} ({provider}): {condition.reason}: {condition.message}")


async def _target(client: Client, es: ExternalSecret) -> list[Finding]:
    name = target_name(es)
    secret = await client.find(Secret, name, es.namespace)
    if secret is None:
        return [Finding(es.spec.target.creation_policy in ("Merge", "None"), f"Secret {name} does not exist")]
    keys = ", ".join(sorted(secret.data)) or "none"
    found = [Finding(True, f"Secret {name} has the keys {keys}")]
    if not is_valid(secret.to_wire(), es):
        text = f"Secret {name} is not as the last sync left it: it is synced at the next pass"
        found.append(Finding(True, text))
    return found


def _schedule(es: ExternalSecret, now: datetime, group: SlotGroup | None) -> Iterator[Finding]:
    try:
        due = should_refresh(es, now, group)
        wait = next_look(es, now, group)
    except EsoError as err:
        yield Finding(False, str(err))
        return
    if es.status.synced_resource_version not in (None, "", version_of(es)):
        yield Finding(True, "spec, labels or annotations changed since the last sync")
    if es.status.refresh_time is not None:
        yield Finding(True, f"the last successful sync began at {es.status.refresh_time.isoformat()}")
    if not syncwindows.evaluate(es.spec.sync_windows, now).permitted:
        yield Finding(True, "sync windows hold back a refresh by time at this moment")
    if due:
        yield Finding(True, "a refresh is due")
    elif wait is None:
        yield Finding(True, "no refresh by time: only an event or an edit starts one")
    else:
        yield Finding(True, f"the next refresh is in {wait:.0f} s")


async def _events(client: Client, es: ExternalSecret) -> list[str]:
    selector = f"involvedObject.uid={es.metadata.uid}"
    events = (await client.list(Event, es.namespace, field_selector=selector)).items
    return [f"event {event.type} {event.reason} (x{event.count or 1}): {event.message}" for event in events[-5:]]
