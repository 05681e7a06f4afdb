"""A provider in a package of its own: built, installed by pip, found by its entry point, described in the CRD, and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from eso.cli.crds import all_crds, plugin_models
from eso.cli.manifests import apply_manifest
from eso.cli.operator import build_operator
from eso.errors import AccessDeniedError, EsoError, InvalidSpecError, ThrottledError
from eso.providers.base import RemoteRef, SecretsClient
from eso.providers.calls import DirectCalls, ProviderCallMetrics
from eso.providers.registry import ProviderRegistry
from eso.providers.testing import CHECKS, FAULTS, Subject, impatient, run_check, run_fault
from eso.settings import ControllerSettings, MetricsSettings
from eso.stores.context import StoreClientContext, StoreIdentity
from eso.stores.credentials import CredentialReader
from reconcile import Client
from reconcile.api.core_v1 import Secret
from reconcile.errors import APIError
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually
from reconcile.testing.running import running
from tests.support.faultbench import patience_for
from tests.support.gate import Gate
from tests.support.vendors.acme import TOKEN, Acme, acme

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "examples" / "acme_provider"
VALUE = '{"user":"ann","password":"canary-acme-password"}'
PASSWORD = b"canary-acme-password"
GROUP = "/apis/external-secrets.io/v1/namespaces/default"
SHOWN = (f"{GROUP}/externalsecrets/app", f"{GROUP}/secretstores/acme", "/api/v1/namespaces/default/events")


def wheel(folder: Path) -> Path:
    """The wheel of the package, put together from its pyproject.toml.

    Its build backend is no dependency of this repository and pip would fetch it; a wheel is a zip file, so none is needed.
    """
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    info = f"{stem}.dist-info"
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    files = {path.relative_to(PACKAGE / "src").as_posix(): path.read_text() for path in _sources()}
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": points,
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return path


def _sources() -> list[Path]:
    return [path for path in sorted((PACKAGE / "src").rglob("*")) if path.suffix in (".py", ".typed")]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the package is installed into, for the length of this module on the path of imports."""
    folder = tmp_path_factory.mktemp("acme")
    installed = folder / "site"
    options = ["--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(installed), str(wheel(folder))]
    subprocess.run(command, check=True, timeout=60)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(installed)
        yield installed
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_provider"]:
        del sys.modules[name]


@pytest.fixture
async def vendor() -> AsyncIterator[Acme]:
    async with acme() as vendor:
        vendor.secrets["db", ""] = VALUE
        vendor.secrets["db", "1"] = "old"
        yield vendor


def store(url: str) -> dict[str, Any]:
    """The manifest of the example, with the address of the test's vendor."""
    found: dict[str, Any] = yaml.safe_load((PACKAGE / "store.yaml").read_text())
    found["metadata"]["namespace"] = "default"
    found["spec"]["provider"]["acme"]["url"] = url
    return found


def token(value: str = TOKEN) -> dict[str, Any]:
    metadata = {"name": "acme-token", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": value}}


def external_secret() -> dict[str, Any]:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "app", "namespace": "default"},
        "spec": {
            "secretStoreRef": {"name": "acme"},
            "data": [{"secretKey": "old", "remoteRef": {"key": "db", "version": "1"}}],
            "dataFrom": [{"extract": {"key": "db"}}],
        },
    }


@asynccontextmanager
async def cluster(*documents: dict[str, Any]) -> AsyncIterator[Client]:
    async with ApiServer(listen=False) as server, Client(server.transport) as client:
        for document in documents:
            await apply_manifest(client, document)
        yield client


@asynccontextmanager
async def connected(vendor: Acme, sent: str = TOKEN) -> AsyncIterator[SecretsClient]:
    """A client of the installed provider, with the operator's own resolver of references."""
    async with cluster(token(sent)) as kube:
        context = context_of(kube)
        provider, spec = ProviderRegistry().resolve(store(vendor.url)["spec"]["provider"], "acme")
        try:
            yield await provider.new_client(spec, context)
        finally:
            await context.sessions.close()


def context_of(kube: Client) -> StoreClientContext:
    metrics = ProviderCallMetrics(CollectorRegistry())
    return StoreClientContext(
        StoreIdentity("SecretStore", "default", "acme"),
        "default",
        reader=CredentialReader(kube),
        kube=kube,
        calls=lambda name: DirectCalls(name, metrics),
    )


@asynccontextmanager
async def answering(vendor: Acme, status: int) -> AsyncIterator[None]:
    vendor.status = status
    try:
        yield
    finally:
        vendor.status = 200


