"""A real Prometheus scrapes the operator, the webhook and a replica without lease; the alerts fire in a staged outage and end."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.controlplane import ROOT
from tests.support.operator import ClusterUnderTest, Operator, eventually
from tests.support.prometheus import Prometheus, Promtool, running_prometheus

_DASHBOARDS = ROOT / "docs" / "dashboards"
_V1 = "external-secrets.io/v1"
_STAGED = {
    "ExternalSecretNotReady",
    "PushSecretNotReady",
    "SecretStoreNotReady",
    "SecretProviderFails",
    "SecretProviderDoesNotAnswer",
    "ExternalSecretsWithoutLeader",
}
"""Those that an outage of seconds can bring; all of them are tried over hours of made-up series beside this."""

_ESO_NAMES = ("externalsecret_", "secretstore_", "clustersecretstore_", "pushsecret_", "clusterexternalsecret_")
_ESO_NAMES += ("clusterpushsecret_",)


def _shortened() -> dict[str, Any]:
    """The rules with seconds for minutes; conditions and thresholds stay."""
    rules: dict[str, Any] = yaml.safe_load((_DASHBOARDS / "alerts.yaml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["for"] = "1s"
            rule["expr"] = re.sub(r"\[\d+m\]", "[10s]", rule["expr"])
    return rules


def _object(kind: str, name: str, spec: dict[str, Any], version: str = _V1) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _external_secret(name: str, store: str, key: str, interval: str = "1h") -> dict[str, Any]:
    data = [{"secretKey": "k", "remoteRef": {"key": key}}]
    return _object(
        "ExternalSecret", name, {"refreshInterval": interval, "secretStoreRef": {"name": store}, "data": data}
    )


def _stage(cluster: ClusterUnderTest, port: int) -> None:
    """A provider that nobody answers for, a key that does not exist, a store that is wrong, a push into nowhere."""
    fake = {"fake": {"data": [{"key": "k", "value": "v"}]}}
    webhook = {"webhook": {"url": f"http://127.0.0.1:{port}/{{{{ .remoteRef.key }}}}", "result": {"jsonPath": "$.v"}}}
    selector = {"secret": {"name": "no-such"}}
    data = [{"match": {"secretKey": "k", "remoteRef": {"remoteKey": "r"}}}]
    broken = {"vault": {"server": "https://127.0.0.1:1", "path": "p", "auth": {}}}
    cluster.apply(
        _object("SecretStore", "fake", {"provider": fake}),
        _object("SecretStore", "gone", {"provider": webhook}),
        _object("SecretStore", "wrong", {"provider": broken}),
        _external_secret("works", "fake", "k"),
        _external_secret("missing", "fake", "no-such"),
        *(_external_secret(f"waits-{number}", "gone", f"k{number}", "1s") for number in range(8)),
        _object(
            "PushSecret",
            "push",
            {"secretStoreRefs": [{"name": "fake"}], "selector": selector, "data": data},
            "external-secrets.io/v1alpha1",
        ),
    )


def _expressions() -> list[str]:
    panels = json.loads((_DASHBOARDS / "external-secrets.json").read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    return [each.replace("$__rate_interval", "10s").replace("$namespace", ".*") for each in found]


def _host(operator: Operator) -> str:
    return operator.metrics_url.removeprefix("http://")


class _Provider(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"v": "value"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_: object) -> None:
        """Not on standard error."""


@contextmanager
def _provider() -> Iterator[int]:
    """A provider that answers until the end of the block, and nobody from then on."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _waits_for(cluster: ClusterUnderTest, name: str) -> bool:
    return cluster.api("GET", f"/api/v1/namespaces/{{ns}}/secrets/{name}").status == 200


@pytest.mark.slow
def test_an_outage_is_told_and_its_end_too(
    cluster: ClusterUnderTest, prometheus_binaries: Path, promtool: Promtool, tmp_path: Path
) -> None:
    lease = {"metadata": {"name": "held"}, "spec": {"holderIdentity": "nobody", "leaseDurationSeconds": 3600}}
    cluster.api.ok("POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases", lease)
    election = ("--enable-leader-election", "--leader-election-id=held")
    with cluster.operator() as operator, cluster.operator(*election) as standby:
        with _provider() as port:
            _stage(cluster, port)
            eventually(lambda: _waits_for(cluster, "waits-7"), 30, "the provider answers")
        targets = {"operator": _host(operator), "standby": _host(standby)}
        with running_prometheus(prometheus_binaries, tmp_path, targets, _shortened()) as prometheus:
            eventually(lambda: _all_fire(prometheus), 60)
            assert "missing" in {
                each["metric"]["name"] for each in prometheus.query('ALERTS{alertname="ExternalSecretNotReady"}')
            }
            assert not prometheus.query('ALERTS{alertname="ExternalSecretNotReady", name="works"}')
            summary = prometheus.alert("PushSecretNotReady")["annotations"]["summary"]
            assert f"{cluster.namespace}/push" in summary
            _panels_show_something(prometheus)
            _repair(cluster)
            eventually(lambda: _fires_for(prometheus, "missing") == [], 30, "the alert ends with its cause")
        _names_are_known(promtool, operator.metrics())
    cluster.api("DELETE", "/apis/coordination.k8s.io/v1/namespaces/default/leases/held")


def _all_fire(prometheus: Prometheus) -> bool:
    silent = _STAGED - prometheus.firing()
    assert not silent, f"silent: {silent}"
    return True


def _fires_for(prometheus: Prometheus, name: str) -> list[Any]:
    return prometheus.query(f'ALERTS{{alertname="ExternalSecretNotReady", name="{name}"}}')


def _repair(cluster: ClusterUnderTest) -> None:
    data = [{"key": "k", "value": "v"}, {"key": "no-such", "value": "here"}]
    cluster.apply(_object("SecretStore", "fake", {"provider": {"fake": {"data": data}}}))
    path = f"/apis/{_V1}/namespaces/{{ns}}/externalsecrets/missing"
    sync = {"metadata": {"annotations": {"force-sync": "now"}}}
    cluster.api.ok("PATCH", path, sync, content_type="application/merge-patch+json")


def _panels_show_something(prometheus: Prometheus) -> None:
    """Every panel's expression is understood; those that do not need a webhook have series."""
    for expression in _expressions():
        found = prometheus.query(expression)
        needs_more = ("webhook", "clustersecretstore", "max_concurrent")
        assert found or any(word in expression for word in needs_more), expression


def _names_are_known(promtool: Promtool, text: str) -> None:
    """promtool can read the metrics; what it dislikes are names that External Secrets Operator gave."""
    done = promtool("check", "metrics", stdin=text)
    assert "error while linting" not in done.stderr
    disliked = {line.split()[0] for line in done.stdout.splitlines() + done.stderr.splitlines() if line}
    assert {name for name in disliked if not name.startswith(_ESO_NAMES)} <= {
        "leader_election_master_status",
        "workqueue_depth",
    }, done.stdout + done.stderr
