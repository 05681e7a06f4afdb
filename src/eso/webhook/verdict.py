"""What a validation answers, as the API server reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reconcile.api.admission_v1 import AdmissionResponse, AdmissionStatus

__all__ = ["ALLOWED", "Verdict", "denied", "undecodable"]

_FORBIDDEN: Final = 403
_BAD_REQUEST: Final = 400


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a write may happen.

    Attributes:
        code: HTTP status of a refusal; 0 when the write is allowed.
        message: why it is refused; kubectl shows it.
        warnings: shown by kubectl whatever the verdict.
    """

    code: int = 0
    message: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the write may happen."""
        return self.code == 0

    def to_response(self, uid: str) -> AdmissionResponse:
        """The answer to the request with this uid."""
        return AdmissionResponse(
            uid=uid, allowed=self.allowed, status=self._status(), warnings=list(self.warnings) or None
        )

    def _status(self) -> AdmissionStatus | None:
        if self.allowed:
            return None
        reason = "Forbidden" if self.code == _FORBIDDEN else "BadRequest"
        return AdmissionStatus(code=self.code, message=self.message, reason=reason, status="Failure")


ALLOWED: Final = Verdict()


def denied(violations: Sequence[str]) -> Verdict:
    """A refusal because of rules the object breaks, one a line."""
    return Verdict(_FORBIDDEN, "\n".join(violations))


def undecodable(message: str) -> Verdict:
    """A refusal because the object cannot be read."""
    return Verdict(_BAD_REQUEST, message)