@pytest.mark.parametrize("check", CHECKS)
async def test_contract(target: Path, vendor: Acme, check: str) -> None:
    async with cluster(token()) as kube:
        context = context_of(kube)
        provider, spec = ProviderRegistry().resolve(store(vendor.url)["spec"]["provider"], "acme")
        subject = Subject(
            provider,
            lambda: provider.new_client(spec, context),
            key="db",
            value=VALUE.encode(),
            property_name="password",
            property_value=PASSWORD,
            missing="gone",
            credentials=[TOKEN.encode()],
            failures={str(status): lambda status=status: answering(vendor, status) for status in (403, 429, 500)},
        )
        try:
            await run_check(check, subject)
        finally:
            await context.sessions.close()


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(target: Path, vendor: Acme, fault: str) -> None:
    async with cluster(token()) as kube, Gate(vendor.url, PASSWORD.decode(), tls=False) as gate:
        contexts: list[StoreClientContext] = []
        provider, spec = ProviderRegistry().resolve(store(gate.url)["spec"]["provider"], "acme")

        async def connect() -> SecretsClient:
            contexts.append(context_of(kube))
            return await provider.new_client(spec, impatient(contexts[-1], patience_for(fault)))

        subject = Subject(
            provider,
            connect,
            key="db",
            value=VALUE.encode(),
            property_name="password",
            property_value=PASSWORD,
            missing="gone",
            credentials=[TOKEN.encode()],
            failures={**gate.failures, "rotated credentials": gate.unknown},
            exempt={
                "wrong certificate": "a store of Acme has no field for a CA, and trusts the system's roots",
                "expired token": "the token comes from a Secret: no login makes another",
                "malformed answer": "Acme answers with the value itself, which may be anything",
            },
        )
        try:
            await run_fault(fault, subject)
        finally:
            for context in contexts:
                await context.sessions.close()


def test_the_entry_point_is_found(target: Path) -> None:
    assert [point.value for point in entry_points(group="eso.providers", name="acme")] == [
        "acme_provider.provider:AcmeProvider"
    ]
    assert "acme" in ProviderRegistry()
    found = sys.modules[type(ProviderRegistry().get("acme")).__module__].__file__
    assert found is not None and Path(found).is_relative_to(target)


async def test_errors_say_what_happens_next(target: Path, vendor: Acme) -> None:
    async with connected(vendor) as client:
        async with answering(vendor, 429):
            with pytest.raises(ThrottledError) as throttled:
                await client.get_secret(RemoteRef("db"))
        assert throttled.value.retry_after == 7
        assert (await client.get_secret(RemoteRef("db", version="1"))).reveal() == b"old"
        with pytest.raises(EsoError):
            await client.get_secret(RemoteRef("../whoami"))
        assert vendor.requests[-1] == "/v1/secret"
    async with connected(vendor, "canary-wrong") as client:
        with pytest.raises(AccessDeniedError) as denied:
            await client.validate()
    assert "canary" not in str(denied.value)


@pytest.mark.parametrize("language", ["toml", "python", "yaml"])
def test_the_documentation_shows_what_is_there(language: str) -> None:
    text = (ROOT / "docs" / "providers" / "writing.md").read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    sources = [path.read_text() for path in sorted(PACKAGE.rglob("*")) if path.suffix in (".py", ".toml", ".yaml")]
    there = {line.strip() for source in sources for line in source.splitlines()}
    # The test of an author is this module, not a part of the package.
    shown = [line.strip() for block in blocks if "run_check" not in block for line in block.splitlines()]
    assert shown
    assert [line for line in shown if line not in there] == []


def test_a_spec_that_cannot_work(target: Path) -> None:
    provider, spec = ProviderRegistry().resolve(store("ftp://acme")["spec"]["provider"], "acme")
    with pytest.raises(InvalidSpecError, match=r"^spec\.provider\.acme\.url "):
        provider.validate_store(spec, store_kind="SecretStore", store_namespace="default")


async def test_the_definitions_know_the_spec_only_with_plugins(target: Path) -> None:
    def definitions(models: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        return [crd for crd in all_crds(models) if crd["spec"]["names"]["kind"] == "SecretStore"]

    async with cluster(*definitions(plugin_models())) as client:
        await apply_manifest(client, store("http://a"))
        wrong = store("http://a")
        del wrong["spec"]["provider"]["acme"]["token"]
        wrong["metadata"]["name"] = "wrong"
        with pytest.raises(APIError, match=r"spec\.provider\.acme\.token"):
            await apply_manifest(client, wrong)
    async with cluster(*definitions()) as client:
        with pytest.raises(APIError, match=r"spec\.provider"):
            await apply_manifest(client, store("http://a"))


def test_eso_crds_writes_it(target: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(target), str(ROOT / "src")))}
    command = [sys.executable, "-m", "eso", "crds", "--plugins", "--output", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60, env=environment)
    text = (tmp_path / "external-secrets.io_secretstores.yaml").read_text()
    crd = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    version = next(one for one in crd["spec"]["versions"] if one["name"] == "v1")
    provider = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["provider"]
    assert provider["properties"]["acme"]["required"] == ["token", "url"]
    assert " acme:" in (tmp_path / "external-secrets.io_clustersecretstores.yaml").read_text()


async def test_the_operator_runs_it(target: Path, vendor: Acme) -> None:
    documents = (*all_crds(plugin_models()), token(), store(vendor.url), external_secret())
    settings = ControllerSettings(metrics=MetricsSettings(metrics_addr="0"), live_addr="")
    async with cluster(*documents) as client:
        manager = build_operator(Client(client.transport), settings, handle_signals=False)
        async with running(manager):

            async def synced() -> bool:
                found = await client.find(Secret, "app", "default")
                assert found is not None
                return found.data == {"user": b"ann", "password": PASSWORD, "old": b"old"}

            await eventually(synced)
        labels = {"provider": "Acme", "call": "GetSecret", "status": "success"}
        # Two keys of one secret and an older version of it: two requests.
        assert manager.registry.get_sample_value("externalsecret_provider_api_calls_count", labels) == 2
        shown = [await client.raw("GET", path) for path in SHOWN]
    assert shown[0]["status"]["conditions"][0]["reason"] == "SecretSynced"
    assert "canary" not in repr(shown)
