"""The life of what generators leave behind, from the vendor to its end: generatorstate.md 2 and 3."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from eso.errors import AccessDeniedError, EsoError, NoSecretError, UnavailableError
from eso.generators.state import FINALIZER, INTENT, LABEL_OWNER_KEY
from reconcile.client.patch import MergePatch
from reconcile.testing.eventually import eventually
from reconcile.testing.loop import run
from tests.support.tokenvendor import Cluster, cluster, generator_entry

HOUR = 3600.0
ES = "/apis/external-secrets.io/v1/namespaces/default/externalsecrets"


def in_cluster(story: Callable[[Cluster], Awaitable[None]]) -> None:
    async def go() -> None:
        async with cluster() as c:
            await c.generator()
            await story(c)

    run(go())


def test_state_is_recorded_with_label_owner_snapshot_and_finalizer() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await c.external_secret()
            await c.becomes_token("token-1")
            (state,) = await c.states()
        assert state.name.startswith("gen-externalsecret-es-")
        assert len(state.metadata.labels[LABEL_OWNER_KEY]) == 56
        (owner,) = state.metadata.owner_references
        assert (owner.kind, owner.name, owner.controller) == ("ExternalSecret", "es", None)
        assert state.metadata.finalizers == [FINALIZER]
        assert state.spec.garbage_collection_deadline is None
        assert state.spec.state == {"tokenID": 1}
        assert state.spec.resource["kind"] == "GitlabDeployToken"
        assert state.spec.resource["spec"]["projectID"] == "1"
        assert "managedFields" not in state.spec.resource["metadata"]

    in_cluster(story)


def test_refresh_retires_the_superseded_token_after_the_grace_period() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await c.external_secret()
            await c.becomes_token("token-1")
            await c.becomes_token("token-2", timeout=1.2 * HOUR)
            assert len(await c.live()) == 1
            assert c.vendor.tokens == {1, 2}
            await asyncio.sleep(100)
            assert c.vendor.tokens == {1, 2}
            await asyncio.sleep(60)
            assert c.vendor.tokens == {2}
            assert len(await c.states()) == 1

    in_cluster(story)


@pytest.mark.parametrize("change", ["extract", "removed", "reordered"])
def test_entry_that_is_replaced_removed_or_reordered_retires_its_token(change: str) -> None:
    fake = {"extract": {"key": "k"}, "sourceRef": {"storeRef": {"name": "store"}}}

    async def story(c: Cluster) -> None:
        provider = {"fake": {"data": [{"key": "k", "value": '{"a":"b"}'}]}}
        store = {
            "apiVersion": "external-secrets.io/v1",
            "kind": "SecretStore",
            "metadata": {"name": "store"},
            "spec": {"provider": provider},
        }
        await c.create(store, "secretstores")
        async with c.operator():
            await c.external_secret(dataFrom=[generator_entry(), fake])
            await c.becomes_token("token-1")
            changed: dict[str, Any] = {
                "extract": {"dataFrom": [fake, fake]},
                "removed": {"dataFrom": [fake]},
                "reordered": {"dataFrom": [fake, generator_entry()]},
            }[change]
            await c.patch("es", changed)
            left = 2 if change == "reordered" else None
            await c.becomes_token("token-2" if left else "")
            await asyncio.sleep(200)
            assert c.vendor.tokens == ({left} if left else set())
            assert len(await c.states()) == len(c.vendor.tokens)

    in_cluster(story)


def test_deleting_the_owner_revokes_everything() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await c.external_secret()
            await c.becomes_token("token-1")
            await c.client.raw("DELETE", f"{ES}/es")
            await asyncio.sleep(30)
            assert c.vendor.tokens == set()
            assert await c.states() == []

    in_cluster(story)


@pytest.mark.parametrize("named", [False, True])
def test_deleting_the_owner_while_the_vendor_works_leaves_no_token(named: bool) -> None:
    async def story(c: Cluster) -> None:
        c.vendor.named, c.vendor.queue = named, 20.0
        async with c.operator():
            await c.external_secret()
            await asyncio.sleep(5)
            await c.client.raw("DELETE", f"{ES}/es")
            await asyncio.sleep(60)
            assert c.vendor.made == 1
            assert c.vendor.tokens == set()
            assert await c.states() == []

    in_cluster(story)


def test_failed_pass_is_rolled_back_and_leaves_no_token() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            # The second entry has no generator, so the pass fails after the first has made a token.
            await c.external_secret(dataFrom=[generator_entry(), generator_entry("missing")])
            await asyncio.sleep(20)
            assert c.vendor.made >= 2
            assert c.vendor.tokens == set()
            assert await c.states() == []
            assert await c.token() == ""

    in_cluster(story)


def test_rollback_that_fails_leaves_a_state_that_is_due_and_undone_later() -> None:
    async def story(c: Cluster) -> None:
        c.vendor.refuses_cleanup = True
        async with c.operator():
            await c.external_secret(refreshInterval="24h", dataFrom=[generator_entry(), generator_entry("missing")])
            await asyncio.sleep(1)
            states = await c.states()
            assert states
            assert all(state.spec.garbage_collection_deadline is not None for state in states)
            await c.client.raw("DELETE", f"{ES}/es")
            c.vendor.refuses_cleanup = False
            await asyncio.sleep(1000)
            assert c.vendor.tokens == set()
            assert await c.states() == []

    in_cluster(story)


def test_cleanup_that_fails_blocks_deletion_and_says_so() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await c.external_secret()
            await c.becomes_token("token-1")
            c.vendor.refuses_cleanup = True
            await c.client.raw("DELETE", f"{ES}/es")
            await asyncio.sleep(60)
            (state,) = await c.states()
            assert state.metadata.deleting
            events = (await c.client.raw("GET", "/api/v1/namespaces/default/events"))["items"]
            said = [event for event in events if event["reason"] == "CleanupFailed"]
            assert said
            assert "could not cleanup generator state: the vendor is down" in said[0]["message"]
            c.vendor.refuses_cleanup = False

            async def gone() -> bool:
                return not await c.states()

            await eventually(gone, timeout=1000, interval=5)
            assert c.vendor.tokens == set()

    in_cluster(story)


def test_operator_killed_between_recording_and_writing_the_target_leaks_nothing() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await c.external_secret()
            await c.becomes_token("token-1")
        # As if it had died after the record and before the Secret: the state is live and nobody uses its token.
        (state,) = await c.states()
        twin = state.model_copy(
            update={
                "metadata": state.metadata.model_copy(
                    update={"name": "", "generate_name": "gen-externalsecret-es-", "resource_version": "", "uid": ""}
                ),
                "spec": state.spec.model_copy(update={"state": {"tokenID": 77}}),
            }
        )
        await c.client.create(twin)
        c.vendor.tokens.add(77)
        async with c.operator():
            await c.becomes_token("token-2", timeout=1.2 * HOUR)
            await asyncio.sleep(200)
            assert c.vendor.tokens == {2}

    in_cluster(story)


def test_operator_killed_between_the_vendor_and_the_record_leaks_nothing() -> None:
    async def story(c: Cluster) -> None:
        c.vendor.named = True
        async with c.operator():
            await c.external_secret()
            await c.becomes_token("token-1")
            (state,) = await c.states()
            assert INTENT not in state.metadata.annotations
            assert state.spec.state == {"tokenID": 1}
        # As if it had died when the vendor had made token 77 as "lost": that was recorded before, its number was not.
        twin = state.model_copy(
            update={
                "metadata": state.metadata.model_copy(
                    update={
                        "name": "",
                        "generate_name": "gen-externalsecret-es-",
                        "resource_version": "",
                        "uid": "",
                        "annotations": {INTENT: "another-process"},
                    }
                ),
                "spec": state.spec.model_copy(update={"state": {"name": "lost"}}),
            }
        )
        await c.client.create(twin)
        c.vendor.tokens.add(77)
        c.vendor.names["lost"] = 77
        async with c.operator():
            await asyncio.sleep(5)
            assert c.vendor.tokens == {1}
            assert len(await c.states()) == 1

    in_cluster(story)


def test_tokens_whose_answers_are_lost_are_undone_before_the_next_is_made() -> None:
    async def story(c: Cluster) -> None:
        c.vendor.named = c.vendor.mute = True
        async with c.operator():
            await c.external_secret()
            await asyncio.sleep(600)
            assert c.vendor.made > 3
            assert len(c.vendor.tokens) == 1
            assert len(await c.states()) == 1
            c.vendor.mute = False
            await c.becomes_token(f"token-{c.vendor.made + 1}", timeout=HOUR)
            await asyncio.sleep(200)
            assert c.vendor.tokens == {c.vendor.made}
            assert len(await c.states()) == 1

    in_cluster(story)


@pytest.mark.parametrize(
    ("refusal", "states"), [(UnavailableError("the vendor is down"), 1), (AccessDeniedError("not allowed"), 0)]
)
def test_a_vendor_that_is_down_for_an_hour_leaves_one_record_at_most(refusal: EsoError, states: int) -> None:
    async def story(c: Cluster) -> None:
        c.vendor.named = True
        c.vendor.refusal = refusal
        async with c.operator():
            await c.external_secret()
            await asyncio.sleep(HOUR)
            assert len(await c.states()) == states
            c.vendor.refusal = None
            await c.becomes_token("token-1", timeout=1.2 * HOUR)
            await asyncio.sleep(200)
            assert c.vendor.tokens == {1}
            assert len(await c.states()) == 1

    in_cluster(story)


def test_a_404_of_a_vendor_of_tokens_deletes_no_secret() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await c.external_secret(target={"deletionPolicy": "Delete"})
            await c.becomes_token("token-1")
            c.vendor.refusal = NoSecretError("no such project")
            await asyncio.sleep(2 * HOUR)
            assert await c.token() == "token-1"

    in_cluster(story)


def test_restart_does_not_change_the_value() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await c.external_secret()
            await c.becomes_token("token-1")
        async with c.operator():
            await asyncio.sleep(60)
            assert await c.token() == "token-1"
            assert c.vendor.made == 1

    in_cluster(story)


def test_interval_zero_makes_one_value_for_ever() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await c.external_secret(refreshInterval="0")
            await c.becomes_token("token-1")
            await asyncio.sleep(3 * HOUR)
            assert c.vendor.made == 1

    in_cluster(story)


def test_cancelled_pass_waits_for_the_vendor_and_rolls_back() -> None:
    async def story(c: Cluster) -> None:
        c.vendor.delay = 5.0
        async with c.operator():
            await c.external_secret()
            await asyncio.sleep(1)
            assert c.vendor.made == 1
        # Whatever the drain allowed, the token is either recorded or revoked.
        recorded = {state.spec.state["tokenID"] for state in await c.states()}
        assert c.vendor.tokens == recorded

    in_cluster(story)


def test_switched_off_it_records_nothing() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator(enable_generator_state=False):
            await c.external_secret()
            await c.becomes_token("token-1")
            assert await c.states() == []

    in_cluster(story)


def test_controller_runs_when_state_is_switched_off() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await c.external_secret()
            await c.becomes_token("token-1")
        async with c.operator(enable_generator_state=False):
            await c.client.raw("DELETE", f"{ES}/es")
            await asyncio.sleep(30)
            assert c.vendor.tokens == set()

    in_cluster(story)


def test_deadline_set_by_a_user_is_honoured() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await c.external_secret(refreshInterval="24h")
            await c.becomes_token("token-1")
            (state,) = await c.states()
            deadline = c.now().replace(microsecond=0).isoformat().replace("+00:00", "Z")
            patch = MergePatch({"spec": {"garbageCollectionDeadline": deadline}})
            await c.client.patch(type(state), state.name, "default", patch)
            await asyncio.sleep(10)
            assert c.vendor.tokens == set()

    in_cluster(story)


def test_a_generator_that_is_mended_wakes_those_that_waited_for_it() -> None:
    async def story(c: Cluster) -> None:
        broken = {"kind": "GitlabDeployToken", "generator": {"passwordSpec": {"length": 8, "allowRepeat": True}}}
        path = "/apis/generators.external-secrets.io/v1alpha1/clustergenerators"
        body = {
            "apiVersion": "generators.external-secrets.io/v1alpha1",
            "kind": "ClusterGenerator",
            "metadata": {"name": "shared"},
            "spec": broken,
        }
        await c.client.raw("POST", path, body=body)
        async with c.operator():
            await c.external_secret(refreshInterval="24h", dataFrom=[generator_entry("shared", "ClusterGenerator")])
            await c.external_secret("other", dataFrom=[generator_entry()])
            await c.becomes_token("token-1", "other")
            await asyncio.sleep(600)
            assert await c.token() == ""
            spec = {
                "name": "n",
                "scopes": ["read_registry"],
                "projectID": "1",
                "auth": {"token": {"secretRef": {"name": "s", "key": "k"}}},
            }
            mended = {"spec": {"generator": {"passwordSpec": None, "gitlabDeployTokenSpec": spec}}}
            await c.client.raw("PATCH", f"{path}/shared", body=mended, content_type="application/merge-patch+json")
            await c.becomes_token("token-2", timeout=5)
            assert await c.token("other") == "token-1"

    in_cluster(story)
