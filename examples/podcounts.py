"""A change of a Pod concerns the Team named in its label: map functions see the object before and after.

Each Team's status says how many of its Pods there are. A Pod that moves from one team to another wakes both.
"""

import asyncio
from collections.abc import Iterable

from reconcile import Client, Controller, KubeObject, Manager, Model, Request, Resource, Result, Watch, load_config
from reconcile.api.core_v1 import Pod

LABEL = "example.com/team"


class TeamStatus(Model):
    pods: int = 0


class Team(KubeObject):
    resource = Resource("example.com", "v1", "Team", "teams")
    status: TeamStatus = TeamStatus()


def teams_of(old: KubeObject | None, new: KubeObject | None) -> Iterable[Request]:
    for pod in (old, new):
        if pod is not None and LABEL in pod.metadata.labels:
            yield Request(pod.namespace, pod.metadata.labels[LABEL])


class PodCounter:
    def __init__(self, client: Client) -> None:
        self.client = client

    async def reconcile(self, request: Request) -> Result:
        team = await self.client.find(Team, request)
        if team is not None:
            pods = await self.client.list(Pod, request.namespace, label_selector=f"{LABEL}={request.name}")
            await self.client.patch_status(team, TeamStatus(pods=len(pods)))
        return Result()


def controller(manager: Manager) -> Controller:
    return Controller(Team, PodCounter(manager.client).reconcile, name="podcounts", watches=[Watch(Pod, teams_of)])


async def main() -> None:
    manager = Manager(load_config())
    manager.add(controller(manager))
    await manager.run()


if __name__ == "__main__":
    asyncio.run(main())
