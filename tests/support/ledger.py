"""Judges what a cache tells its handlers."""

from __future__ import annotations

from typing import Generic, TypeVar

from reconcile.api.model import KubeObject
from reconcile.cache import InformerEvent

__all__ = ["Ledger"]

K = TypeVar("K", bound=KubeObject)


class Ledger(Generic[K]):
    """Checks that a stream of events is a possible history, and keeps the state it leads to.

    Attributes:
        state: what the events so far lead to.
        problems: what cannot have happened.
        buried: uids that must not come back.
    """

    def __init__(self) -> None:
        self.state: dict[str, K] = {}
        self.problems: list[str] = []
        self.buried: set[str] = set()

    def __call__(self, event: InformerEvent[K]) -> None:
        if event.new is not None:
            self._check(event.new.metadata.uid not in self.buried, f"{event} of a uid that was deleted")
        old = self.state.get(event.name)
        if event.type == "added":
            self._check(old is None, f"{event} although it was there")
        elif event.type == "updated":
            self._check(old is not None and event.old == old, f"{event} does not follow from what was known")
            if old is not None and event.new is not None:
                before, after = old.metadata, event.new.metadata
                self._check(before.uid == after.uid, f"{event} changes the uid")
                self._check(int(before.resource_version) < int(after.resource_version), f"{event} goes back")
        else:
            self._check(event.type == "deleted" and old is not None, f"{event} of nothing")
            self._check(event.old is not None and event.old.name == event.name, f"{event} without the last state")
        if event.new is None:
            self.state.pop(event.name, None)
        else:
            self.state[event.name] = event.new

    def _check(self, holds: bool, problem: str) -> None:
        if not holds:
            self.problems.append(problem)
