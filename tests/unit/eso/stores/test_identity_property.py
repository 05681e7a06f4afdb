"""Whoever asks whichever store in whatever order: the answer was made with that store's and that consumer's credentials."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.api.core_v1 import Secret
from reconcile.client.patch import MergePatch
from reconcile.testing.loop import run
from tests.support.echo_store import cluster_ref, store_ref, world

STORES = ("own", "other", "referent", "fixed", "peek")

step = st.one_of(
    st.tuples(st.just("read"), st.sampled_from(STORES), st.sampled_from(["a", "b"]), st.sampled_from(["k", "l"])),
    st.tuples(st.just("rotate"), st.just(""), st.sampled_from(["a", "b"]), st.just("")),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(step, min_size=1, max_size=12))
def test_answers_belong_to_who_asked(steps: list[tuple[str, str, str, str]]) -> None:
    async def main() -> None:
        async with world() as found:
            versions = {"a": 0, "b": 0}
            token = {"token": {"name": "credentials", "key": "token"}}
            for namespace in versions:
                await found.secret(namespace, "credentials", token=f"{namespace}0")
                await found.store("own", namespace, token)
                await found.store("other", namespace, {"token": {"name": "credentials", "key": "token"}})
            await found.cluster_store("referent", token)
            await found.cluster_store("fixed", {"token": {"name": "credentials", "key": "token", "namespace": "a"}})
            await found.cluster_store("peek", {"peek": True})

            async def read(store: str, namespace: str, key: str) -> None:
                ref = store_ref(store) if store in ("own", "other") else cluster_ref(store)
                answer = await found.read(ref, namespace, key, max_age=10)
                whose = "a" if store == "fixed" else namespace
                wanted = f"anonymous{namespace}" if store == "peek" else f"{whose}{versions[whose]}"
                assert answer == f"{wanted}:{key}"

            for verb, store, namespace, key in steps:
                if verb == "rotate":
                    versions[namespace] += 1
                    patch = MergePatch({"stringData": {"token": f"{namespace}{versions[namespace]}"}})
                    await found.client.patch(Secret, "credentials", namespace, patch)
                    await asyncio.sleep(11)
                else:
                    await asyncio.gather(*(read(store, each, key) for each in (namespace, "a", "b")))

    run(main())
