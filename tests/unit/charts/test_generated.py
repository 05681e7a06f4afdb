"""What the chart takes from the code is as the code says; dashboards name metrics that exist."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
import yaml

from eso.cli.operator import build_operator
from eso.cli.webhook import build_webhook
from eso.settings import ControllerSettings, WebhookSettings
from reconcile.client.config import Config
from tests.support.chart import CHART, dashboard, definitions, rules_template, schema_text
from tests.support.controlplane import ROOT

_CONTRACT = re.compile(
    r"\b(?:(?:externalsecret|secretstore|clustersecretstore|pushsecret|controller_runtime|workqueue|rest_client"
    r"|leader_election|certwatcher|process)_\w+)"
)


def _served() -> set[str]:
    """The names of all series that the operator and the webhook serve."""

    async def collect() -> set[str]:
        config = Config(server="https://127.0.0.1:1")
        operator = build_operator(config, ControllerSettings(enable_leader_election=True), handle_signals=False)
        webhook = build_webhook(config, WebhookSettings(), handle_signals=False)
        names: set[str] = set()
        for manager in (operator, webhook):
            for family in manager.registry.collect():
                suffixes = {"counter": ("_total", ""), "histogram": ("_bucket",)}.get(family.type, ("",))
                names.update(f"{family.name}{suffix}" for suffix in suffixes)
            await manager.client.live.close()
        return names

    return asyncio.run(collect())


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("templates/_rules.tpl", rules_template()),
        ("values.schema.json", schema_text()),
        ("files/dashboard.json", dashboard()),
        *((f"files/crds/{name}", content) for name, content in definitions().items()),
    ],
)
def test_committed_as_generated(path: str, content: str) -> None:
    assert (CHART / path).read_text() == content, "run `make chart`"


def test_no_definition_is_left_over() -> None:
    assert {path.name for path in (CHART / "files" / "crds").iterdir()} == set(definitions())


@pytest.mark.parametrize("name", ["external-secrets.json", "alerts.yaml"])
def test_dashboards_and_alerts_ask_for_known_metrics(name: str) -> None:
    path: Path = ROOT / "docs" / "dashboards" / name
    if path.suffix == ".json":
        panels = json.loads(path.read_text())["panels"]
        expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    else:
        groups = yaml.safe_load(path.read_text())["groups"]
        expressions = [rule["expr"] for group in groups for rule in group["rules"]]
    asked = {metric for expression in expressions for metric in _CONTRACT.findall(expression)}
    assert asked
    assert asked <= _served()
    assert all(_CONTRACT.search(expression) for expression in expressions)
