"""An unmodified kubectl against the embedded server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from reconcile.testing.apiserver import ApiServer
from tests.integration.apiserver.conftest import control_plane_is_at_hand, crd
from tests.support.controlplane import Unavailable, find_binaries

pytestmark = pytest.mark.controlplane

WIDGET = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w1}\nspec: {color: red}\n"
HELD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, namespace: n1, finalizers: [example.com/hold]}\n"


class Kubectl:
    """Runs kubectl with a home and a kubeconfig of its own."""

    def __init__(self, binary: Path, home: Path) -> None:
        self._binary = binary
        self._home = home

    async def __call__(self, *arguments: str, stdin: str = "", code: int = 0, editor: str = "") -> str:
        environment = {
            "HOME": str(self._home),
            "KUBECONFIG": str(self._home / "config"),
            "PATH": "/usr/bin:/bin",
            "EDITOR": editor,
        }
        process = await asyncio.create_subprocess_exec(
            str(self._binary), *arguments, env=environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(30):
            output, _ = await process.communicate(stdin.encode())
        assert process.returncode == code, output.decode()
        return output.decode()


@pytest.fixture(scope="session")
def kubectl_binary() -> Path:
    if not control_plane_is_at_hand():
        pytest.skip("no kubectl: set KUBEBUILDER_ASSETS, or run `python -m tests.support.controlplane` once")
    try:
        return find_binaries() / "kubectl"
    except Unavailable as err:
        pytest.skip(str(err))


@pytest.fixture
async def kubectl(kubectl_binary: Path, tmp_path: Path) -> AsyncIterator[Kubectl]:
    async with ApiServer() as server:
        server.write_kubeconfig(tmp_path / "config")
        yield Kubectl(kubectl_binary, tmp_path)


async def test_version_and_resources(kubectl: Kubectl) -> None:
    assert "Server Version: v1.36" in await kubectl("version")
    resources = await kubectl("api-resources")
    assert "configmaps                        cm           v1" in resources
    assert "rbac.authorization.k8s.io/v1" in await kubectl("api-versions")


async def test_secrets_from_birth_to_death(kubectl: Kubectl) -> None:
    assert await kubectl("create", "secret", "generic", "s", "--from-literal=a=b") == "secret/s created\n"
    assert re.search(r"^s      Opaque   1      \d+s$", await kubectl("get", "secrets"), re.MULTILINE)
    assert "a:  1 bytes" in await kubectl("describe", "secret", "s")
    assert await kubectl("label", "secret", "s", "x=y") == "secret/s labeled\n"
    assert await kubectl("annotate", "secret", "s", "q=w") == "secret/s annotated\n"
    assert await kubectl("patch", "secret", "s", "-p", '{"stringData":{"c":"d"}}') == "secret/s patched\n"
    assert await kubectl("edit", "secret", "s", editor="sed -i s/q:.w/q:\\ changed/") == "secret/s edited\n"
    stored = yaml.safe_load(await kubectl("get", "secret", "s", "-o", "yaml"))
    assert stored["data"] == {"a": "Yg==", "c": "ZA=="}
    assert (stored["metadata"]["labels"], stored["metadata"]["annotations"]) == ({"x": "y"}, {"q": "changed"})
    assert await kubectl("get", "secret", "-l", "x=y", "-o", "name") == "secret/s\n"
    again = await kubectl("create", "secret", "generic", "s", code=1)
    assert 'secrets "s" already exists' in again
    assert "deleted" in await kubectl("delete", "secret", "s")
    assert 'Error from server (NotFound): secrets "s" not found' in await kubectl("get", "secret", "s", code=1)


async def test_commands_that_send_protobuf(kubectl: Kubectl) -> None:
    for arguments, printed in [
        ("create configmap c --from-literal=a=b", "configmap/c created"),
        ("create serviceaccount robot", "serviceaccount/robot created"),
        ("create role r --verb=get --resource=secrets", "role.rbac.authorization.k8s.io/r created"),
        ("create rolebinding b --role=r --user=jane", "rolebinding.rbac.authorization.k8s.io/b created"),
        ("create deployment d --image=nginx --replicas=0", "deployment.apps/d created"),
        ("create service clusterip s --tcp=80:8080", "service/s created"),
        ("create job j --image=x", "job.batch/j created"),
        ("create cronjob cj --image=x --schedule=@daily", "cronjob.batch/cj created"),
        ("create ingress i --rule=a.example.com/=s:80", "ingress.networking.k8s.io/i created"),
        ("create quota q --hard=pods=1", "resourcequota/q created"),
        ("create poddisruptionbudget p --selector=a=b --min-available=50%", "poddisruptionbudget.policy/p created"),
        ("auth can-i get secrets", "yes"),
    ]:
        assert (await kubectl(*arguments.split())).strip() == printed
    assert (await kubectl("create", "token", "robot")).count(".") == 2
    spec = yaml.safe_load(await kubectl("get", "deployment", "d", "-o", "yaml"))["spec"]
    assert spec["replicas"] == 0
    assert spec["template"]["spec"]["containers"][0]["image"] == "nginx"
    assert "deployment.apps/d   0/0" in await kubectl("get", "all")
    for kind in ("deployment/d", "service/s", "job/j", "role/r", "sa/robot"):
        assert kind.split("/")[1] in await kubectl("describe", kind)


async def test_custom_resources(kubectl: Kubectl) -> None:
    definition = yaml.safe_dump(crd("example.com"))
    assert await kubectl("apply", "-f", "-", stdin=definition) == (
        "customresourcedefinition.apiextensions.k8s.io/widgets.example.com created\n"
    )
    await kubectl("wait", "--for=condition=Established", "crd/widgets.example.com")
    assert await kubectl("apply", "-f", "-", stdin=WIDGET) == "widget.example.com/w1 created\n"
    assert await kubectl("apply", "-f", "-", stdin=WIDGET) == "widget.example.com/w1 unchanged\n"
    green = WIDGET.replace("red", "green")
    assert "+  color: green" in await kubectl("diff", "-f", "-", stdin=green, code=1)
    assert await kubectl("apply", "-f", "-", stdin=green) == "widget.example.com/w1 configured\n"
    assert (await kubectl("get", "wd")).splitlines()[0].split() == ["NAME", "COLOR", "READY"]
    assert 'Unsupported value: "blue"' in await kubectl("apply", "-f", "-", stdin=WIDGET.replace("red", "blue"), code=1)
    typo = WIDGET + "typo: 1\n"
    assert 'strict decoding error: unknown field "typo"' in await kubectl("apply", "-f", "-", stdin=typo, code=1)
    assert await kubectl("scale", "wd/w1", "--replicas=3") == "widget.example.com/w1 scaled\n"
    ready = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
    await kubectl("patch", "wd", "w1", "--subresource=status", "--type=merge", "-p", ready)
    assert await kubectl("wait", "--for=condition=Ready", "wd/w1") == "widget.example.com/w1 condition met\n"
    assert "color	<string> -required-" in await kubectl("explain", "widget.spec")
    await kubectl("delete", "crd", "widgets.example.com")
    assert "not found" in await kubectl("get", "crd", "widgets.example.com", code=1)


async def test_server_side_apply(kubectl: Kubectl) -> None:
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n"
    assert await kubectl("apply", "--server-side", "-f", "-", stdin=config) == "configmap/c serverside-applied\n"
    other = ("apply", "--server-side", "-f", "-", "--field-manager=other")
    refused = await kubectl(*other, stdin=config.replace("a: b", "a: c"), code=1)
    assert 'Apply failed with 1 conflict: conflict with "kubectl": .data.a' in refused
    await kubectl(*other, "--force-conflicts", stdin=config.replace("a: b", "a: c"))
    assert "manager: other" in await kubectl("get", "cm", "c", "-o", "yaml", "--show-managed-fields")
    assert "configured (server dry run)" in await kubectl("apply", "-f", "-", "--dry-run=server", stdin=config)


async def test_namespace_and_finalizers(kubectl: Kubectl) -> None:
    await kubectl("create", "namespace", "n1")
    await kubectl("apply", "-f", "-", stdin=HELD)
    await kubectl("delete", "namespace", "n1", "--wait=false")
    assert "n1     Terminating" in await kubectl("get", "namespace", "n1")
    assert "because it is being terminated" in await kubectl("create", "configmap", "late", "-n", "n1", code=1)
    free = '[{"op":"remove","path":"/metadata/finalizers"}]'
    await kubectl("patch", "configmap", "held", "-n", "n1", "--type=json", "-p", free)
    await kubectl("wait", "--for=delete", "namespace/n1", "--timeout=10s")


async def test_get_watch(kubectl: Kubectl) -> None:
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(
            kubectl("get", "cm", "-w", "--request-timeout=2s", "--output-watch-events", code=0)
        )
        await asyncio.sleep(0.6)
        await kubectl("create", "configmap", "c")
        await kubectl("delete", "configmap", "c")
    lines = [line.split()[:2] for line in watching.result().splitlines() if " c " in line]
    assert lines == [["ADDED", "c"], ["DELETED", "c"]]


async def test_explain_builtin(kubectl: Kubectl) -> None:
    assert "valueFrom	<EnvVarSource>" in await kubectl("explain", "pod.spec.containers.env")


async def test_tls_tokens_and_rbac(kubectl_binary: Path, tmp_path: Path) -> None:
    async with ApiServer(rbac=True) as server:
        server.write_kubeconfig(tmp_path / "config")
        kubectl = Kubectl(kubectl_binary, tmp_path)
        assert "kubernetes-admin" in await kubectl("auth", "whoami")
        await kubectl("create", "serviceaccount", "robot")
        robot = "--as=system:serviceaccount:default:robot"
        assert await kubectl("auth", "can-i", "get", "secrets", robot, code=1) == "no\n"
        await kubectl("create", "role", "r", "--verb=get", "--resource=secrets")
        await kubectl("create", "rolebinding", "b", "--role=r", "--serviceaccount=default:robot")
        assert await kubectl("auth", "can-i", "get", "secrets", robot) == "yes\n"
        listed = await kubectl("auth", "can-i", "--list", robot)
        assert "secrets" in listed and "[get]" in listed
