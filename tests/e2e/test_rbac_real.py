"""Each process asks for exactly what the chart gives it: the audit log of a real API server beside the rendered rules."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.audit import Audit, Permission, granted
from tests.support.contract import Api, Server
from tests.support.controlplane import running_control_plane
from tests.support.helm import Helm
from tests.support.installation import Installation, Process, installed
from tests.support.operator import ClusterUnderTest, cluster_under_test, eventually, install_crds
from tests.support.stories import Stories, grafana

pytestmark = [pytest.mark.controlplane, pytest.mark.slow]

_ESO = "external-secrets.io"
_GENERATORS = "generators.external-secrets.io"
_HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_READ = frozenset({"get", "list", "watch"})

_VALUES: dict[str, Any] = {
    "leaderElect": True,
    "genericTargets": {"enabled": True},
    "extraArgs": {"generator-gc-grace-period": "1s"},
    # Nobody answers there: what counts is how far the operator gets with the account.
    "extraEnv": [{"name": "AWS_STS_ENDPOINT", "value": "http://127.0.0.1:9"}],
    "metrics": {"listen": {"secure": {"enabled": True, "certDir": ""}, "auth": {"enabled": True}}},
}
_SCOPED = {
    **_VALUES,
    "scopedRBAC": True,
    "webhook": {"create": False},
    "certController": {"create": False},
}


def unused_for_a_reason(permission: Permission, used: set[Permission]) -> str:
    """Why a process has a permission that no story needs; empty when it should not have it."""
    group, resource, verb = permission.group, permission.resource, permission.verb
    if resource.endswith("/finalizers"):
        return "OpenShift's OwnerReferencesPermissionEnforcement asks for it; no request names it"
    if (resource, verb) == ("events", "patch"):
        return "an event that comes again is counted in place; not every process has one that does"
    reads = {each.verb for each in used if (each.group, each.resource) == (group, resource)} & _READ
    if verb in _READ and reads:
        return "whoever may list a kind may read it: get, list and watch are given together"
    if group == _GENERATORS and verb in _READ and any(each.group == group and each.verb == "watch" for each in used):
        return "every kind of generator is watched alike, from its first use on"
    return ""


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """Where the API server of these tests writes its audit log."""
    return Audit(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="module")
def audited(audit: Audit, binaries: Path | None) -> Iterator[Server]:
    """A real API server that writes down who asks for what."""
    if binaries is None:
        pytest.skip("no real control plane")
    with running_control_plane(None, *audit.flags) as plane:
        server = Server(plane.url, plane.token, ca_file=str(plane.ca_file))
        install_crds(Api(server))
        yield server


@pytest.fixture
def cluster(audited: Server, binaries: Path | None) -> Iterator[ClusterUnderTest]:
    """A namespace on it."""
    with cluster_under_test("real", audited, binaries) as under_test:
        yield under_test


def _check(audit: Audit, release: Installation, suffix: str) -> None:
    account = release.account(suffix)
    assert not audit.refused(account)
    used = audit.used(account)
    allowed = granted(release.roles(suffix))
    superfluous = {each for each in allowed - used if not unused_for_a_reason(each, used)}
    assert not superfluous, f"{account} never needs: {', '.join(map(str, sorted(superfluous)))}"
    # What is asked for beside the rules is what every authenticated user may do.
    assert {each.resource for each in used - allowed} <= {"selfsubjectrulesreviews", "selfsubjectaccessreviews"}


def _scrape(cluster: ClusterUnderTest, process: Process, account: str) -> int:
    token = cluster.kubectl("create", "token", account).strip()
    request = urllib.request.Request(
        f"https://127.0.0.1:{process.metrics}/metrics", headers={"Authorization": f"Bearer {token}"}
    )
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(request, context=context, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as err:
        return err.code


def _metrics_are_for_those_who_may(cluster: ClusterUnderTest, process: Process) -> None:
    name = f"scraper-{cluster.namespace}"
    cluster.kubectl("create", "serviceaccount", "scraper")
    cluster.kubectl("create", "clusterrole", name, "--verb=get", "--non-resource-url=/metrics")
    account = f"--serviceaccount={cluster.namespace}:scraper"
    cluster.kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", account)
    eventually(lambda: _scrape(cluster, process, "scraper") == 200, 20, "the scraper sees metrics")
    assert _scrape(cluster, process, "default") == 403


def _admission_works(cluster: ClusterUnderTest) -> None:
    path = f"/apis/{_ESO}/v1/namespaces/{{ns}}/externalsecrets"
    wrong = {
        "apiVersion": f"{_ESO}/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "wrong"},
        "spec": {
            "secretStoreRef": {"name": "store"},
            "target": {"deletionPolicy": "Delete", "creationPolicy": "Merge"},
            "data": [{"secretKey": "a", "remoteRef": {"key": "b"}}],
        },
    }

    def refused() -> bool:
        answer = cluster.api("POST", path, wrong)
        assert answer.status == 403, answer.body
        return "denied the request" in answer.message

    eventually(refused, 30, "the webhook refuses what breaks a rule")


def _certificates_reach_conversions_and_probes(cluster: ClusterUnderTest, process: Process, name: str) -> None:
    """A definition with a conversion webhook gets the authority too; the probe looks whether the Service has Pods."""
    definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clustersecretstores.external-secrets.io"
    service = {"name": "somewhere", "namespace": cluster.namespace}
    webhook = {"clientConfig": {"service": service}, "conversionReviewVersions": ["v1"]}
    merge = "application/merge-patch+json"
    change = {"spec": {"conversion": {"strategy": "Webhook", "webhook": webhook}}}
    cluster.api.ok("PATCH", definition, change, content_type=merge)

    def injected() -> Any:
        config = cluster.api.ok("GET", definition)["spec"]["conversion"]["webhook"]["clientConfig"]
        return config.get("caBundle") and config["service"]["name"] == f"{name}-webhook"

    try:
        eventually(injected, 30, "the definition trusts the authority")
    finally:
        back = {"spec": {"conversion": {"strategy": "None", "webhook": None}}}
        cluster.api.ok("PATCH", definition, back, content_type=merge)
    slices = "/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices"
    labels = {"kubernetes.io/service-name": f"{name}-webhook"}
    body = {"metadata": {"name": "webhook", "labels": labels}, "addressType": "IPv4", "ports": []}
    cluster.api.ok("POST", slices, {**body, "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": True}}]})
    eventually(lambda: _is_ready(process), 30, "the certificate controller is ready")


def _is_ready(process: Process) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{process.health}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def test_a_release_needs_what_it_is_given(helm: Helm, cluster: ClusterUnderTest, audit: Audit, tmp_path: Path) -> None:
    with installed(cluster, helm, _VALUES) as release:
        flags = f"--port={release.webhook_port}", f"--cert-dir={tmp_path / 'certs'}"
        with release.process("-cert-controller") as certificates:
            release.mounted(tmp_path / "certs")
            with release.process("-webhook", *flags), ExitStack() as first, grafana() as vendor:
                operator = first.enter_context(release.process())
                _admission_works(cluster)
                _metrics_are_for_those_who_may(cluster, operator)
                with release.process():
                    stories = Stories(cluster)
                    stories.run(vendor)
                    first.close()
                    stories.goes_on()
            _certificates_reach_conversions_and_probes(cluster, certificates, release.name)
        for suffix in ("", "-cert-controller", "-webhook"):
            _check(audit, release, suffix)


def test_one_process_for_everything_needs_what_it_is_given(helm: Helm, cluster: ClusterUnderTest, audit: Audit) -> None:
    with installed(cluster, helm, {**_VALUES, "allInOne": True}) as release, grafana() as vendor:
        with release.process("", f"--webhook-port={release.webhook_port}") as operator:
            _admission_works(cluster)
            _metrics_are_for_those_who_may(cluster, operator)
            Stories(cluster).run(vendor)
        _check(audit, release, "")


def test_a_release_for_one_namespace_needs_what_it_is_given(
    helm: Helm, cluster: ClusterUnderTest, audit: Audit
) -> None:
    values = {**_SCOPED, "scopedNamespace": cluster.namespace}
    with installed(cluster, helm, values) as release, release.process() as operator, grafana() as vendor:
        _metrics_are_for_those_who_may(cluster, operator)
        Stories(cluster, scoped=True).run(vendor)
        _check(audit, release, "")
