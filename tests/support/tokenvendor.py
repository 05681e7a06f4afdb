"""A vendor of tokens inside the process, its generator, and an operator around them in virtual time."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from eso.api.generators_v1alpha1.generatorstate import GeneratorState
from eso.api.generators_v1alpha1.gitlabdeploytoken import GitlabDeployTokenSpec
from eso.cli.crds import all_crds
from eso.cli.operator import build_operator
from eso.errors import EsoError, UnavailableError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.generators.registry import GeneratorRegistry
from eso.settings import ControllerSettings, MetricsSettings
from eso.values import wrap_all
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually
from reconcile.testing.running import running

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GENERATORS = "/apis/generators.external-secrets.io/v1alpha1/namespaces/default"
_PLURALS = (
    "clustergenerators",
    "clustersecretstores",
    "externalsecrets",
    "fakes",
    "generatorstates",
    "gitlabdeploytokens",
    "passwords",
    "pushsecrets",
    "secretstores",
)
BASE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Vendor:
    """Tokens that are valid, and what goes wrong.

    Attributes:
        names: number of each token that was made under a name.
        named: tokens are made under a name that is known before, so that they can be found by it.
        refusal: what making a token fails with.
        mute: a token is made, and then the answer is lost.
        queue: seconds before a token is made.
    """

    tokens: set[int] = field(default_factory=set)
    made: int = 0
    names: dict[str, int] = field(default_factory=dict)
    named: bool = False
    refusal: EsoError | None = None
    refuses_cleanup: bool = False
    mute: bool = False
    delay: float = 0.0
    queue: float = 0.0
    cleanups: list[int] = field(default_factory=list)


class TokenGenerator(Generator[GitlabDeployTokenSpec]):
    """Makes `token-<n>` at the vendor, and revokes it there."""

    kind = "GitlabDeployToken"
    spec_type = GitlabDeployTokenSpec
    leaves_state = True

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self._names = itertools.count(vendor.made)

    def intent(self, spec: GitlabDeployTokenSpec) -> Any:
        return {"name": f"name-{next(self._names)}"} if self.vendor.named else None

    async def generate_intended(self, spec: GitlabDeployTokenSpec, intent: Any, context: GeneratorContext) -> Generated:
        return await self._generate(intent["name"])

    async def generate(self, spec: GitlabDeployTokenSpec, context: GeneratorContext) -> Generated:
        return await self._generate("")

    async def _generate(self, name: str) -> Generated:
        if self.vendor.refusal is not None:
            raise self.vendor.refusal
        await asyncio.sleep(self.vendor.queue)
        self.vendor.made += 1
        self.vendor.names[name] = self.vendor.made
        self.vendor.tokens.add(self.vendor.made)
        number = self.vendor.made
        await asyncio.sleep(self.vendor.delay)
        if self.vendor.mute:
            raise UnavailableError("the vendor did not answer")
        return Generated(wrap_all({"token": f"token-{number}"}), {"tokenID": number})

    async def cleanup(self, spec: GitlabDeployTokenSpec, state: Any, context: GeneratorContext) -> None:
        if self.vendor.refuses_cleanup:
            raise UnavailableError("the vendor is down")
        number = state["tokenID"] if "tokenID" in state else self.vendor.names.get(state["name"])
        if number is not None:
            self.vendor.cleanups.append(number)
            self.vendor.tokens.discard(number)


class Cluster:
    """An embedded API server with the operator's kinds, and a vendor; operators are started and stopped by tests."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.client = Client(server.transport)
        self.vendor = Vendor()

    @staticmethod
    def now() -> datetime:
        """Wall clock in step with the loop."""
        return BASE + timedelta(seconds=asyncio.get_running_loop().time())

    @asynccontextmanager
    async def operator(self, **flags: Any) -> AsyncIterator[None]:
        """The operator, running."""
        settings = ControllerSettings(
            metrics=MetricsSettings(metrics_addr=""),
            live_addr="",
            enable_push_secret_reconciler=False,
            enable_cluster_push_secret_reconciler=False,
            enable_cluster_external_secret_reconciler=False,
            **flags,
        )
        generators = GeneratorRegistry(instances={"GitlabDeployToken": TokenGenerator(self.vendor)})
        manager = build_operator(
            Client(self.server.transport), settings, generators=generators, clock=self.now, handle_signals=False
        )
        async with running(manager):
            yield

    async def create(self, document: dict[str, Any], plural: str) -> dict[str, Any]:
        """Create a custom resource in the namespace `default`."""
        path = f"/apis/{document['apiVersion']}/namespaces/default/{plural}"
        return await self.client.raw("POST", path, body=document)

    async def generator(self, name: str = "gen") -> None:
        """Create a GitlabDeployToken."""
        spec = {
            "name": "n",
            "scopes": ["read_registry"],
            "projectID": "1",
            "auth": {"token": {"secretRef": {"name": "s", "key": "k"}}},
        }
        await self.create(
            {
                "apiVersion": "generators.external-secrets.io/v1alpha1",
                "kind": "GitlabDeployToken",
                "metadata": {"name": name},
                "spec": spec,
            },
            "gitlabdeploytokens",
        )

    async def external_secret(self, name: str = "es", **spec: Any) -> None:
        """Create an ExternalSecret with one generator entry unless `spec` says otherwise."""
        body = {"refreshInterval": "1h", "dataFrom": [generator_entry()], **spec}
        await self.create(
            {
                "apiVersion": "external-secrets.io/v1",
                "kind": "ExternalSecret",
                "metadata": {"name": name},
                "spec": body,
            },
            "externalsecrets",
        )

    async def patch(self, name: str, spec: dict[str, Any]) -> None:
        """Change the spec of an ExternalSecret."""
        path = f"/apis/external-secrets.io/v1/namespaces/default/externalsecrets/{name}"
        await self.client.raw("PATCH", path, body={"spec": spec}, content_type="application/merge-patch+json")

    async def states(self) -> list[GeneratorState]:
        """All GeneratorStates."""
        return (await self.client.list(GeneratorState, "default")).items

    async def live(self) -> list[GeneratorState]:
        """Those without a deadline."""
        return [state for state in await self.states() if state.spec.garbage_collection_deadline is None]

    async def token(self, name: str = "es") -> str:
        """The token in the target Secret, empty without one."""
        found = await self.client.find(Secret, name, "default")
        return found.data.get("token", b"").decode() if found is not None else ""

    async def becomes_token(self, wanted: str, name: str = "es", timeout: float = 60.0) -> None:
        """Wait until the target holds the token."""

        async def check() -> bool:
            return await self.token(name) == wanted

        await eventually(check, timeout=timeout, interval=0.5)


def generator_entry(name: str = "gen", kind: str = "GitlabDeployToken") -> dict[str, Any]:
    """An entry of `dataFrom` for a generator."""
    return {"sourceRef": {"generatorRef": {"kind": kind, "name": name}}}


@functools.cache
def _crds() -> list[dict[str, Any]]:
    """What the tests need; a hundred more definitions would take longer than the tests."""
    return [crd for crd in all_crds() if crd["spec"]["names"]["plural"] in _PLURALS]


@asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    """An API server with the CRDs that matter here, and the namespace `default`."""
    async with ApiServer(listen=False) as server:
        made = Cluster(server)
        for crd in _crds():
            await made.client.raw("POST", CRDS, body=crd)
        if await made.client.find(Namespace, "default") is None:
            await made.client.create(Namespace(metadata=ObjectMeta(name="default")))
        yield made
