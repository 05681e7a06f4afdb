"""The webhook's certificate files: awaited at start, exchanged while serving, checked ahead of their end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from reconcile.webhook.certificates import CertificateError
from reconcile.webhook.server import CertificateFiles

__all__ = ["WatchedCertificates"]

_LOG = logging.getLogger("controllers.webhook-certs-updater")

_START_SECONDS: Final = 120.0
"""How long a start waits for certificates. Source: ESO."""
_RETRY_SECONDS: Final = 1.0
READY_AHEAD: Final = timedelta(hours=1)
"""How far ahead a certificate must be valid to serve with it. Source: ESO."""


class WatchedCertificates:
    """Serves what is in a folder, and ends the process when that comes near its end and nobody renews it.

    Args:
        files: the folder, and where its content is served.
        dns_name: the name that the certificate must carry.
        check_interval: seconds between two checks.
        lookahead: seconds for which the certificate must still be valid at a check.
        stop: ends the process, so that a new Pod gets the files anew.
        patience: seconds that a start waits for usable files.
        now: the wall clock.
    """

    def __init__(
        self,
        files: CertificateFiles,
        dns_name: str,
        *,
        check_interval: float,
        lookahead: float,
        stop: Callable[[], None],
        patience: float = _START_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._files = files
        self._dns_name = dns_name
        self._check_interval = check_interval
        self._lookahead = timedelta(seconds=lookahead)
        self._stop = stop
        self._patience = patience
        self._now = now

    def problem(self) -> str | None:
        """A ready check: what is wrong with the files for the next hour, None when all is well."""
        return self._files.problem(self._dns_name, ahead=READY_AHEAD, now=self._now())

    async def run(self) -> None:
        """Wait for usable files, then serve and check them until cancelled.

        Raises:
            CertificateError: there were none in time.
        """
        await self._wait_usable()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._files.run(), name="certificate-files")
            group.create_task(self._check(), name="certificate-check")

    async def _wait_usable(self) -> None:
        problem = said = None
        try:
            async with asyncio.timeout(self._patience):
                while (problem := await asyncio.to_thread(self.problem)) is not None:
                    if problem != said:
                        _LOG.info("waiting for certificates: %s", problem)
                        said = problem
                    await asyncio.sleep(_RETRY_SECONDS)
        except TimeoutError as err:
            raise CertificateError(f"no usable certificates within {self._patience:g} s: {problem}") from err

    async def _check(self) -> None:
        long_lived = warned = False
        while True:
            problem = await asyncio.to_thread(self._problem_ahead)
            if problem is None:
                long_lived, warned = True, False
            elif long_lived or await asyncio.to_thread(self.problem) is not None:
                _LOG.warning("the certificates are not renewed, stopping: %s", problem)
                self._stop()
                return
            elif not warned:
                # Issued for less than the lookahead: a restart would find the same, so it would never end.
                _LOG.warning("the certificates live shorter than --lookahead-interval asks for: %s", problem)
                warned = True
            await asyncio.sleep(self._check_interval)

    def _problem_ahead(self) -> str | None:
        return self._files.problem(self._dns_name, ahead=self._lookahead, now=self._now())
