"""Clients of stores: made once, never shared between identities, replaced when something changed."""

from __future__ import annotations

import asyncio

import pytest

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    ReferenceNotFoundError,
)
from eso.providers.base import RemoteRef, ValidationResult
from eso.stores.selection import StoreDeniedError, StoreNotReadyError, UnmanagedStoreError
from reconcile.api.core_v1 import Secret
from reconcile.cache.informer import Informer
from reconcile.client.patch import MergePatch
from reconcile.testing.loop import run
from tests.support.echo_store import World, cluster_ref, store_ref, world

TOKEN = {"token": {"name": "credentials", "key": "token"}}


async def change(found: World, namespace: str, token: str) -> None:
    patch = MergePatch({"stringData": {"token": token}})
    await found.client.patch(Secret, "credentials", namespace, patch)


def test_a_thousand_objects_of_one_store_sign_in_once_and_read_its_secret_once() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("a", "credentials", token="t")
            await found.store("s", "a", TOKEN)
            answers = await asyncio.gather(*(found.read(store_ref("s"), "a") for _ in range(1000)))
            assert set(answers) == {"t:k"}
            assert found.provider.logins == 1

    run(main())


def test_two_stores_of_one_provider_alternate_without_signing_in_again() -> None:
    async def main() -> None:
        async with world() as found:
            await found.store("s", "a", {})
            await found.store("t", "a", {})
            for _ in range(5):
                await found.read(store_ref("s"), "a")
                await found.read(store_ref("t"), "a")
            assert (found.provider.logins, found.provider.closed) == (2, 0)

    run(main())


def test_stores_of_one_name_in_two_namespaces_use_their_own_credentials() -> None:
    async def main() -> None:
        async with world() as found:
            for namespace in ("a", "b"):
                await found.secret(namespace, "credentials", token=f"token-{namespace}")
                await found.store("s", namespace, TOKEN)
            assert await found.read(store_ref("s"), "a", max_age=10) == "token-a:k"
            assert await found.read(store_ref("s"), "b", max_age=10) == "token-b:k"

    run(main())


def test_a_namespaced_store_cannot_point_into_another_namespace() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("b", "credentials", token="foreign")
            await found.store("s", "a", {"token": {"name": "credentials", "key": "token", "namespace": "b"}})
            with pytest.raises(
                ReferenceNotFoundError, match='cannot get Kubernetes secret "credentials" from namespace "a"'
            ):
                await found.read(store_ref("s"), "a")

    run(main())


def test_referent_credentials_are_those_of_each_consumer() -> None:
    async def main() -> None:
        async with world() as found:
            await found.cluster_store("s", TOKEN)
            for namespace in ("a", "b"):
                await found.secret(namespace, "credentials", token=f"token-{namespace}")
            for _ in range(2):
                for namespace in ("a", "b"):
                    assert await found.read(cluster_ref("s"), namespace, max_age=10) == f"token-{namespace}:k"
            assert found.provider.logins == 2

    run(main())


def test_a_cluster_store_with_a_namespace_is_one_client_for_all() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("a", "credentials", token="t")
            await found.cluster_store("s", {"token": {"name": "credentials", "key": "token", "namespace": "a"}})
            assert await found.read(cluster_ref("s"), "a") == await found.read(cluster_ref("s"), "b") == "t:k"
            assert found.provider.logins == 1

    run(main())


def test_a_client_that_looked_at_its_consumer_is_never_shared() -> None:
    """Also when the provider forgets to say that it is referent."""

    async def main() -> None:
        async with world() as found:
            await found.cluster_store("s", {"peek": True})
            answers = await asyncio.gather(*(found.read(cluster_ref("s"), name) for name in ("a", "b", "a", "b")))
            assert answers == ["anonymousa:k", "anonymousb:k", "anonymousa:k", "anonymousb:k"]

    run(main())


