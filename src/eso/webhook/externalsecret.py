"""Validation of ExternalSecrets."""

from __future__ import annotations

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.transform.validation import duration_violations, external_secret_violations
from eso.webhook.verdict import ALLOWED, Verdict, denied, undecodable

__all__ = ["validate_external_secret"]


async def validate_external_secret(external_secret: ExternalSecret) -> Verdict:
    """Whether the object keeps every rule; a refusal names all that are broken."""
    unreadable = duration_violations(external_secret)
    if unreadable:
        return undecodable("\n".join(unreadable))
    violations = external_secret_violations(external_secret)
    return denied(violations) if violations else ALLOWED
