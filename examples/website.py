"""An operator with everything: a CRD of its own, an owned Deployment, a finalizer, status conditions and a webhook."""

import asyncio
from datetime import UTC, datetime
from typing import ClassVar

from reconcile import (
    Client,
    Condition,
    Controller,
    KubeObject,
    Manager,
    Model,
    Request,
    Resource,
    Result,
    add_finalizer,
    dynamic_kind,
    load_config,
    remove_finalizer,
    set_condition,
)
from reconcile.api.core_v1 import ConfigMap
from reconcile.schema import custom_resource_definition
from reconcile.webhook.admission import Admission, DeniedError, validate_path, validating

FINALIZER = "example.com/website"
# Written as it stands: a model that knows only a part of a Deployment must not be written back.
Deployment = dynamic_kind(Resource("apps", "v1", "Deployment", "deployments"))


class WebsiteSpec(Model):
    image: str
    replicas: int = 1


class WebsiteStatus(Model):
    conditions: list[Condition] = []


class Website(KubeObject):
    """A web site that runs from an image."""

    resource: ClassVar[Resource] = Resource("example.com", "v1", "Website", "websites", short_names=("web",))
    spec: WebsiteSpec | None = None
    status: WebsiteStatus = WebsiteStatus()


def problems(site: Website) -> list[str]:
    """What is wrong with a Website; the webhook refuses it, and the controller reports it where there is no webhook."""
    if site.spec is None:
        return ["spec is required"]
    found = []
    if ":" not in site.spec.image:
        found.append("spec.image needs a tag, for example nginx:1.27")
    if site.spec.replicas < 0:
        found.append("spec.replicas must not be negative")
    return found


class WebsiteReconciler:
    def __init__(self, client: Client) -> None:
        self.client = client

    async def reconcile(self, request: Request) -> Result:
        site = await self.client.find(Website, request)
        if site is None:
            return Result()
        if site.metadata.deleting:
            # Whatever lies outside of the cluster would be taken down here; owned objects go by themselves.
            await self.client.delete(ConfigMap, f"{site.name}-visits", site.namespace, missing_ok=True)
            await remove_finalizer(self.client, site, FINALIZER)
            return Result()
        site = await add_finalizer(self.client, site, FINALIZER)
        wrong = problems(site)
        if not wrong:
            await self.client.apply(self.deployment(site), owner=site, field_manager="website")
        await self.report(site, wrong)
        return Result()

    def deployment(self, site: Website) -> KubeObject:
        assert site.spec is not None
        labels = {"app": site.name}
        container = {"name": "web", "image": site.spec.image}
        return Deployment.from_wire(
            {
                "metadata": {"name": site.name, "namespace": site.namespace},
                "spec": {
                    "replicas": site.spec.replicas,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
                },
            }
        )

    async def report(self, site: Website, wrong: list[str]) -> None:
        ready = Condition(
            type="Ready",
            status="False" if wrong else "True",
            reason="Invalid" if wrong else "Deployed",
            message="; ".join(wrong),
            observed_generation=site.metadata.generation,
        )
        conditions = set_condition(site.status.conditions, ready, datetime.now(UTC))
        await self.client.patch_status(site, WebsiteStatus(conditions=conditions))


async def refuse_invalid(admission: Admission[Website]) -> None:
    """The webhook: the same rules, told to whoever writes the object."""
    if admission.object is not None and (wrong := problems(admission.object)):
        raise DeniedError("; ".join(wrong), code=422)


WEBHOOKS = {validate_path(Website): validating(Website, refuse_invalid)}


def definition() -> dict:
    """The CustomResourceDefinition, to be applied before the operator starts."""
    return custom_resource_definition(Website)


def controller(manager: Manager) -> Controller:
    return Controller(Website, WebsiteReconciler(manager.client).reconcile, owns=[Deployment])


async def main() -> None:
    manager = Manager(load_config())
    manager.add(controller(manager))
    await manager.run()


if __name__ == "__main__":
    asyncio.run(main())
