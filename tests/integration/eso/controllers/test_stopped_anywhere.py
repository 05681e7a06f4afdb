"""An operator that is killed at each single step of a pass with a stateful generator, and another one that takes over.

Whatever the step, the target or the provider holds a token that is valid, no other token stays valid, and one record is left.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.conditions import find
from reconcile.client.patch import MergePatch
from reconcile.testing.eventually import eventually
from reconcile.testing.loop import run
from tests.support.mortal import Life, MortalWorld, mortal_world

STRIDE = int(os.environ.get("ESO_STOP_STRIDE", "7"))
"""How many steps there are from one kill to the next; with 1 not one of them is left out."""

HOUR = 3600.0
LONG = 600.0
"""Virtual seconds in which everything but the next refresh has happened."""


class Subject:
    """One object whose values a stateful generator makes."""

    def __init__(
        self, world: MortalWorld, kind: type[ExternalSecret | PushSecret], name: str, policy: str = "Replace"
    ) -> None:
        self._world = world
        self._kind = kind
        self._name = name
        self._policy = policy

    async def create(self) -> None:
        if self._kind is ExternalSecret:
            await self._world.cluster.external_secret(self._name)
            return
        spec = {
            "refreshInterval": "1h",
            "updatePolicy": self._policy,
            "deletionPolicy": "Delete",
            "secretStoreRefs": [{"name": "store"}],
            "selector": {"generatorRef": {"kind": "GitlabDeployToken", "name": "gen"}},
            "data": [{"match": {"secretKey": "token", "remoteRef": {"remoteKey": self._name}}}],
        }
        body = {
            "apiVersion": "external-secrets.io/v1alpha1",
            "kind": "PushSecret",
            "metadata": {"name": self._name},
            "spec": spec,
        }
        await self._world.cluster.create(body, "pushsecrets")

    async def refresh(self) -> None:
        patch = MergePatch({"metadata": {"annotations": {"asked": "now"}}})
        await self._world.client.patch(self._kind, self._name, "default", patch)

    async def delete(self) -> None:
        await self._world.client.delete(self._kind, self._name, "default")

    async def token(self) -> int:
        """Number of the token that is in use; 0 for none."""
        if self._kind is ExternalSecret:
            text = await self._world.cluster.token(self._name)
        else:
            text = self._world.values.get(self._name, b"").decode()
        return int(text.removeprefix("token-") or 0)

    async def works(self) -> bool:
        """Ready, and the token in use is valid."""
        found = await self._world.client.get(self._kind, self._name, "default")
        condition = find(found.status.conditions)
        assert condition is not None and condition.status == "True", condition
        token = await self.token()
        assert token in self._world.vendor.tokens, (token, self._world.vendor.tokens)
        if isinstance(found, PushSecret):
            assert list((found.status.synced_push_secrets or {})["SecretStore/store"]) == [self._name]
        return True

    async def is_alone(self) -> bool:
        """The token in use is the only one, and so is its record."""
        token = await self.token()
        states = await self._world.cluster.states()
        assert self._world.vendor.tokens == {token}, (token, self._world.vendor.tokens)
        assert [state.spec.state for state in states] == [{"tokenID": token}]
        return True

    async def has_left_nothing(self) -> bool:
        assert await self._world.client.find(self._kind, self._name, "default") is None
        assert (await self._world.cluster.states(), self._world.vendor.tokens, await self.token()) == ([], set(), 0)
        return True


Act = Callable[[Subject], Awaitable[None]]


async def killed_at(world: MortalWorld, subject: Subject, act: Act, last: int) -> Life:
    """Let an operator react to what `act` does, until it is killed at that step or nothing is left to do."""
    life = Life(last)
    async with world.operator(life):
        life.count()
        await act(subject)
        try:
            async with asyncio.timeout(LONG):
                await life.over.wait()
        except TimeoutError:
            return life
    assert len(life.taken) == last
    return life


@pytest.mark.parametrize(
    ("kind", "act", "policy"),
    [
        pytest.param(ExternalSecret, Subject.create, "", id="ExternalSecret, created"),
        pytest.param(ExternalSecret, Subject.refresh, "", id="ExternalSecret, refreshed"),
        pytest.param(ExternalSecret, Subject.delete, "", id="ExternalSecret, deleted"),
        pytest.param(PushSecret, Subject.create, "Replace", id="PushSecret, created"),
        pytest.param(PushSecret, Subject.create, "IfNotExists", id="PushSecret, created, IfNotExists"),
        pytest.param(PushSecret, Subject.refresh, "Replace", id="PushSecret, refreshed"),
        pytest.param(PushSecret, Subject.delete, "Replace", id="PushSecret, deleted"),
    ],
)
def test_killed_at_any_step(kind: type[ExternalSecret | PushSecret], act: Act, policy: str) -> None:
    async def story() -> None:
        async with mortal_world() as world:
            for last in range(1, 1000, STRIDE):
                subject = Subject(world, kind, f"subject-{last}", policy)
                if act is not Subject.create:
                    async with world.operator(Life()):
                        await subject.create()
                        await eventually(subject.works)
                made = world.vendor.made
                life = await killed_at(world, subject, act, last)
                where = life.taken[-1]
                if act is not Subject.delete:
                    assert await subject.token() in {0, *world.vendor.tokens}, where
                async with world.operator(Life()):
                    try:
                        if act is not Subject.delete:
                            await eventually(subject.works, timeout=LONG)
                            await asyncio.sleep(LONG)
                            # One for the operator that was killed, one for its successor.
                            assert made < world.vendor.made <= made + 2
                            await asyncio.sleep(1.1 * HOUR)
                            await eventually(subject.works)
                            await subject.is_alone()
                            await subject.delete()
                        await eventually(subject.has_left_nothing, timeout=LONG, interval=1.0)
                    except AssertionError as err:
                        raise AssertionError(f"killed at step {last}, {where}") from err
                if len(life.taken) < last:
                    return
            raise AssertionError("there is no end to the steps")

    run(story(), real_limit=120.0)
