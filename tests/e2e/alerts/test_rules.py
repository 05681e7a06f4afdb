"""The alert rules over days of made-up series, by promtool: each fires after its time, and not before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.controlplane import ROOT
from tests.support.prometheus import Promtool

ALERTS = ROOT / "docs" / "dashboards" / "alerts.yaml"

# Series: one sample a minute in promtool's notation, `_` for none, `a+bxN` for a slope. `at` is when the alert must fire first.
CASES: dict[str, tuple[dict[str, str], int, dict[str, str]]] = {
    "ExternalSecretNotReady": (
        {'externalsecret_status_condition{namespace="n", name="db", condition="Ready", status="False"}': "0x4 1x40"},
        20,
        {"namespace": "n", "name": "db"},
    ),
    "PushSecretNotReady": (
        {'pushsecret_status_condition{namespace="n", name="p", condition="Ready", status="False"}': "0x4 1x40"},
        20,
        {"namespace": "n", "name": "p"},
    ),
    "SecretStoreNotReady": (
        {'clustersecretstore_status_condition{name="s", condition="Ready", status="False"}': "0x4 1x40"},
        15,
        {"name": "s"},
    ),
    "ExternalSecretStale": (
        {'externalsecret_next_refresh_timestamp_seconds{namespace="n", name="db"}': "600x80"},
        46,
        {"namespace": "n", "name": "db"},
    ),
    "SecretProviderDoesNotAnswer": (
        {'externalsecret_store_circuit_open{store_kind="SecretStore", store_namespace="n", store="s"}': "0x4 1x40"},
        10,
        {"store_kind": "SecretStore", "store_namespace": "n", "store": "s"},
    ),
    "SecretProviderFails": (
        {
            'externalsecret_provider_api_calls_count{provider="P", call="Get", status="error"}': "0x4 0+6x40",
            'externalsecret_provider_api_calls_count{provider="P", call="Get", status="success"}': "0x4 0+1x40",
        },
        16,
        {"provider": "P"},
    ),
    "ExternalSecretsWithoutLeader": (
        {'leader_election_master_status{name="lease"}': "1x4 0x40"},
        7,
        {"name": "lease"},
    ),
    "ExternalSecretsQueueStuck": (
        {'workqueue_longest_running_processor_seconds{controller="externalsecret"}': "0+60x60"},
        16,
        {"controller": "externalsecret"},
    ),
    "ExternalSecretsWebhookFails": (
        {'controller_runtime_webhook_requests_total{webhook="/v", code="500"}': "0x4 0+1x40"},
        16,
        {"webhook": "/v"},
    ),
    "ExternalSecretsCertificateUnreadable": (
        {"certwatcher_read_certificate_errors_total": "0x4 0+1x60"},
        21,
        {},
    ),
}


def _rules() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]}


def _test(alert: str, minute: int, labels: dict[str, str] | None, series: dict[str, str]) -> dict[str, Any]:
    expected = [] if labels is None else [{"exp_labels": {**labels, "severity": _rules()[alert]["labels"]["severity"]}}]
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": expected}],
    }


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(_rules())


def test_the_file_is_correct(promtool: Promtool) -> None:
    done = promtool("check", "rules", "--lint-fatal", str(ALERTS))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", CASES)
def test_it_fires_when_it_should(alert: str, promtool: Promtool, tmp_path: Path) -> None:
    series, minute, labels = CASES[alert]
    # Annotations are left out of the comparison: the rules are tried without them.
    rule = {key: value for key, value in _rules()[alert].items() if key != "annotations"}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}))
    tests = [_test(alert, minute, labels, series), _test(alert, minute - 2, None, series)]
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(whole))
    done = promtool("test", "rules", str(tmp_path / "test.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
