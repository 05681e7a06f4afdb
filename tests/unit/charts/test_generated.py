"""What the chart takes from the code is as the code says; dashboards name metrics that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from tests.support.chart import CHART, dashboard, definitions, rules_template, schema_text
from tests.support.controlplane import ROOT

_CONTRACT = re.compile(
    r"\b(?:(?:externalsecret|secretstore|clustersecretstore|pushsecret|controller_runtime|workqueue|rest_client"
    r"|leader_election|certwatcher|process)_\w+)"
)
KNOWN = {
    "externalsecret_status_condition",
    "externalsecret_sync_calls_error",
    "externalsecret_provider_api_calls_count",
    "secretstore_status_condition",
    "clustersecretstore_status_condition",
    "pushsecret_status_condition",
    "controller_runtime_reconcile_total",
    "controller_runtime_reconcile_time_seconds_bucket",
    "controller_runtime_active_workers",
    "controller_runtime_max_concurrent_reconciles",
    "controller_runtime_webhook_requests_total",
    "controller_runtime_webhook_latency_seconds_bucket",
    "workqueue_depth",
    "workqueue_longest_running_processor_seconds",
    "rest_client_requests_total",
    "leader_election_master_status",
    "certwatcher_read_certificate_errors_total",
    "process_resident_memory_bytes",
}


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
    assert asked <= KNOWN
    assert all(_CONTRACT.search(expression) for expression in expressions)
