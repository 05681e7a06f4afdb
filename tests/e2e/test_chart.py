"""The Helm chart: rendered by the real helm, accepted by a real API server, and enough for the processes to work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.contract import Server
from tests.support.controlplane import ROOT
from tests.support.helm import Helm, Rendered
from tests.support.operator import ClusterUnderTest, cluster_under_test

_ALL = ("external-secrets", "external-secrets-cert-controller", "external-secrets-webhook")


@pytest.fixture
def real(real_server: Server, binaries: Path | None) -> Iterator[ClusterUnderTest]:
    """A namespace on the real control plane."""
    with cluster_under_test("real", real_server, binaries) as under_test:
        yield under_test


_POD = {"nodeSelector": {"a": "b"}, "podLabels": {"team": "x"}, "resources": {"requests": {"cpu": "10m"}}}
_VALUES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "scoped": {"scopedNamespace": "{ns}", "scopedRBAC": True, "leaderElect": True},
    "everything": {
        "fullnameOverride": "eso-full",
        "commonLabels": {"env": "test"},
        "leaderElect": True,
        "leaderElectionID": "mine",
        "leaderElectionLeaseDuration": "30s",
        "genericTargets": {
            "enabled": True,
            "resources": [{"apiGroup": "apps", "resources": ["deployments"], "verbs": ["get"]}],
        },
        "systemAuthDelegator": True,
        "extraArgs": {"template-left-delimiter": "<<", "enable-flood-gate": ""},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "livenessProbe": {"enabled": True},
        "readinessProbe": {"enabled": True},
        "metrics": {"service": {"enabled": True}, "listen": {"secure": {"enabled": True}, "auth": {"enabled": True}}},
        "grafanaDashboard": {"enabled": True},
        "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-x"}}],
        "crds": {"unsafeServeV1Beta1": True, "annotations": {"a": "b"}},
        "service": {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"]},
        **{
            process: {
                **_POD,
                "podDisruptionBudget": {"enabled": True},
                "networkPolicy": {"enabled": True},
                "startupProbe": {"enabled": True},
            }
            for process in ("webhook", "certController")
        },
        **_POD,
        "podDisruptionBudget": {"enabled": True, "minAvailable": "50%"},
        "networkPolicy": {"enabled": True},
    },
}


@pytest.mark.controlplane
@pytest.mark.parametrize("case", _VALUES)
def test_a_real_api_server_takes_it(case: str, helm: Helm, real: ClusterUnderTest) -> None:
    values = yaml.safe_load(yaml.safe_dump(_VALUES[case]).replace("{ns}", real.namespace))
    rendered = helm.template(values, namespace=real.namespace)
    # The definitions are installed already, and are the same for every case that does not touch them.
    objects = [each for each in rendered.objects if case == "everything" or each["kind"] != "CustomResourceDefinition"]
    answer = real.kubectl(
        "apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump_all(objects)
    )
    assert answer.count("serverside-applied (server dry run)") == len(objects)


def _arguments(rendered: Rendered, deployment: str) -> list[str]:
    found: list[str] = rendered.container(deployment)["args"]
    return found


@pytest.mark.parametrize(
    ("values", "deployment", "expected", "missing"),
    [
        ({}, _ALL[0], ["controller", "--metrics-addr=:8080"], ["--enable-leader-election=true", "--live-addr=:8082"]),
        ({"leaderElect": True}, _ALL[0], ["--enable-leader-election=true"], []),
        ({"leaderElect": True}, _ALL[1], ["--enable-leader-election=true"], []),
        ({"processClusterStore": False}, _ALL[0], ["--enable-cluster-store-reconciler=false"], []),
        ({"processSecretStore": False}, _ALL[0], ["--enable-secret-store-reconciler=false"], []),
        (
            {"processPushSecret": False, "processClusterPushSecret": False},
            _ALL[0],
            ["--enable-push-secret-reconciler=false", "--enable-cluster-push-secret-reconciler=false"],
            [],
        ),
        ({"scopedNamespace": "x"}, _ALL[0], ["--namespace=x"], ["--enable-cluster-store-reconciler=false"]),
        (
            {"scopedNamespace": "x", "scopedRBAC": True},
            _ALL[0],
            [
                "--namespace=x",
                "--enable-cluster-store-reconciler=false",
                "--enable-cluster-external-secret-reconciler=false",
                "--enable-cluster-push-secret-reconciler=false",
            ],
            ["--enable-push-secret-reconciler=false"],
        ),
        ({"livenessProbe": {"enabled": True}}, _ALL[0], ["--live-addr=:8082"], []),
        ({"vault": {"enableTokenCache": True}}, _ALL[0], ["--vault-token-cache-size=262144"], []),
        (
            {"allInOne": True, "webhook": {"port": 9443}},
            _ALL[0],
            ["--all-in-one=true", "--webhook-port=9443", "--webhook-service-name=external-secrets-webhook"],
            [],
        ),
        ({"webhook": {"lookaheadInterval": "1h"}}, _ALL[2], ["--lookahead-interval=1h", "--cert-dir=/tmp/certs"], []),
        (
            {"crds": {"createClusterSecretStore": False}},
            _ALL[1],
            ["--crd-names=externalsecrets.external-secrets.io", "--crd-names=secretstores.external-secrets.io"],
            [],
        ),
    ],
)
def test_arguments(
    helm: Helm, values: dict[str, Any], deployment: str, expected: list[str], missing: list[str]
) -> None:
    arguments = _arguments(helm.template(values), deployment)
    assert set(expected) <= set(arguments)
    assert not set(missing) & set(arguments)


@pytest.mark.parametrize("process", _ALL)
def test_every_process_understands_its_arguments_and_is_restricted(helm: Helm, process: str) -> None:
    values = {"leaderElect": True, "extendedMetricLabels": True, "storeRequeueInterval": "1m", "controllerClass": "x"}
    rendered = helm.template(values)
    command = [sys.executable, "-m", "eso", *_arguments(rendered, process), "--help"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False).returncode == 0
    context = rendered.container(process)["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"processPushSecret": False}, "processClusterPushSecret needs processPushSecret"),
        ({"serviceMonitor": {"enabled": True, "renderMode": "failIfMissing"}}, "install the Prometheus operator"),
        ({"serviceMonitor": {"renderMode": "perhaps"}}, "renderMode"),
        ({"replicaCount": "two"}, "replicaCount"),
        (
            {"allInOne": True, "webhook": {"certManager": {"enabled": True}}},
            "keeps the certificate of its webhook itself",
        ),
        ({"bitwarden-sdk-server": {"enabled": True}}, "bitwarden-sdk-server is not part of this chart"),
    ],
)
def test_wrong_values_are_refused(helm: Helm, values: dict[str, Any], said: str) -> None:
    done = helm.render(values)
    assert done.returncode != 0
    assert said in done.stderr


def test_service_monitors_follow_their_mode(helm: Helm) -> None:
    monitors = {"serviceMonitor": {"enabled": True}}
    assert not helm.template(monitors).names("ServiceMonitor")
    always = {"serviceMonitor": {"enabled": True, "renderMode": "alwaysRender"}}
    for rendered in (
        helm.template(monitors, "--api-versions=monitoring.coreos.com/v1"),
        helm.template(monitors, "--api-versions=monitoring.coreos.com/v1/ServiceMonitor"),
        helm.template(always),
    ):
        assert rendered.names("ServiceMonitor") == sorted(f"{name}-metrics" for name in _ALL)
        services = rendered.of("Service")
        assert {each["metadata"]["name"] for each in services} == {
            "external-secrets-metrics",
            "external-secrets-webhook",
            "external-secrets-cert-controller-metrics",
        }
        for monitor in rendered.of("ServiceMonitor"):
            wanted = monitor["spec"]["selector"]["matchLabels"].items()
            (service,) = (each for each in services if wanted <= each["metadata"]["labels"].items())
            assert "metrics" in {port["name"] for port in service["spec"]["ports"]}


def test_a_disruption_budget_has_one_limit(helm: Helm) -> None:
    for given, rendered in (({}, {"minAvailable": 1}), ({"maxUnavailable": "50%"}, {"maxUnavailable": "50%"})):
        budget = {"podDisruptionBudget": {"enabled": True, **given}}
        for found in helm.template({**budget, "webhook": budget, "certController": budget}).of("PodDisruptionBudget"):
            assert {key: value for key, value in found["spec"].items() if key != "selector"} == rendered


def test_roles_for_people_stay_in_the_namespace_of_a_scoped_install(helm: Helm) -> None:
    rendered = helm.template({"scopedNamespace": "team", "scopedRBAC": True})
    for name in ("external-secrets-view", "external-secrets-edit"):
        assert rendered.get("Role", name)["metadata"]["namespace"] == "team"
        assert name not in rendered.names("ClusterRole")


def test_cert_manager_replaces_the_certificate_controller(helm: Helm) -> None:
    rendered = helm.template({"webhook": {"certManager": {"enabled": True}}})
    assert rendered.names("Deployment") == ["external-secrets", "external-secrets-webhook"]
    certificate = rendered.get("Certificate", "external-secrets-webhook")["spec"]
    name = "external-secrets-webhook"
    assert certificate["dnsNames"] == [name, f"{name}.secrets", f"{name}.secrets.svc"]
    assert certificate["secretName"] == name
    for configuration in ("secretstore-validate", "externalsecret-validate"):
        annotations = rendered.get("ValidatingWebhookConfiguration", configuration)["metadata"]["annotations"]
        assert annotations == {"cert-manager.io/inject-ca-from": f"secrets/{name}"}


def test_all_in_one_is_one_deployment_behind_the_same_service(helm: Helm) -> None:
    whole, one = (
        helm.template({"networkPolicy": {"enabled": True}}),
        helm.template({"allInOne": True, "networkPolicy": {"enabled": True}}),
    )
    assert one.names("Deployment") == ["external-secrets"]
    assert one.names("ServiceAccount") == ["external-secrets"]
    for kind in ("ValidatingWebhookConfiguration", "Service"):
        assert one.names(kind) == whole.names(kind)
    name = "external-secrets-webhook"
    assert one.get("Secret", name) == whole.get("Secret", name)
    selector = one.get("Service", name)["spec"]["selector"]
    labels = one.get("Deployment", "external-secrets")["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items()
    ports = {each["name"]: each["containerPort"] for each in one.container("external-secrets")["ports"]}
    assert ports["webhook"] == 10250
    assert one.get("Service", name)["spec"]["ports"][0]["targetPort"] == "webhook"
    opened = one.get("NetworkPolicy", "external-secrets")["spec"]["ingress"][0]["ports"]
    assert 10250 in [each["port"] for each in opened]


def test_definitions_can_be_left_out(helm: Helm) -> None:
    off = {"crds": {"createSecretStore": False, "createPushSecret": False, "createClusterGenerator": False}}
    names = helm.template(off).names("CustomResourceDefinition")
    everything = helm.template().names("CustomResourceDefinition")
    assert set(everything) - set(names) == {
        "secretstores.external-secrets.io",
        "pushsecrets.external-secrets.io",
        "clustergenerators.generators.external-secrets.io",
    }
    assert not helm.template({"installCRDs": False}).names("CustomResourceDefinition")


def test_openshift_assigns_users_itself(helm: Helm) -> None:
    for flags, values in (
        (["--api-versions=security.openshift.io/v1"], {}),
        ([], {"global": {"compatibility": {"openshift": {"adaptSecurityContext": "force"}}}}),
    ):
        rendered = helm.template(values, *flags)
        assert all("runAsUser" not in rendered.container(name)["securityContext"] for name in _ALL)


@pytest.mark.parametrize(
    ("values", "deployment", "address", "probe"),
    [
        (
            {"livenessProbe": {"enabled": True, "spec": {"port": 9000, "httpGet": {"port": "live", "path": "/x"}}}},
            _ALL[0],
            "--live-addr=:9000",
            {"httpGet": {"path": "/x", "port": 9000}, "initialDelaySeconds": 10},
        ),
        (
            {"webhook": {"livenessProbe": {"enabled": True, "port": 8081, "initialDelaySeconds": 3}}},
            _ALL[2],
            "--healthz-addr=:8081",
            {"httpGet": {"path": "/healthz", "port": 8081}, "initialDelaySeconds": 3},
        ),
    ],
)
def test_probes_take_settings_in_spec_and_beside_it(
    helm: Helm, values: dict[str, Any], deployment: str, address: str, probe: dict[str, Any]
) -> None:
    container = helm.template(values).container(deployment)
    assert address in container["args"]
    assert probe.items() <= container["livenessProbe"].items()
