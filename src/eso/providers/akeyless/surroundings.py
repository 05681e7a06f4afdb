"""What the operator finds where it runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from eso.identity.gcp import GoogleEndpoints

__all__ = ["Surroundings"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the operator runs; tests put servers and settings of their own here.

    Attributes:
        imds: base URL of Azure's instance metadata service.
        google: of Google's services; None for those that the environment names.
        environ: of the process.
        now: the wall clock.
        pause: seconds before Azure's metadata service is asked a second time; before the third twice as long, and so on.
    """

    imds: str = "http://169.254.169.254"
    google: GoogleEndpoints | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = _utc_now
    pause: float = 1.0