def test_a_shared_client_cannot_look_at_a_consumer_later() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("a", "late", key="x")
            await found.cluster_store("s", {"late": {"name": "late", "key": "key"}})
            with pytest.raises(InvalidSpecError, match="shared by all namespaces"):
                await found.read(cluster_ref("s"), "a")

    run(main())


def test_a_rotated_credential_makes_a_new_client_and_closes_the_old_one() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("a", "credentials", token="old")
            await found.store("s", "a", TOKEN)
            assert await found.read(store_ref("s"), "a") == "old:k"
            await change(found, "a", "new")
            await asyncio.sleep(11)
            assert await found.read(store_ref("s"), "a", max_age=10) == "new:k"
            assert (found.provider.logins, found.provider.closed) == (2, 1)

    run(main())


def test_with_an_informer_a_rotation_counts_at_once() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("a", "credentials", token="old")
            await found.store("s", "a", TOKEN)
            informer = Informer(Secret, found.client, metadata_only=True)
            found.manager.reader.follow(informer)
            watching = asyncio.ensure_future(informer.run())
            await informer.synced.wait()
            assert await found.read(store_ref("s"), "a") == "old:k"
            await change(found, "a", "new")
            await asyncio.sleep(0.5)
            assert await found.read(store_ref("s"), "a", max_age=10) == "new:k"
            watching.cancel()
            await asyncio.wait({watching})

    run(main())


def test_a_changed_store_makes_a_new_client() -> None:
    async def main() -> None:
        async with world() as found:
            store = await found.store("s", "a", {})
            await found.read(store_ref("s"), "a")
            patch = MergePatch({"spec": {"refreshInterval": 60}})
            await found.client.patch(type(store), "s", "a", patch)
            await found.read(store_ref("s"), "a")
            assert (found.provider.logins, found.provider.closed) == (2, 1)

    run(main())


def test_a_client_on_loan_is_closed_only_when_it_comes_back() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("a", "credentials", token="old")
            await found.store("s", "a", TOKEN)
            async with found.manager.client(store_ref("s"), "a") as held:
                await change(found, "a", "new")
                await asyncio.sleep(11)
                assert await found.read(store_ref("s"), "a") == "new:k"
                assert found.provider.closed == 0
                assert (await held.get_secret(RemoteRef("k"))).reveal_text() == "old:k"
            assert found.provider.closed == 1

    run(main())


def test_a_failed_sign_in_is_not_repeated_by_everybody() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("a", "credentials", token="refused")
            await found.store("s", "a", TOKEN)
            answers = await asyncio.gather(
                *(found.read(store_ref("s"), "a") for _ in range(100)), return_exceptions=True
            )
            assert all(isinstance(answer, AccessDeniedError) for answer in answers)
            with pytest.raises(AccessDeniedError):
                await found.read(store_ref("s"), "a")
            assert found.provider.logins == 1
            await asyncio.sleep(3)
            with pytest.raises(AccessDeniedError):
                await found.read(store_ref("s"), "a")
            assert found.provider.logins == 2

    run(main())


def test_a_404_of_a_sign_in_is_no_missing_secret() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("a", "credentials", token="nowhere")
            await found.store("s", "a", TOKEN)
            with pytest.raises(InvalidRequestError, match="the server answered 404"):
                await found.read(store_ref("s"), "a")

    run(main())


def test_failed_sign_ins_become_rarer_and_new_credentials_are_tried_at_once() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("a", "credentials", token="refused")
            await found.store("s", "a", TOKEN)
            for _ in range(120):
                with pytest.raises(AccessDeniedError):
                    await found.read(store_ref("s"), "a")
                await asyncio.sleep(1)
            assert found.provider.logins <= 8
            await change(found, "a", "good")
            await asyncio.sleep(11)
            assert await found.read(store_ref("s"), "a") == "good:k"

    run(main())


def test_an_informer_of_another_namespace_says_nothing_about_this_one() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("a", "credentials", token="t")
            await found.store("s", "a", TOKEN)
            informer = Informer(Secret, found.client, namespace="b", metadata_only=True)
            found.manager.reader.follow(informer)
            watching = asyncio.ensure_future(informer.run())
            await informer.synced.wait()
            for _ in range(3):
                await found.read(store_ref("s"), "a")
            assert found.provider.logins == 1
            watching.cancel()
            await asyncio.wait({watching})

    run(main())


