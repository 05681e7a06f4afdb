r"""Controllers for Kubernetes in asyncio Python: what controller-runtime is for Go.

A controller, complete: for every `Team` there is a ConfigMap with its members, whatever happens to either::

    class Team(KubeObject):
        resource = Resource("example.com", "v1", "Team", "teams")
        spec: TeamSpec

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

    manager = Manager(load_config())
    manager.add(Controller(Team, TeamReconciler(manager.client).reconcile, owns=[ConfigMap]))
    asyncio.run(manager.run())

Kubernetes' own kinds are in `reconcile.api`, errors in `reconcile.errors`, and a control plane to test against in
`reconcile.testing`.
"""

from reconcile.api.meta_v1 import Condition, ObjectMeta
from reconcile.api.model import KubeObject, Model, Resource, dynamic_kind
from reconcile.cache import Cache, Informer, InformerEvent
from reconcile.client import CachedClient, Client, Config, JsonPatch, MergePatch, load_config
from reconcile.conditions import set_condition
from reconcile.controller import Controller, Request, Result
from reconcile.errors import ReconcileError, RetryError, TerminalError
from reconcile.events import EventRecorder
from reconcile.finalizers import add_finalizer, remove_finalizer
from reconcile.leaderelection import LeaderElection
from reconcile.manager import Manager
from reconcile.watches import Watch
from reconcile.workqueue import Priority

__all__ = [
    "Cache",
    "CachedClient",
    "Client",
    "Condition",
    "Config",
    "Controller",
    "EventRecorder",
    "Informer",
    "InformerEvent",
    "JsonPatch",
    "KubeObject",
    "LeaderElection",
    "Manager",
    "MergePatch",
    "Model",
    "ObjectMeta",
    "Priority",
    "ReconcileError",
    "Request",
    "Resource",
    "Result",
    "RetryError",
    "TerminalError",
    "Watch",
    "add_finalizer",
    "dynamic_kind",
    "load_config",
    "remove_finalizer",
    "set_condition",
]
