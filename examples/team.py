"""For every Team there is a ConfigMap with its members: a controller in 25 lines."""

import asyncio

from reconcile import Client, Controller, KubeObject, Manager, Model, ObjectMeta, Request, Resource, Result, load_config
from reconcile.api.core_v1 import ConfigMap


class TeamSpec(Model):
    members: list[str] = []


class Team(KubeObject):
    resource = Resource("example.com", "v1", "Team", "teams")
    spec: TeamSpec = TeamSpec()


class TeamReconciler:
    def __init__(self, client: Client) -> None:
        self.client = client

    async def reconcile(self, request: Request) -> Result:
        team = await self.client.find(Team, request)
        if team is not None:
            metadata = ObjectMeta(name=request.name, namespace=request.namespace)
            members = ConfigMap(metadata=metadata, data={"members": "\n".join(team.spec.members)})
            await self.client.apply(members, owner=team, field_manager="team")
        return Result()


def controller(manager: Manager) -> Controller:
    return Controller(Team, TeamReconciler(manager.client).reconcile, owns=[ConfigMap])


async def main() -> None:
    manager = Manager(load_config())
    manager.add(controller(manager))
    await manager.run()


if __name__ == "__main__":
    asyncio.run(main())
