"""How one pass over an ExternalSecret ends: what its status says, which event tells it, when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret, ExternalSecretBinding, ExternalSecretStatus
from eso.controllers.conditions import ready, with_condition
from eso.controllers.externalsecret.refresh import version_of
from eso.errors import EsoError

__all__ = ["Failure", "Outcome", "Reason", "status_after"]


class Reason(StrEnum):
    """Reasons of the Ready condition."""

    SYNCED = "SecretSynced"
    DELETED = "SecretDeleted"
    MISSING = "SecretMissing"
    ERROR = "SecretSyncedError"
    RESOURCE_SYNCED = "ResourceSynced"
    RESOURCE_DELETED = "ResourceDeleted"
    RESOURCE_MISSING = "ResourceMissing"
    RESOURCE_ERROR = "ResourceSyncedError"


SYNCED: Final = "secret synced"
RETAINED: Final = "secret retained due to DeletionPolicy=Retain"
DELETED: Final = "secret deleted due to DeletionPolicy=Delete"
MISSING: Final = "secret will not be created due to CreationPolicy=Merge"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A pass that did what it should.

    Attributes:
        reason: of the Ready condition, which becomes True.
        message: its sentence.
        binding: name of the Secret that consumers bind to; None leaves the field alone.
    """

    reason: Reason = Reason.SYNCED
    message: str = SYNCED
    binding: str | None = None

    def with_binding(self, name: str) -> Outcome:
        """The same with a binding."""
        return replace(self, binding=name)


class Failure(EsoError):
    """A pass that could not do what it should; Ready becomes False.

    Attributes:
        summary: the first words of the condition's message, the same as in External Secrets Operator.
        told: what the event says: the cause, as in External Secrets Operator, or the summary where that is all there is.
        reason: of the Ready condition.
        retry: whether trying again may help; otherwise the next refresh or event does.
        terminal: only an edit helps; the next refresh does not either.
        binding: as in `Outcome`.
    """

    def __init__(
        self,
        summary: str,
        cause: str = "",
        *,
        reason: Reason = Reason.ERROR,
        retry: bool = True,
        terminal: bool = False,
        binding: str | None = None,
    ) -> None:
        super().__init__(f"{summary}: {cause}" if cause else summary)
        self.summary = summary
        self.told = cause or summary
        self.reason = reason
        self.retry = retry
        self.terminal = terminal
        self.binding = binding


def status_after(es: ExternalSecret, result: Outcome | Failure, started: datetime) -> ExternalSecretStatus:
    """The status that tells `result` of a pass which began at `started` (aware, UTC)."""
    moment = started.replace(microsecond=0)
    good = isinstance(result, Outcome)
    condition = ready(good, result.reason, result.message if isinstance(result, Outcome) else str(result))
    changes: dict[str, object] = {"conditions": with_condition(es.status.conditions, condition, moment)}
    if good:
        changes["refresh_time"] = moment
        changes["synced_resource_version"] = version_of(es)
    if result.binding is not None:
        changes["binding"] = ExternalSecretBinding(name=result.binding)
    return es.status.model_copy(update=changes)
