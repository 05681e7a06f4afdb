"""From sources and stores to values at providers: announced, written, and what nobody wants any more deleted, in this order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.pushsecret.deleter import Deleter, Deletion
from eso.controllers.pushsecret.ledger import FOUND, Marks, Synced, marked, merged, minus, stale, synced, with_marks
from eso.controllers.pushsecret.memory import PushMemory
from eso.controllers.pushsecret.outcome import Failure
from eso.controllers.pushsecret.plan import StorePlan, check_selectors, plan_places, plan_stores
from eso.controllers.pushsecret.pusher import Pusher, StoreOutcome, Survey
from eso.controllers.pushsecret.stores import Found
from eso.errors import EsoError
from eso.stores.client_manager import identity_of
from eso.transform.rewrite import TemplateCompiler
from reconcile.api.core_v1 import Secret
from reconcile.api.request import Request
from reconcile.client.client import Client
from reconcile.client.patch import MergePatch

__all__ = ["RolledOut", "Rollout"]


@dataclass(frozen=True, slots=True)
class RolledOut:
    """A rollout that did all it should.

    Attributes:
        push: the PushSecret as it is now.
        synced: what its status has to say.
        written: how many values were handed to providers.
        kept: whether a provider had something that was left alone.
    """

    push: PushSecret
    synced: Synced
    written: int
    kept: bool


class Rollout:
    """Writes the values of a PushSecret to all its stores.

    Args:
        client: of the API server.
        pusher: writes.
        deleter: deletes.
        memory: what was pushed before.
        compile_template: for `dataTo[].rewrite[].transform`.
    """

    def __init__(
        self,
        client: Client,
        pusher: Pusher,
        deleter: Deleter,
        memory: PushMemory,
        compile_template: TemplateCompiler,
    ) -> None:
        self._client = client
        self._pusher = pusher
        self._deleter = deleter
        self._memory = memory
        self._compile = compile_template

    async def run(self, push: PushSecret, sources: Sequence[Secret], found: Found, *, trust: float) -> RolledOut:
        """Bring every store up to date; one that fails does not keep the others from their values.

        Args:
            push: the PushSecret.
            sources: what to push, with the template applied.
            found: the stores.
            trust: seconds for which a provider is believed to hold what it held.

        Raises:
            Failure: a store failed, or something could not be deleted.
            APIError, TransportError: the PushSecret could not be written to.
        """
        try:
            check_selectors(push, found.stores)
        except EsoError as err:
            raise Failure(str(err)) from err
        plans = plan_stores(push, sources, found.stores, self._compile) if sources else []
        return await self._carry_out(push, plans, await self._surveys(push, plans), found, trust)

    async def keep(self, push: PushSecret, found: Found) -> RolledOut | None:
        """With `updatePolicy: IfNotExists`, leave alone what is there at every place: no value is needed for that.

        Raises:
            Failure: nothing is missing, as far as could be told, but a place could not be looked at.
            APIError, TransportError: the PushSecret could not be written to.

        Returns:
            None when a value has to be written, or may have to be: `run` does that.
        """
        if push.spec.update_policy != "IfNotExists" or found.errors or not found.stores:
            return None
        plans = plan_places(push, found.stores)
        if plans is None:
            return None
        surveys = await self._surveys(push, plans)
        if any(plan.entries.keys() - surveys[plan.key].existing - surveys[plan.key].errors.keys() for plan in plans):
            return None
        return await self._carry_out(push, plans, surveys, found, 0.0)

    async def _carry_out(
        self, push: PushSecret, plans: Sequence[StorePlan], surveys: Mapping[str, Survey], found: Found, trust: float
    ) -> RolledOut:
        old = synced(push)
        push = await self._mark(push, _marks_before(push, plans, surveys, old))
        if push.spec.deletion_policy == "Delete":
            push = await self._announce(push, plans, surveys, old)
        outcomes = {plan.key: await self._pusher.push(push, plan, surveys[plan.key], trust=trust) for plan in plans}
        push = await self._mark(push, _marks_after(push, outcomes, surveys, old))
        done = await self._finish(push, old, plans, outcomes, found.errors)
        return replace(done, kept=any(survey.existing for survey in surveys.values()))

    async def _surveys(self, push: PushSecret, plans: Sequence[StorePlan]) -> dict[str, Survey]:
        looks = push.spec.update_policy == "IfNotExists"
        return {
            plan.key: await self._pusher.survey(push, plan) if looks and plan.entries else Survey() for plan in plans
        }

    async def _finish(
        self,
        push: PushSecret,
        old: Synced,
        plans: Sequence[StorePlan],
        outcomes: Mapping[str, StoreOutcome],
        unfound: Sequence[EsoError],
    ) -> RolledOut:
        new: Synced = {key: outcome.pushed for key, outcome in outcomes.items()}
        failed = {key for key, outcome in outcomes.items() if outcome.errors} | ({""} if unfound else set())
        deletes = push.spec.deletion_policy == "Delete"
        gone = stale(old, new, failed) if deletes else {}
        deletion = await self._deleter.delete(push, gone) if gone else Deletion()
        written = sum(outcome.written for outcome in outcomes.values())
        if failed:
            held = merged(minus(old, gone, deletion.left), new)
            if deletes:
                held = merged({key: outcome.uncertain for key, outcome in outcomes.items() if outcome.uncertain}, held)
            in_use = written > 0 or any(outcome.uncertain for outcome in outcomes.values())
            raise _failure(outcomes, unfound, held, in_use=in_use)
        if deletion.errors:
            message = f"Failed to Delete Secrets from Provider: {deletion.errors[0]}"
            raise Failure(message, synced=merged(deletion.left, new), in_use=True) from deletion.errors[0]
        places = {(identity_of(plan.store), where) for plan in plans for where in plan.entries}
        self._memory.retain(Request(push.namespace, push.name), places)
        return RolledOut(push, new, written, kept=False)

    async def _mark(self, push: PushSecret, marks: Marks) -> PushSecret:
        value = with_marks(marks)
        if value == push.metadata.annotations.get(FOUND):
            return push
        patch = MergePatch({"metadata": {"annotations": {FOUND: value}}})
        return await self._client.patch(PushSecret, push.name, push.namespace, patch)

    async def _announce(
        self, push: PushSecret, plans: Sequence[StorePlan], surveys: Mapping[str, Survey], old: Synced
    ) -> PushSecret:
        """List what is going to be written: killed in between, the operator still knows what it has to delete."""
        coming = {
            plan.key: {
                where: planned.record
                for where, planned in plan.entries.items()
                if where not in old.get(plan.key, {}) and where not in surveys[plan.key].errors
            }
            for plan in plans
        }
        coming = {key: entries for key, entries in coming.items() if entries}
        if not coming:
            return push
        status = push.status.model_copy(update={"synced_push_secrets": merged(old, coming)})
        return await self._client.patch_status(push, status)


def _marks_before(push: PushSecret, plans: Sequence[StorePlan], surveys: Mapping[str, Survey], old: Synced) -> Marks:
    """With what IfNotExists has found at the providers and this PushSecret has not put there."""
    marks = marked(push)
    for plan in plans:
        foreign = frozenset(where for where in surveys[plan.key].existing if where not in old.get(plan.key, {}))
        if foreign:
            marks[plan.key] = marks.get(plan.key, frozenset()) | foreign
    return marks


def _marks_after(
    push: PushSecret, outcomes: Mapping[str, StoreOutcome], surveys: Mapping[str, Survey], old: Synced
) -> Marks:
    """Without what has been written now, and what the status does not list any more."""
    marks: Marks = {}
    for store, places in marked(push).items():
        pushed = outcomes[store].pushed if store in outcomes else {}
        existing = surveys[store].existing if store in surveys else set()
        written = {where for where in pushed if where not in existing}
        marks[store] = frozenset(where for where in places - written if where in pushed or where in old.get(store, {}))
    return marks


def _failure(
    outcomes: Mapping[str, StoreOutcome], unfound: Sequence[EsoError], held: Synced, *, in_use: bool
) -> Failure:
    """One sentence for each store that failed; references that lead nowhere come first."""
    firsts = [outcome.errors[0] for outcome in outcomes.values() if outcome.errors]
    texts = [str(err) for err in unfound]
    if firsts:
        texts.append("set secret failed: " + "; ".join(str(err) for err in firsts))
    failure = Failure("; ".join(texts), synced=held, in_use=in_use)
    failure.__cause__ = [*unfound, *firsts][0]
    return failure
