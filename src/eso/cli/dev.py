"""`eso dev`: the operator on a control plane in this process, for a laptop with nothing installed."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from eso.cli.crds import all_crds
from eso.cli.demodata import self_signed
from eso.cli.logs import configure_logs
from eso.cli.loops import run
from eso.cli.manifests import apply_manifest
from eso.cli.operator import build_operator
from eso.cli.table import StatusTable
from eso.settings import ControllerSettings, MetricsSettings
from reconcile.client.client import Client
from reconcile.errors import ReconcileError
from reconcile.shutdown import shutdown_signals
from reconcile.testing.apiserver import ApiServer

__all__ = ["main", "parser"]

_LOG = logging.getLogger("setup")


def parser() -> argparse.ArgumentParser:
    """Its flags."""
    flags = argparse.ArgumentParser(prog="eso dev", description=__doc__)
    flags.add_argument("manifests", nargs="*", metavar="FILE", help="manifests to apply; a demonstration when absent")
    flags.add_argument(
        "--port", type=int, default=0, help="port of the control plane on 127.0.0.1; any free one by default"
    )
    flags.add_argument("--state", metavar="FILE", help="keep the objects in this SQLite file; in memory by default")
    flags.add_argument("--kubeconfig", default="kubeconfig", metavar="FILE", help="where to write the kubeconfig")
    flags.add_argument("--metrics-addr", default="127.0.0.1:0", help="address of /metrics; any free port by default")
    flags.add_argument("--loglevel", default="error", help="debug, info, warn or error")
    flags.add_argument("--until-synced", action="store_true", help="end when everything is synced")
    flags.add_argument("--timeout", type=float, default=60.0, help="seconds that --until-synced waits")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Run until Ctrl-C; 1 when a manifest is refused."""
    options = parser().parse_args(list(arguments))
    configure_logs(options.loglevel, "iso8601")
    return run(_develop(options, Path(options.kubeconfig).absolute()))


async def _develop(options: argparse.Namespace, path: Path) -> int:
    async with ApiServer(options.state, port=options.port) as server:
        await asyncio.to_thread(server.write_kubeconfig, str(path))
        async with Client(server.transport) as client:
            try:
                await _install(client, options.manifests, server.url)
            except (ReconcileError, yaml.YAMLError, OSError) as err:
                print(f"eso dev: {err}", file=sys.stderr)
                return 1
            return await _operate(server, client, options, path)


async def _install(client: Client, files: Sequence[str], url: str) -> None:
    for crd in all_crds():
        await apply_manifest(client, crd)
    for where, document in _documents(files, url):
        try:
            await apply_manifest(client, document)
        except ReconcileError as err:
            name = (document.get("metadata") or {}).get("name", "?")
            raise ReconcileError(f"{where}: {document.get('kind', '?')} {name}: {err}") from err


def _documents(files: Sequence[str], url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    given = ((name, Path(name).read_text(encoding="utf-8")) for name in files)
    for name, text in given if files else _demonstration(url):
        for document in yaml.safe_load_all(text):
            if document:
                yield name, document


def _demonstration(url: str) -> Iterator[tuple[str, str]]:
    certificate, key = self_signed("shop.example")
    for entry in sorted(resources.files("eso.cli").joinpath("demo").iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".yaml"):
            continue
        text = entry.read_text(encoding="utf-8")
        for mark, value in (("${SERVER}", url), ("${TLS_CERTIFICATE}", certificate), ("${TLS_KEY}", key)):
            text = text.replace(mark, value)
        yield entry.name, text


async def _operate(server: ApiServer, client: Client, options: argparse.Namespace, kubeconfig: Path) -> int:
    settings = ControllerSettings(metrics=MetricsSettings(metrics_addr=options.metrics_addr), live_addr="")
    manager = build_operator(server.config, settings, handle_signals=False)
    shown = _relative(kubeconfig)
    print(f"control plane  {server.url}\nkubeconfig     {shown}\n")
    print(f"Try it from another terminal:\n  kubectl --kubeconfig {shown} get externalsecrets,secrets -A\n")
    table = StatusTable(client, sys.stdout)
    ended = asyncio.Event()
    with shutdown_signals(ended.set):
        async with asyncio.TaskGroup() as group:
            operator = group.create_task(manager.run())
            # Whatever ends first ends everything: a signal, a failed operator, or the goal.
            operator.add_done_callback(lambda _: ended.set())
            watching = group.create_task(table.run(ended if options.until_synced else None))
            synced = await _wait(ended, options.timeout if options.until_synced else None)
            watching.cancel()
            manager.stop()
    if not synced:
        print(f"eso dev: not everything was synced within {options.timeout:g} s", file=sys.stderr)
    return 0 if synced else 1


async def _wait(event: asyncio.Event, timeout: float | None) -> bool:
    """Whether the event came in time."""
    try:
        async with asyncio.timeout(timeout):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _relative(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
