"""Generated values for an object, from the vendor to the moment they are in use.

One pass over an ExternalSecret or PushSecret calls `generate` (or `retire`) for each of its entries and ends with `commit`,
when the values have reached their destination, or `roll_back`, when they have not. The passes of one object follow each other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel

from eso.api.generators_v1alpha1.generatorstate import GeneratorState
from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ReferenceNotFoundError,
    ThrottledError,
    UnavailableError,
)
from eso.generators.base import Generated
from eso.generators.resolve import GeneratorResolver, Reference, Resolved
from eso.generators.runner import GeneratorRunner, completed
from eso.generators.state import GeneratorStates
from eso.values import SecretValue, reveal_all
from reconcile.api.model import KubeObject
from reconcile.errors import APIError, NotFoundError, TransportError

__all__ = ["PUSH_SECRET_KEY", "Generation"]

PUSH_SECRET_KEY: Final = "__pushsecret"
"""State key of a PushSecret's only generator; those of an ExternalSecret are the decimal indexes of `spec.dataFrom`."""

_LOG: Final = logging.getLogger("controllers.GeneratorState")


@dataclass(frozen=True, slots=True)
class _Made:
    """What a generator has made under a state key, and the record of it if it leaves anything behind."""

    key: str
    kind: str
    spec: BaseModel = field(repr=False)
    values: Mapping[str, SecretValue]
    state: GeneratorState | None = None
    until: datetime | None = None


@dataclass(slots=True)
class _Pass:
    """What one pass over an object has done so far, and what earlier ones could not finish.

    Attributes:
        keys: state keys that were visited.
        made: in this pass.
        held: by state key, made by earlier passes; some places have it already.
        reused: those of `held` that this pass has used.
    """

    keys: set[str] = field(default_factory=set)
    made: list[_Made] = field(default_factory=list)
    held: dict[str, _Made] = field(default_factory=dict)
    reused: list[_Made] = field(default_factory=list)

    def begin_again(self) -> None:
        """The pass is over, but for what is held."""
        self.keys.clear()
        self.made.clear()
        self.reused.clear()