def test_an_idle_client_is_closed_and_running_ends_with_all_closed() -> None:
    async def main() -> None:
        async with world(idle=100.0) as found:
            await found.store("s", "a", {})
            running = asyncio.ensure_future(found.manager.run())
            await found.read(store_ref("s"), "a")
            await asyncio.sleep(90)
            assert found.provider.closed == 0
            await asyncio.sleep(60)
            assert found.provider.closed == 1
            await found.read(store_ref("s"), "a")
            running.cancel()
            await asyncio.wait({running})
            assert found.provider.closed == 2

    run(main())


def test_many_clients_close_together_whatever_one_of_them_does() -> None:
    async def main() -> None:
        async with world() as found:
            for number in range(64):
                await found.store(f"s{number}", "a", {})
                await found.read(store_ref(f"s{number}"), "a")
            found.provider.closing = 5.0
            found.provider.broken = {1, 33}
            began = asyncio.get_running_loop().time()
            await found.manager.close()
            # Thirty-two at a time.
            assert asyncio.get_running_loop().time() - began == pytest.approx(10.0)
            assert found.provider.closed == 64

    run(main())


def test_forgetting_a_store_closes_its_clients_and_removes_its_metrics() -> None:
    async def main() -> None:
        async with world() as found:
            await found.store("s", "a", {})
            await found.read(store_ref("s"), "a")
            labels = {"store_kind": "SecretStore", "store_namespace": "a", "store": "s"}
            assert found.registry.get_sample_value("externalsecret_store_clients", labels) == 1
            await found.manager.forget("SecretStore", "a", "s")
            assert found.provider.closed == 1
            assert found.registry.get_sample_value("externalsecret_store_clients", labels) is None

    run(main())


def test_a_referent_store_without_consumer_says_unknown_without_signing_in() -> None:
    async def main() -> None:
        async with world() as found:
            store = await found.cluster_store("s", TOKEN)
            assert found.manager.is_referent(store)
            async with found.manager.client_for(store, "") as client:
                assert await client.validate() is ValidationResult.UNKNOWN
                with pytest.raises(InvalidSpecError):
                    await client.get_secret(RemoteRef("k"))
            assert found.provider.logins == 0

    run(main())


def test_source_ref_comes_before_the_store_of_the_object() -> None:
    async def main() -> None:
        async with world() as found:
            await found.store("t", "a", {})
            from_entry = type("Source", (), {"store_ref": store_ref("t")})()
            assert await found.read(store_ref("missing"), "a", source_ref=from_entry) == "anonymous:k"
            with pytest.raises(InvalidSpecError, match="no store is referenced"):
                async with found.manager.client(None, "a"):
                    pass

    run(main())


# --- selection -------------------------------------------------------------------------------------------------------


def test_texts_for_a_store_that_is_not_there() -> None:
    async def main() -> None:
        async with world() as found:
            for ref, kind in ((store_ref("x"), "SecretStore"), (cluster_ref("x"), "ClusterSecretStore")):
                with pytest.raises(ReferenceNotFoundError) as caught:
                    await found.read(ref, "a")
                assert str(caught.value) == f'could not get {kind} "x", {kind}.external-secrets.io "x" not found'

    run(main())


def test_a_store_of_another_class_is_refused() -> None:
    async def main() -> None:
        async with world() as found:
            await found.store("s", "a", {}, controller="other")
            with pytest.raises(UnmanagedStoreError, match=r"^can not reference unmanaged store$"):
                await found.read(store_ref("s"), "a")
            await found.store("t", "a", {}, controller="default")
            assert await found.read(store_ref("t"), "a")

    run(main())


