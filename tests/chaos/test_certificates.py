"""Objects are created while the webhook's certificates rotate: the API server never fails to ask the webhook."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reconcile.api.core_v1 import Secret
from reconcile.client import Client, MergePatch
from reconcile.errors import APIError
from tests.chaos import manifests
from tests.chaos.conftest import Scale
from tests.chaos.manifests import NS, path
from tests.support.controlplane import ROOT, ControlPlane, free_ports

pytestmark = [pytest.mark.controlplane, pytest.mark.slow, pytest.mark.timeout(900)]

_NAME = "external-secrets-webhook"
_HOOK = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_CRDS = "externalsecrets.external-secrets.io"
_DAYS = 4
"""Between the first certificate and now: one for each rotation, and one."""
_CLIENTS = 8
_OVERLAP = 24 * 3600 + 60
"""Seconds for which a new authority is trusted before a certificate of it is served, and a little."""


@dataclass
class Rotation:
    """The certificate controller, the webhook, and between them what a kubelet does: Secret into folder, some time later.

    Attributes:
        clock: holds how many seconds the certificate controller's wall clock is ahead.
        folder: where the webhook finds its certificate.
        served: certificates that reached the folder.
    """

    client: Client
    rng: random.Random
    clock: Path
    folder: Path
    served: list[bytes] = field(default_factory=list)

    async def secret(self) -> Secret:
        return await self.client.get(Secret, _NAME, NS)

    async def mount(self) -> None:
        """Until cancelled."""
        while True:
            data = (await self.secret()).data
            if data.get("tls.crt", b"") not in (b"", *self.served[-1:]) or data.get("ca.crt") != self._mounted(
                "ca.crt"
            ):
                await asyncio.sleep(self.rng.uniform(0, 3))
                for name in ("ca.crt", "tls.key", "tls.crt"):
                    (self.folder / name).write_bytes(data.get(name, b""))
                if data.get("tls.crt", b"") not in (b"", *self.served[-1:]):
                    self.served.append(data["tls.crt"])
            await asyncio.sleep(0.2)

    def _mounted(self, name: str) -> bytes | None:
        file = self.folder / name
        return file.read_bytes() if file.exists() else None

    async def rotate(self) -> None:
        """The authority's key is lost; a day later, by the controller's clock, a certificate of its successor is served."""
        before = (await self.secret()).data
        await self._patch({"data": {"ca.key": None}})
        await self._until(lambda data: data["ca.crt"] != before["ca.crt"] and "ca.key" in data)
        trusted = base64.b64encode((await self.secret()).data["ca.crt"]).decode()
        await self._until_trusted(trusted)
        assert (await self.secret()).data["tls.crt"] == before["tls.crt"]
        await asyncio.sleep(2)
        self.clock.write_text(str(float(self.clock.read_text()) + _OVERLAP))
        await self._patch({"metadata": {"annotations": {"seen": str(len(self.served))}}})
        await self._until(lambda data: data["tls.crt"] != before["tls.crt"])
        count = len(self.served)
        async with asyncio.timeout(30):
            while len(self.served) == count and self.served[-1] == before["tls.crt"]:  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.1)
        # Longer than the webhook takes to see new files.
        await asyncio.sleep(3)

    async def _patch(self, body: dict[str, Any]) -> None:
        await self.client.patch(Secret, _NAME, NS, MergePatch(body))

    async def _until(self, holds: Callable[[dict[str, bytes]], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds((await self.secret()).data):  # noqa: ASYNC110 - polls a server
                await asyncio.sleep(0.1)

    async def _until_trusted(self, bundle: str) -> None:
        async with asyncio.timeout(30):
            while True:
                hook = await self.client.raw("GET", f"{_HOOK}/{_NAME}")
                if hook["webhooks"][0]["clientConfig"].get("caBundle") == bundle:
                    return
                await asyncio.sleep(0.1)


def _configuration(port: int) -> dict[str, Any]:
    rule = {
        "apiGroups": ["external-secrets.io"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["externalsecrets"],
    }
    service = {
        "name": _NAME,
        "namespace": NS,
        "port": port,
        "path": "/validate-external-secrets-io-v1-externalsecret",
    }
    webhook = {
        "name": "validate.externalsecret.external-secrets.io",
        "clientConfig": {"service": service},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": _NAME, "labels": {"external-secrets.io/component": "webhook"}},
        "webhooks": [webhook],
    }


@asynccontextmanager
async def _process(folder: Path, kubeconfig: Path, *arguments: str) -> AsyncIterator[None]:
    with (folder / "processes.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m"),
            *arguments,
            "--metrics-addr=0",
            cwd=ROOT,
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            stdout=log,
            stderr=log,
        )
    try:
        yield
        assert process.returncode is None, f"{arguments[0]} ended: {(folder / 'processes.log').read_text()[-2000:]}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(health: int) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{health}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)


@asynccontextmanager
async def _rotation(plane: ControlPlane, client: Client, rng: random.Random, folder: Path) -> AsyncIterator[Rotation]:
    port, health, other = free_ports(3)
    clock, certificates = folder / "clock", folder / "certificates"
    # What is made must be valid by the clock of the API server: all the days pass before now.
    clock.write_text(str(-_DAYS * _OVERLAP))
    certificates.mkdir()
    # A name instead of a cluster address, since nothing here routes those.
    service = {"metadata": {"name": _NAME}, "spec": {"type": "ExternalName", "externalName": "localhost"}}
    await client.raw("POST", f"/api/v1/namespaces/{NS}/services", body=service)
    await client.raw("POST", f"/api/v1/namespaces/{NS}/secrets", body={"metadata": {"name": _NAME}})
    await client.raw("POST", _HOOK, body=_configuration(port))
    rotation = Rotation(client, rng, clock, certificates)
    controller = ("tests.chaos.clocked", str(clock), "certcontroller", f"--healthz-addr=127.0.0.1:{other}")
    webhook = (
        *("eso", "webhook", f"--port={port}", f"--cert-dir={certificates}"),
        *(f"--healthz-addr=127.0.0.1:{health}", f"--dns-name={_NAME}.{NS}.svc"),
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_process(folder, plane.kubeconfig, *controller, f"--crd-names={_CRDS}"))
        mounting = asyncio.create_task(rotation.mount())
        stack.callback(mounting.cancel)
        await stack.enter_async_context(_process(folder, plane.kubeconfig, *webhook))
        await _answers(health)
        yield rotation
        assert not mounting.done()


async def test_no_admission_call_fails_while_certificates_rotate(
    plane: ControlPlane, client: Client, rng: random.Random, scale: Scale, tmp_path: Path
) -> None:
    async with _rotation(plane, client, rng, tmp_path) as rotation:
        await _refuses(client)
        failed: list[str] = []
        created = 0
        rotated = asyncio.Event()

        async def create() -> None:
            nonlocal created
            while created < scale.creates or not rotated.is_set():
                created += 1
                try:
                    body = manifests.external_secret(created, "none")
                    await client.raw("POST", path("externalsecrets"), body=body)
                except APIError as err:
                    failed.append(str(err))
                if created > scale.creates // 2:
                    # Enough of them: leave the time to the rotations.
                    await asyncio.sleep(0.02 if rotated.is_set() else 0.2)

        async with asyncio.TaskGroup() as group:
            for _ in range(_CLIENTS):
                group.create_task(create())
            for _ in range(scale.rotations):
                await rotation.rotate()
            rotated.set()
        await _refuses(client)
        certificates = len(set(rotation.served))
    print(
        f"{created} objects created during {scale.rotations} rotations, {certificates} certificates served; {len(failed)} failed"
    )
    assert failed == []
    assert certificates == scale.rotations + 1
    assert created >= scale.creates


async def _refuses(client: Client) -> None:
    """The webhook is asked and has a say: an object that breaks a rule of its own is refused by it."""
    wrong = manifests.external_secret(0, "none", target={"deletionPolicy": "Delete", "creationPolicy": "Merge"})
    async with asyncio.timeout(30):
        while True:
            try:
                await client.raw("POST", path("externalsecrets"), body=wrong, query={"dryRun": "All"})
            except APIError as err:
                if "denied the request" in str(err):
                    return
            await asyncio.sleep(0.2)
