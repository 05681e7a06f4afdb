"""`eso render`: what the Secret of an ExternalSecret would be, without a cluster."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import yaml
from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.cli.caret import pointed_at
from eso.cli.offline import ManifestTransport
from eso.controllers.conditions import cause_of
from eso.controllers.externalsecret.data import DataCollector
from eso.controllers.externalsecret.draft import Draft, build
from eso.controllers.externalsecret.ownership import ANNOTATION_DATA_HASH
from eso.controllers.externalsecret.target import target_name
from eso.controllers.externalsecret.templates import TemplateRenderer
from eso.errors import EsoError, InvalidSpecError
from eso.generators.offline import OfflineGenerators
from eso.providers.registry import ProviderRegistry
from eso.stores.client_manager import ClientManager
from eso.stores.metrics import StoreMetrics
from eso.template.keys import key_template
from eso.transform.validation import external_secret_violations
from reconcile.client.client import Client
from reconcile.errors import ReconcileError

__all__ = ["main", "parser"]

_KINDS = ("ExternalSecret",)


@dataclass(frozen=True, slots=True)
class _Options:
    show_values: bool
    delims: tuple[str, str]


def parser() -> argparse.ArgumentParser:
    """Its flags."""
    flags = argparse.ArgumentParser(prog="eso render", description=__doc__)
    flags.add_argument(
        "-f", "--file", action="append", required=True, help="manifests with ExternalSecrets; repeatable, - for stdin"
    )
    flags.add_argument("--data", help="YAML map of what the providers would give; no store is asked then")
    flags.add_argument(
        "--store", action="append", default=[], help="manifests of stores and what they refer to; repeatable"
    )
    flags.add_argument("--show-values", action="store_true", help="print values; they are masked otherwise")
    flags.add_argument("--template-left-delimiter", default="{{")
    flags.add_argument("--template-right-delimiter", default="}}")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Print the rendered Secrets as YAML; 1 when one of them cannot be rendered, 2 when the files cannot be read."""
    options = parser().parse_args(list(arguments))
    try:
        documents = [document for name in [*options.file, *options.store] for document in _documents(name)]
        data = _data(options.data) if options.data else None
    except (OSError, yaml.YAMLError, ValueError) as err:
        print(f"eso render: {err}", file=sys.stderr)
        return 2
    wanted = [document for document in documents if document.get("kind") in _KINDS]
    if not wanted:
        print("eso render: there is no ExternalSecret in the given files", file=sys.stderr)
        return 2
    chosen = _Options(options.show_values, (options.template_left_delimiter, options.template_right_delimiter))
    return asyncio.run(_render_all(wanted, documents, data, chosen, sys.stdout))


def _documents(name: str) -> Iterator[dict[str, Any]]:
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    for document in yaml.safe_load_all(text):
        if document is None:
            continue
        if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
            raise ValueError(f"{name}: a document is no Kubernetes manifest: it has no metadata")
        yield document


def _data(name: str) -> dict[str, bytes]:
    found = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    if not isinstance(found, dict) or any(isinstance(value, dict | list) for value in found.values()):
        raise ValueError(f"{name}: --data takes a YAML map from keys to texts")
    return {str(key): _text(value).encode() for key, value in found.items()}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


async def _render_all(
    wanted: Sequence[Mapping[str, Any]],
    documents: Sequence[Mapping[str, Any]],
    data: dict[str, bytes] | None,
    options: _Options,
    out: TextIO,
) -> int:
    client = Client(ManifestTransport(documents))
    clients = ClientManager(client, ProviderRegistry(), StoreMetrics(CollectorRegistry()))
    collector = DataCollector(clients, OfflineGenerators(clients), key_template, flood_gate=False)
    renderer = TemplateRenderer(clients.reader, options.delims)
    failed = False
    try:
        for document in wanted:
            name = document["metadata"].get("name", "?")
            try:
                es = _decoded(document)
                draft = await _render(es, collector, renderer, data)
            except (EsoError, ReconcileError) as err:
                failed = True
                print(f"ExternalSecret {name}: {cause_of(err)}", file=sys.stderr)
                print(pointed_at(err, document), end="", file=sys.stderr)
                continue
            out.write("---\n" + yaml.safe_dump(_shown(draft, options.show_values), sort_keys=False))
    finally:
        await clients.close()
    return 1 if failed else 0


def _decoded(document: Mapping[str, Any]) -> ExternalSecret:
    try:
        es = ExternalSecret.from_wire(_without_nulls(dict(document)))
    except ValueError as err:
        raise InvalidSpecError(str(err)) from None
    if not es.metadata.namespace:
        es = es.model_copy(update={"metadata": es.metadata.model_copy(update={"namespace": "default"})})
    violations = external_secret_violations(es)
    if violations:
        raise InvalidSpecError("\n".join(violations))
    return es


def _without_nulls(value: Any) -> Any:
    """As the API server reads a manifest: a field that is null is absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


async def _render(
    es: ExternalSecret, collector: DataCollector, renderer: TemplateRenderer, data: dict[str, bytes] | None
) -> Draft:
    if data is None:
        data = (await collector.collect(es, max_age=0)).data
    render = await renderer.prepare(es, data)
    return build(es, target_name(es), None, data, render)


def _shown(draft: Draft, show_values: bool) -> dict[str, Any]:
    """The Secret for people: values as text where they are text, or masked."""
    wire = draft.to_wire()
    metadata = {key: value for key, value in wire["metadata"].items() if key != "ownerReferences"}
    if not show_values:
        # The hash of a short value gives it away.
        metadata["annotations"] = {
            key: value for key, value in draft.annotations.items() if key != ANNOTATION_DATA_HASH
        }
    shown: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": draft.type or "Opaque"}
    if draft.immutable:
        shown["immutable"] = True
    texts: dict[str, str] = {}
    encoded: dict[str, str] = {}
    for key, value in sorted(draft.data.items()):
        if not show_values:
            texts[key] = f"<masked, {len(value)} bytes>"
            continue
        try:
            texts[key] = value.decode()
        except UnicodeDecodeError:
            encoded[key] = wire["data"][key]
    if encoded:
        shown["data"] = encoded
    shown["stringData"] = texts
    return shown
