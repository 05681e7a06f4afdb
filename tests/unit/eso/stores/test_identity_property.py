"""Whoever asks whichever store in whatever order: the answer was made with that store's and that consumer's credentials."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.errors import AccessDeniedError
from reconcile.api.core_v1 import Secret
from reconcile.client.patch import MergePatch
from reconcile.testing.loop import run
from tests.support.echo_store import World, cluster_ref, store_ref, world

EXAMPLES: Final = int(os.environ.get("ESO_IDENTITY_EXAMPLES", "25"))
"""Thousands are the long run."""

NAMESPACES: Final = ("a", "b")
OWN: Final = ("own", "other")
"""SecretStores; each namespace has one of each name."""
CLUSTER: Final = ("referent", "second", "fixed", "peek")
"""ClusterSecretStores: two with the consumer's credentials, one with those of namespace `a`, one that looks at its consumer late."""
KEYS: Final = ("k", "l", "batched/k", "batched/l")
TOKENS: Final = ("token", "spare")

stores = st.sampled_from([*OWN, *CLUSTER])
namespaces = st.sampled_from(NAMESPACES)
reads = st.lists(
    st.tuples(stores, namespaces, st.sampled_from(KEYS), st.sampled_from([0.0, 10.0])), min_size=1, max_size=8
)
step = st.one_of(
    st.tuples(st.just("read"), reads),
    st.tuples(st.just("rotate"), st.tuples(namespaces, st.sampled_from(TOKENS))),
    st.tuples(st.just("refuse"), st.tuples(namespaces, st.sampled_from(TOKENS))),
    st.tuples(st.sampled_from(["edit", "remake"]), st.tuples(stores, namespaces, st.sampled_from(TOKENS))),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 3.0, 700.0])),
)


@dataclass
class Model:
    """What every answer must be.

    Attributes:
        found: the cluster.
        values: credentials by namespace and key.
        uses: which key a store signs in with, by name and, for a SecretStore, namespace.
    """

    found: World
    values: dict[tuple[str, str], str] = field(
        default_factory=lambda: {(namespace, key): f"{namespace}-{key}-0" for namespace in NAMESPACES for key in TOKENS}
    )
    uses: dict[tuple[str, str], str] = field(default_factory=dict)
    turn: int = 0

    async def begin(self) -> None:
        for namespace in NAMESPACES:
            await self.found.secret(namespace, "credentials", **{key: self.values[namespace, key] for key in TOKENS})
            for name in OWN:
                await self.make(name, namespace, "token")
        for name in CLUSTER:
            await self.make(name, "", "token")

    def place(self, store: str, namespace: str) -> tuple[str, str]:
        return store, namespace if store in OWN else ""

    def spec(self, store: str, key: str) -> dict[str, Any]:
        if store == "peek":
            return {"peek": True}
        selector = {"name": "credentials", "key": key}
        return {"token": {**selector, "namespace": "a"} if store == "fixed" else selector}

    async def make(self, store: str, namespace: str, key: str) -> None:
        self.uses[self.place(store, namespace)] = key
        if store in OWN:
            await self.found.store(store, namespace, self.spec(store, key))
        else:
            await self.found.cluster_store(store, self.spec(store, key))

    def wanted(self, store: str, namespace: str) -> str:
        if store == "peek":
            return f"anonymous{namespace}"
        return self.values["a" if store == "fixed" else namespace, self.uses[self.place(store, namespace)]]

    async def read(self, store: str, namespace: str, key: str, age: float) -> None:
        ref = store_ref(store) if store in OWN else cluster_ref(store)
        wanted = self.wanted(store, namespace)
        if wanted == "refused":
            with pytest.raises(AccessDeniedError):
                await self.found.read(ref, namespace, key, max_age=age)
        else:
            assert await self.found.read(ref, namespace, key, max_age=age) == f"{wanted}:{key}"

    async def credentials(self, namespace: str, key: str, value: str) -> None:
        self.values[namespace, key] = value
        patch = MergePatch({"stringData": {key: value}})
        await self.found.client.patch(Secret, "credentials", namespace, patch)
        # Without an informer a change counts after ten seconds.
        await asyncio.sleep(11)

    async def take(self, verb: str, what: Any) -> None:
        self.turn += 1
        if verb == "read":
            async with asyncio.TaskGroup() as group:
                for one in what:
                    group.create_task(self.read(*one))
        elif verb == "rotate":
            await self.credentials(*what, f"{what[0]}-{what[1]}-{self.turn}")
        elif verb == "refuse":
            await self.credentials(*what, "refused")
        elif verb == "wait":
            await asyncio.sleep(what)
        else:
            await self.change(*what, anew=verb == "remake")

    async def change(self, store: str, namespace: str, key: str, *, anew: bool) -> None:
        name, where = self.place(store, namespace)
        kind: type[SecretStore] | type[ClusterSecretStore] = SecretStore if store in OWN else ClusterSecretStore
        if anew:
            await self.found.client.delete(kind, name, where)
            await self.make(store, namespace, key)
        elif store != "peek":
            self.uses[name, where] = key
            patch = MergePatch({"spec": {"provider": {"echo": self.spec(store, key)}}})
            await self.found.client.patch(kind, name, where, patch)


async def follow(steps: Sequence[tuple[str, Any]]) -> Mapping[str, int]:
    async with world() as found:
        model = Model(found)
        await model.begin()
        running = asyncio.create_task(found.manager.run())
        everybody = [(store, namespace, "k", 10.0) for store in (*OWN, *CLUSTER) for namespace in NAMESPACES]
        for verb, what in (*steps, ("read", everybody)):
            await model.take(verb, what)
        running.cancel()
        await asyncio.wait({running})
        return {"logins": found.provider.logins, "closed": found.provider.closed, "reads": found.provider.reads}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(step, min_size=1, max_size=10))
@example([("read", [("own", "a", "k", 10.0)]), ("remake", ("own", "a", "spare"))])
@example([("read", [("referent", "b", "k", 10.0)]), ("remake", ("referent", "b", "spare"))])
@example([("read", [("fixed", "b", "k", 10.0)]), ("edit", ("fixed", "b", "spare"))])
@example([("read", [("second", "b", "k", 10.0)]), ("rotate", ("b", "token"))])
@example([("refuse", ("a", "token")), ("read", [("own", "a", "k", 10.0), ("own", "b", "k", 10.0)])])
def test_answers_belong_to_who_asked(steps: list[tuple[str, Any]]) -> None:
    run(follow(steps))


def test_the_model_shares_what_may_be_shared() -> None:
    # Otherwise the property would hold for a broker that shares nothing.
    same = [("own", "a", key, 10.0) for key in KEYS for _ in range(5)]
    counts = run(follow([("read", same), ("read", same)]))
    # The end of each walk reads six stores from two namespaces, of which one is a single client for both.
    assert counts["logins"] == counts["closed"] == 11
    assert counts["reads"] <= len(KEYS) + 11


def test_the_model_notices_an_answer_of_another() -> None:
    async def main() -> None:
        async with world() as found:
            model = Model(found)
            await model.begin()
            model.values["a", "token"] = "somebody else's"
            await model.read("own", "b", "k", 0.0)
            with pytest.raises(AssertionError):
                await model.read("own", "a", "k", 0.0)

    run(main())
