"""Validation of ExternalSecrets."""

from __future__ import annotations

from collections.abc import Sequence

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.transform.validation import duration_violations, external_secret_violations
from reconcile.webhook.admission import DeniedError

__all__ = ["validate_external_secret"]


async def validate_external_secret(external_secret: ExternalSecret) -> Sequence[str]:
    """Check an object; there are never warnings.

    Raises:
        DeniedError: it breaks rules; the message names all of them, one a line.
    """
    unreadable = duration_violations(external_secret)
    if unreadable:
        raise DeniedError("\n".join(unreadable), code=400)
    violations = external_secret_violations(external_secret)
    if violations:
        raise DeniedError("\n".join(violations))
    return ()
