"""Conversion and mutating webhooks of the library, called by the embedded and by the real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from reconcile.api.admissionregistration_v1 import MutatingWebhookConfiguration
from reconcile.api.apiextensions_v1 import CustomResourceDefinition
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.client import Client, MergePatch, load_config
from reconcile.errors import APIError, InvalidError, NotFoundError, ServerError
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually
from reconcile.webhook import (
    Admission,
    CertificateBundle,
    ConversionWebhook,
    DeniedError,
    Policy,
    ServingCertificate,
    WebhookServer,
    inject_conversion_ca,
    inject_webhook_ca,
    mutate_path,
    mutating,
    renewed,
)

_GROUP = "conversion.example.com"
_NAME = f"sites.{_GROUP}"
_POLICY = Policy("site-operator", ["localhost"])
_SUCCESSOR = Policy("site-operator", ["localhost"], renew_before=timedelta(days=4000))
_SERVED_AT_ONCE = Policy("site-operator", ["localhost"], overlap=timedelta(0))
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class OldSpec(Model):
    image: str
    tag: str = "latest"


class OldSite(KubeObject):
    """v1: the image and its tag apart."""

    resource = Resource(_GROUP, "v1", "Site", "sites")
    spec: OldSpec


class SiteSpec(Model):
    image: str
    replicas: int | None = None


class Site(KubeObject):
    """v2: in one."""

    resource = Resource(_GROUP, "v2", "Site", "sites")
    spec: SiteSpec


async def convert(site: dict[str, Any], wanted: str) -> dict[str, Any]:
    spec = dict(site["spec"])
    if spec["image"].startswith("impossible"):
        raise DeniedError("spec.image is impossible")
    if wanted.endswith("/v2"):
        spec["image"] = f"{spec.pop('image')}:{spec.pop('tag', 'latest')}"
    else:
        spec["image"], _, spec["tag"] = spec["image"].partition(":")
    return {**site, "spec": spec}


async def one_replica(admission: Admission[Site]) -> Site | None:
    site = admission.subject
    if site.spec.replicas is not None:
        return None
    return site.model_copy(update={"spec": site.spec.model_copy(update={"replicas": 1})})


def definition(port: int, storage: str = "v1", served: tuple[str, ...] = ("v1", "v2")) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": _NAME},
        "spec": {
            "group": _GROUP,
            "scope": "Namespaced",
            "names": {"kind": "Site", "plural": "sites"},
            "versions": [
                {
                    "name": version,
                    "served": version in served,
                    "storage": version == storage,
                    "schema": {"openAPIV3Schema": schema},
                }
                for version in ("v1", "v2")
            ],
            "conversion": {
                "strategy": "Webhook",
                "webhook": {
                    "clientConfig": {"url": f"https://localhost:{port}/convert"},
                    "conversionReviewVersions": ["v1"],
                },
            },
        },
    }


@dataclass
class Hooked:
    """A client of a cluster whose Sites are converted by `server`."""

    client: Client
    serving: ServingCertificate
    port: int
    bundle: CertificateBundle

    async def redefine(self, **changes: Any) -> None:
        current = await self.client.get_wire(CustomResourceDefinition, _NAME)
        wanted = definition(self.port, **changes)
        wanted["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        wanted["spec"]["conversion"] = current["spec"]["conversion"]
        await self.client.raw("PUT", f"{_CRDS}/{_NAME}", body=wanted)


@asynccontextmanager
async def hooks(client: Client) -> AsyncIterator[Hooked]:
    bundle = renewed(CertificateBundle(), _POLICY, datetime.now(UTC))
    serving = ServingCertificate()
    serving.load(bundle)
    webhooks = {"/convert": ConversionWebhook(convert), mutate_path(Site): mutating(Site, one_replica)}
    server = WebhookServer(webhooks, serving, host="localhost", port=0)
    task = asyncio.create_task(server.run())
    try:
        await asyncio.wait_for(server.started.wait(), 10)
        await client.raw("POST", _CRDS, body=definition(server.port))
        await inject_conversion_ca(client, _NAME, bundle.ca)
        yield Hooked(client, serving, server.port, bundle)
    finally:
        await client.delete(CustomResourceDefinition, _NAME, missing_ok=True)

        async def gone() -> bool:
            return await client.find(CustomResourceDefinition, _NAME) is None

        # Its objects are converted when they are deleted with it: the webhook must live until then.
        await eventually(gone, timeout=30)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        # The API server's ends of the TLS connections say goodbye too.
        await asyncio.sleep(0.3)


@pytest_asyncio.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.controlplane)])
async def hooked(request: pytest.FixtureRequest) -> AsyncIterator[Hooked]:
    if request.param == "embedded":
        async with ApiServer(listen=False) as server, Client(server.transport) as client, hooks(client) as found:
            yield found
        return
    plane = request.getfixturevalue("control_plane")
    async with Client(load_config(str(plane.kubeconfig))) as client, hooks(client) as found:
        yield found


def meta(name: str) -> ObjectMeta:
    return ObjectMeta(name=name, namespace="default")


async def created(client: Client, site: OldSite) -> OldSite:
    """Created as soon as the server serves the new kind and trusts the webhook."""

    async def make() -> OldSite | None:
        try:
            return await client.create(site)
        except (NotFoundError, ServerError):
            return None

    found = await eventually(make, timeout=30)
    assert found is not None
    return found


async def test_an_object_is_served_in_both_versions(hooked: Hooked) -> None:
    client = hooked.client
    await created(client, OldSite(metadata=meta("blog"), spec=OldSpec(image="nginx", tag="1.27")))
    assert (await client.get(Site, "blog", "default")).spec.image == "nginx:1.27"
    assert [site.spec.image for site in await client.list(Site, "default")] == ["nginx:1.27"]

    await client.patch(Site, "blog", "default", MergePatch({"spec": {"image": "nginx:1.28"}}))
    old = await client.get(OldSite, "blog", "default")
    assert (old.spec.image, old.spec.tag) == ("nginx", "1.28")

    await client.create(Site(metadata=meta("shop"), spec=SiteSpec(image="caddy:2")))
    assert (await client.get(OldSite, "shop", "default")).spec.tag == "2"
    await client.delete(Site, "shop", "default")
    assert await client.find(OldSite, "shop", "default") is None


async def test_a_watch_sees_the_version_it_asks_for(hooked: Hooked) -> None:
    client = hooked.client
    await created(client, OldSite(metadata=meta("first"), spec=OldSpec(image="nginx", tag="1")))
    version = (await client.list(Site, "default")).resource_version
    seen: list[tuple[str, str]] = []

    async def watch() -> None:
        async for event in client.watch(Site, "default", resource_version=version):
            if event.object is not None:
                seen.append((event.type, event.object.spec.image))

    task = asyncio.create_task(watch())
    await client.create(OldSite(metadata=meta("second"), spec=OldSpec(image="nginx", tag="2")))
    await client.patch(OldSite, "second", "default", MergePatch({"spec": {"tag": "3"}}))
    await client.delete(OldSite, "second", "default")
    expected = [("ADDED", "nginx:2"), ("MODIFIED", "nginx:3"), ("DELETED", "nginx:3")]
    await eventually(lambda: seen == expected, timeout=20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_refused_conversion_names_the_object_and_the_reason(hooked: Hooked) -> None:
    client = hooked.client
    await created(client, OldSite(metadata=meta("good"), spec=OldSpec(image="nginx", tag="1")))
    await client.create(OldSite(metadata=meta("bad"), spec=OldSpec(image="impossible")))
    with pytest.raises(APIError, match=r"Site default/bad: spec.image is impossible"):
        await client.get(Site, "bad", "default")
    assert (await client.get(Site, "good", "default")).spec.image == "nginx:1"


async def test_certificates_are_exchanged_without_a_failed_conversion(hooked: Hooked) -> None:
    client = hooked.client
    await created(client, OldSite(metadata=meta("blog"), spec=OldSpec(image="nginx", tag="0")))
    stop = asyncio.Event()
    converted = 0

    async def load() -> None:
        nonlocal converted
        while not stop.is_set():
            # Written each time, so that no cache of the server has it.
            await client.patch(OldSite, "blog", "default", MergePatch({"spec": {"tag": str(converted)}}))
            assert (await client.get(Site, "blog", "default")).spec.image == f"nginx:{converted}"
            converted += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(load())
        for _ in range(2):
            # A successor of the authority is trusted before a certificate of it is served.
            hooked.bundle = renewed(hooked.bundle, _SUCCESSOR, datetime.now(UTC))
            await inject_conversion_ca(client, _NAME, hooked.bundle.ca)
            await asyncio.sleep(0.7)
            served = hooked.bundle.certificate
            hooked.bundle = renewed(hooked.bundle, _SERVED_AT_ONCE, datetime.now(UTC))
            assert hooked.bundle.certificate != served
            hooked.serving.load(hooked.bundle)
            await asyncio.sleep(0.7)
        stop.set()
    assert converted > 5


async def test_stored_versions_are_migrated(hooked: Hooked) -> None:
    client = hooked.client
    for name in ("a", "b"):
        await created(client, OldSite(metadata=meta(name), spec=OldSpec(image="nginx", tag=name)))
    await hooked.redefine(storage="v2")

    async def stored_in_both() -> bool:
        status = (await client.get_wire(CustomResourceDefinition, _NAME))["status"]
        return bool(status["storedVersions"] == ["v1", "v2"])

    await eventually(stored_in_both, timeout=20)
    for site in await client.list(Site, "default"):
        before = site.metadata.resource_version

        async def rewritten(site: Site = site, before: str = before) -> bool:
            # The API server takes a moment to store in the new version.
            current = await client.get_wire(Site, site.name, "default")
            answer = await client.replace(current, Site)
            return answer.metadata.resource_version != before

        await eventually(rewritten, timeout=20)
    await client.patch(
        CustomResourceDefinition, _NAME, "", MergePatch({"status": {"storedVersions": ["v2"]}}), subresource="status"
    )
    await hooked.redefine(storage="v2", served=("v2",))

    async def old_is_gone() -> bool:
        try:
            await client.get(OldSite, "a", "default")
        except NotFoundError:
            return True
        return False

    await eventually(old_is_gone, timeout=20)
    assert sorted(site.spec.image for site in await client.list(Site, "default")) == ["nginx:a", "nginx:b"]


async def test_a_mutating_webhook_fills_in_what_is_missing(hooked: Hooked) -> None:
    client = hooked.client
    await created(client, OldSite(metadata=meta("warm"), spec=OldSpec(image="nginx")))
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "site-defaults"},
        "webhooks": [
            {
                "name": f"default.{_NAME}",
                "clientConfig": {"url": f"https://localhost:{hooked.port}{mutate_path(Site)}"},
                "rules": [
                    {"apiGroups": [_GROUP], "apiVersions": ["v2"], "operations": ["CREATE"], "resources": ["sites"]}
                ],
                "matchPolicy": "Exact",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }
    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    await client.raw("POST", path, body=configuration)
    try:
        await inject_webhook_ca(client, MutatingWebhookConfiguration, "site-defaults", hooked.bundle.ca)
        names = iter(range(1000))

        async def defaulted() -> bool:
            try:
                site = await client.create(
                    Site(metadata=meta(f"s{next(names)}"), spec=SiteSpec(image="nginx:1")),
                )
            except (ServerError, InvalidError):
                return False
            return site.spec.replicas == 1

        await eventually(defaulted, timeout=20)
        kept = await client.create(Site(metadata=meta("kept"), spec=SiteSpec(image="nginx:1", replicas=5)))
        assert kept.spec.replicas == 5
    finally:
        await client.delete(MutatingWebhookConfiguration, "site-defaults")