@pytest.mark.parametrize(
    ("conditions", "allowed"),
    [
        ([], True),
        ([{"namespaces": ["a"]}], True),
        ([{"namespaces": ["b"]}], False),
        ([{"namespaceRegexes": ["^team-.*", "a"]}], True),
        ([{"namespaceRegexes": ["^z"]}], False),
        ([{"namespaceSelector": {"matchLabels": {"tier": "web"}}}], True),
        ([{"namespaceSelector": {"matchLabels": {"tier": "db"}}}], False),
        ([{"namespaceSelector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}}], True),
        ([{"namespaces": ["b"]}, {"namespaceRegexes": ["eb"]}], False),
        ([{"namespaces": ["b"]}, {"namespaces": ["a"]}], True),
        ([{"namespaces": ["b"], "namespaceRegexes": ["^a$"]}], True),
    ],
)
def test_conditions_of_a_cluster_store(conditions: list[dict[str, object]], allowed: bool) -> None:
    async def main() -> None:
        async with world() as found:
            await found.client.raw(
                "PATCH",
                "/api/v1/namespaces/a",
                body={"metadata": {"labels": {"tier": "web"}}},
                content_type="application/merge-patch+json",
            )
            await found.cluster_store("s", {}, conditions=conditions)
            if allowed:
                assert await found.read(cluster_ref("s"), "a")
                return
            with pytest.raises(StoreDeniedError) as caught:
                await found.read(cluster_ref("s"), "a")
            assert (
                str(caught.value)
                == 'using cluster store "s" is not allowed from namespace "a": denied by spec.condition'
            )

    run(main())


@pytest.mark.parametrize(
    "condition",
    [
        {"namespaceRegexes": ["("]},
        {"namespaceSelector": {"matchExpressions": [{"key": "x", "operator": "Near"}]}},
    ],
)
def test_conditions_that_do_not_compile(condition: dict[str, object]) -> None:
    async def main() -> None:
        async with world() as found:
            await found.cluster_store("s", {}, conditions=[condition])
            with pytest.raises(InvalidSpecError):
                await found.read(cluster_ref("s"), "a")

    run(main())


def test_a_namespace_that_is_not_there() -> None:
    async def main() -> None:
        async with world() as found:
            await found.cluster_store("s", {}, conditions=[{"namespaces": ["a"]}])
            with pytest.raises(ReferenceNotFoundError, match='failed to get a namespace "ghost"'):
                await found.read(cluster_ref("s"), "ghost")

    run(main())


def test_the_flood_gate() -> None:
    async def main() -> None:
        async with world() as found:
            store = await found.store("s", "a", {})
            for status in (None, "False", "Unknown"):
                if status:
                    await found.client.patch_status(store, {"conditions": [{"type": "Ready", "status": status}]})
                with pytest.raises(StoreNotReadyError, match=r'^SecretStore "s" is not ready$'):
                    await found.read(store_ref("s"), "a", flood_gate=True)
            told = {"type": "Ready", "status": "False", "message": "unable to validate store: denied"}
            await found.client.patch_status(store, {"conditions": [told]})
            with pytest.raises(
                StoreNotReadyError, match=r'^SecretStore "s" is not ready: unable to validate store: denied$'
            ):
                await found.read(store_ref("s"), "a", flood_gate=True)
            await found.client.patch_status(store, {"conditions": [{"type": "Ready", "status": "True"}]})
            assert await found.read(store_ref("s"), "a", flood_gate=True)
            assert await found.read(store_ref("s"), "a", flood_gate=False)

    run(main())


def test_a_failure_in_one_consumers_namespace_is_not_anothers() -> None:
    async def main() -> None:
        async with world() as found:
            await found.secret("a", "credentials", token="refused")
            await found.secret("b", "credentials", token="t")
            await found.cluster_store("s", TOKEN)
            first, second = await asyncio.gather(
                found.read(cluster_ref("s"), "a"), found.read(cluster_ref("s"), "b"), return_exceptions=True
            )
            assert isinstance(first, AccessDeniedError)
            assert second == "t:k"

    run(main())