class Generation:
    """Makes values, and keeps account of what they leave behind.

    Args:
        resolver: finds generators.
        runner: runs them.
        states: where leftovers are recorded; None keeps no account: leftovers are never undone.
        grace: seconds a superseded value stays valid.
        clock: the wall clock.
    """

    def __init__(
        self,
        resolver: GeneratorResolver,
        runner: GeneratorRunner,
        states: GeneratorStates | None,
        *,
        grace: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._resolver = resolver
        self._runner = runner
        self._states = states
        self._grace = timedelta(seconds=grace)
        self._clock = clock
        self._passes: dict[tuple[str, str, str], _Pass] = {}

    async def generate(self, owner: KubeObject, state_key: str, ref: Reference) -> Mapping[str, bytes]:
        """New values. What they leave behind is recorded before this returns.

        A cancellation takes effect when a generator that leaves something behind has answered and that is recorded.

        Args:
            owner: the object they are for; read from the API server.
            state_key: which of its entries.
            ref: the generator.

        Raises:
            GeneratorReferenceError: the reference can never work; its cause is a TerminalError.
            ReferenceNotFoundError: there is no such generator.
            ProviderError: the generator failed, or its leftover could not be recorded and has been undone.
            APIError, TransportError: the API server could not be asked.
        """
        resolved = await self._resolver.resolve(ref, owner.namespace)
        current = self._pass_of(owner)
        current.keys.add(state_key)
        held = current.held.get(state_key)
        if held is not None and self._still_good(held, resolved):
            current.reused.append(held)
            return reveal_all(held.values)
        if resolved.generator.leaves_state:
            generated = await completed(self._make_and_record(owner, state_key, resolved))
        else:
            generated = await self._runner.generate(resolved, owner.namespace)
            current.made.append(_made(state_key, resolved, generated))
        return reveal_all(generated.values)

    def _still_good(self, held: _Made, resolved: Resolved) -> bool:
        same = (held.kind, held.spec) == (resolved.kind, resolved.spec)
        return same and held.until is not None and self._clock() < held.until

    async def retire(self, owner: KubeObject, state_key: str) -> None:
        """The entry is no generator (any more): at `commit`, what one left there is retired."""
        self._pass_of(owner).keys.add(state_key)

    async def commit(self, owner: KubeObject, *, complete: bool = False) -> None:
        """The values are in use: whatever they supersede gets a deadline.

        Failures are logged; the next commit of the owner makes up for them.

        Args:
            owner: the object.
            complete: the pass has visited every entry, so entries that it did not visit do not exist any more.
        """
        done = self._passes.pop(_id(owner), None) or _Pass()
        if self._states is None or not (done.keys or complete):
            return
        kept = {one.state.name for one in (*done.made, *done.reused) if one.state is not None}
        deadline = self._clock() + self._grace
        for state in self._states.live(owner, done.keys, every=complete):
            if state.name in kept:
                continue
            try:
                await self._states.retire(state, deadline)
            except (APIError, TransportError) as err:
                _LOG.warning("could not retire GeneratorState %s/%s: %s", state.namespace, state.name, err)

    async def roll_back(self, owner: KubeObject) -> None:
        """The values will not be used: undo what this pass has made.

        What cannot be undone now gets a deadline that has passed, so that the controller tries again.
        """
        done = self._passes.get(_id(owner))
        if done is None:
            return
        states = [one.state for one in done.made if one.state is not None]
        done.begin_again()
        if not done.held:
            del self._passes[_id(owner)]
        if self._states is None:
            return
        for state in states:
            try:
                await self._undo(self._states, state)
            except (APIError, TransportError) as err:
                _LOG.warning("could not roll back GeneratorState %s/%s: %s", state.namespace, state.name, err)

    def hold(self, owner: KubeObject, seconds: float) -> None:
        """The values have reached some places and not others: nothing is retired, and the next passes get the same values.

        So a place that fails for an hour costs one value, not one for each try, and no place holds one that is revoked.

        Args:
            owner: the object.
            seconds: after this time new values are made all the same.
        """
        current = self._passes.get(_id(owner))
        if current is None:
            return
        until = self._clock() + timedelta(seconds=seconds)
        current.held |= {one.key: replace(one, until=until) for one in current.made}
        current.begin_again()
        if not current.held:
            del self._passes[_id(owner)]

    def keep(self, owner: KubeObject) -> None:
        """The values are in use beside older ones: nothing is retired."""
        self._passes.pop(_id(owner), None)

    async def unused(self, owner: KubeObject) -> None:
        """The pass has succeeded, and no place has taken a value of it: undo what it has made.

        When the values were held, every place had them already: what they supersede is retired.
        """
        current = self._passes.get(_id(owner))
        if current is not None and current.reused:
            await self.commit(owner)
            return
        await self.roll_back(owner)
        self._passes.pop(_id(owner), None)

    def forget(self, kind: str, namespace: str, name: str) -> None:
        """The object is gone, and the cluster's garbage collector takes what was recorded for it."""
        self._passes.pop((kind, namespace, name), None)

    async def _undo(self, states: GeneratorStates, state: GeneratorState, *, insist: bool = False) -> None:
        """Undo what a state stands for; what cannot be undone is left to the controller.

        Args:
            states: the accounts.
            state: of what was made.
            insist: raise, and leave the state as it is, while the vendor is out.

        Raises:
            ProviderError: the vendor is out.
        """
        try:
            await self._runner.clean_up(state.spec.resource, state.spec.state, state.namespace)
        except EsoError as err:
            if insist and isinstance(err.__cause__, UnavailableError | ThrottledError):
                raise
            _LOG.info("GeneratorState %s/%s is left to the controller: %s", state.namespace, state.name, err)
            await states.retire(state, self._clock())
            return
        await states.drop(state)

    async def _make_and_record(self, owner: KubeObject, state_key: str, resolved: Resolved) -> Generated:
        intent = resolved.generator.intent(resolved.spec)
        if self._states is not None and intent is not None:
            return await self._make_intended(self._states, owner, state_key, resolved, intent)
        generated = await self._runner.generate(resolved, owner.namespace)
        if self._states is None or generated.state is None:
            return generated
        try:
            recorded = await self._states.record(owner, state_key, resolved.manifest, generated.state)
        except (APIError, TransportError) as err:
            await self._abandon(owner, resolved, generated.state)
            raise _unrecorded(err) from err
        self._pass_of(owner).made.append(_made(state_key, resolved, generated, recorded))
        return generated

    async def _make_intended(
        self, states: GeneratorStates, owner: KubeObject, state_key: str, resolved: Resolved, intent: Any
    ) -> Generated:
        """Record, make, record what was made: wherever this ends, what may exist at the vendor is on record."""
        for left in states.intents(owner, state_key):
            # While the vendor is out, making something new would fail as well.
            await self._undo(states, left, insist=True)
        try:
            intended = await states.record(owner, state_key, resolved.manifest, intent, intended=True)
        except (APIError, TransportError) as err:
            raise _unrecorded(err) from err
        try:
            generated = await self._runner.generate(resolved, owner.namespace, intent)
        except EsoError as err:
            if _made_nothing(err):
                await states.drop(intended)
            raise
        try:
            fulfilled = await states.fulfil(intended, generated.state)
        except (APIError, TransportError) as err:
            if isinstance(err, NotFoundError):
                # The owner was deleted meanwhile; its record was cleaned up when there was nothing to find yet.
                await self._abandon(owner, resolved, generated.state)
            raise _unrecorded(err) from err
        self._pass_of(owner).made.append(_made(state_key, resolved, generated, fulfilled))
        return generated

    async def _abandon(self, owner: KubeObject, resolved: Resolved, state: Any) -> None:
        try:
            await self._runner.clean_up(resolved.manifest, state, owner.namespace)
        except EsoError as err:
            _LOG.error(
                "what generator %s made for %s %s/%s could neither be recorded nor undone: %s",
                resolved.kind,
                owner.resource.kind,
                owner.namespace,
                owner.name,
                err,
            )

    def _pass_of(self, owner: KubeObject) -> _Pass:
        return self._passes.setdefault(_id(owner), _Pass())


def _made(key: str, resolved: Resolved, generated: Generated, state: GeneratorState | None = None) -> _Made:
    return _Made(key, resolved.kind, resolved.spec, generated.values, state)


def _unrecorded(err: Exception) -> UnavailableError:
    return UnavailableError(f"error using generator: its state could not be recorded: {err}")


def _made_nothing(err: EsoError) -> bool:
    """Whether the vendor has refused, or was not asked; anything else may have left something behind."""
    refusals = AccessDeniedError | InvalidRequestError | InvalidSpecError | NoSecretError | ReferenceNotFoundError
    return isinstance(err.__cause__, refusals)


def _id(owner: KubeObject) -> tuple[str, str, str]:
    return owner.resource.kind, owner.namespace, owner.name
