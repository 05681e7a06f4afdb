"""How a pass over a PushSecret ends: status and sentences."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret, PushSecretStatus
from eso.controllers.conditions import ready, with_condition
from eso.controllers.pushsecret.ledger import Synced
from eso.errors import EsoError

__all__ = [
    "CLEANED_UP",
    "ERRORED",
    "SOURCE_DELETED",
    "SYNCED",
    "Failure",
    "done_message",
    "status_cleaned_up",
    "status_done",
    "status_failed",
]

SYNCED: Final = "Synced"
ERRORED: Final = "Errored"
SOURCE_DELETED: Final = "SourceDeleted"

CLEANED_UP: Final = "source secret deleted; provider secrets cleaned up"
_DONE: Final = "PushSecret synced successfully"
_UNCHANGED: Final = ". Existing secrets in providers unchanged."


class Failure(EsoError):
    """A pass that could not do what it should; the text is the condition's message.

    Attributes:
        synced: what the providers hold now; None leaves the status as it is.
        in_use: whether a provider holds, or may hold, a value of this pass.
    """

    def __init__(self, message: str, *, synced: Synced | None = None, in_use: bool = False) -> None:
        super().__init__(message)
        self.synced = synced
        self.in_use = in_use


def done_message(push: PushSecret) -> str:
    """The message of a pass that succeeded."""
    return _DONE + _UNCHANGED if push.spec.update_policy == "IfNotExists" else _DONE


def status_done(push: PushSecret, synced: Synced, version: str, started: datetime) -> PushSecretStatus:
    """The status after a pass that began at `started` (aware, UTC), when the object had that version, and succeeded."""
    moment = started.replace(microsecond=0)
    condition = ready(True, SYNCED, done_message(push))
    return push.status.model_copy(
        update={
            "conditions": with_condition(push.status.conditions, condition, moment),
            "synced_push_secrets": synced or None,
            "refresh_time": moment,
            "synced_resource_version": version,
        }
    )


def status_failed(push: PushSecret, failure: Failure, started: datetime) -> PushSecretStatus:
    """The status after a pass that failed: it stays due."""
    moment = started.replace(microsecond=0)
    changes: dict[str, Any] = {
        "conditions": with_condition(push.status.conditions, ready(False, ERRORED, str(failure)), moment)
    }
    if failure.synced is not None:
        changes["synced_push_secrets"] = failure.synced or None
    return push.status.model_copy(update=changes)


def status_cleaned_up(push: PushSecret, started: datetime) -> PushSecretStatus:
    """The status when the source is gone and so is everything that came from it."""
    condition = ready(False, SOURCE_DELETED, CLEANED_UP)
    moment = started.replace(microsecond=0)
    return push.status.model_copy(
        update={
            "conditions": with_condition(push.status.conditions, condition, moment),
            "synced_push_secrets": None,
        }
    )
