"""What the long-running processes share: how metrics are served, and how a process starts and ends."""

from __future__ import annotations

import importlib
import logging
import ssl
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from eso.cli.logs import configure_logs
from eso.cli.loops import run
from eso.settings import MetricsSettings
from reconcile.errors import ReconcileError
from reconcile.manager import Runnable

__all__ = ["MetricsTLS", "metrics_tls", "start", "utc_now"]

_LOG = logging.getLogger("setup")

MetricsTLS = tuple[ssl.SSLContext | None, Runnable | None]
"""The TLS side of the metrics server, and what keeps its certificate fresh, if anything must."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def metrics_tls(settings: MetricsSettings) -> MetricsTLS:
    """How metrics are served: over plain HTTP, with the certificate in a folder, or with one made now.

    Run the files with the manager: they follow what is in the folder.

    Raises:
        CertificateError: the files are missing or do not fit.
    """
    if not settings.metrics_secure:
        return None, None
    module = importlib.import_module("eso.cli.metricscertificate")
    made: MetricsTLS = module.serving_certificate(settings, utc_now())
    return made


def start(
    operate: Callable[[], Coroutine[Any, Any, None]], metrics: MetricsSettings, loglevel: str, time_encoding: str
) -> int:
    """Run a process until a signal; 0 after a clean stop, 1 when it could not start or lost the lease.

    Args:
        operate: everything that the process does.
        metrics: the flags that are checked for all processes.
        loglevel: the flag.
        time_encoding: the flag.
    """
    try:
        configure_logs(loglevel, time_encoding)
    except ValueError as err:
        print(err, file=sys.stderr)
        return 1
    if metrics.metrics_auth and not metrics.metrics_secure:
        _LOG.error("--metrics-auth requires --metrics-secure; bearer tokens over plaintext HTTP is not allowed")
        return 1
    try:
        run(operate())
    except (ReconcileError, OSError, ValueError) as err:
        _LOG.error("%s", err)
        return 1
    return 0
