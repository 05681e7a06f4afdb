"""A live table of stores and what is synced from them; never a value."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.conditions import find
from eso.controllers.externalsecret.grouping import slot_group
from eso.controllers.externalsecret.refresh import next_look
from eso.errors import EsoError
from reconcile.api.model import KubeObject
from reconcile.client.client import Client

__all__ = ["StatusTable"]

_KINDS: tuple[type[KubeObject], ...] = (ClusterSecretStore, SecretStore, ExternalSecret, PushSecret)
_HEADER = ("KIND", "NAMESPACE", "NAME", "READY", "REASON", "LAST SYNC", "NEXT SYNC")
_PAUSE = 0.5
_CLEAR_BELOW = "\x1b[J"

Row = tuple[str, ...]


class StatusTable:
    """Prints the table again whenever it changed; on a terminal in place, elsewhere one line for each change.

    Args:
        client: of the API server.
        out: where to print.
    """

    def __init__(self, client: Client, out: TextIO) -> None:
        self._client = client
        self._out = out
        self._height = 0
        self._said: dict[Row, Row] = {}

    async def run(self, synced: asyncio.Event | None = None) -> None:
        """Print until cancelled; set `synced` once everything is Ready."""
        while True:
            rows = await self._rows(datetime.now(UTC))
            if self._out.isatty():
                self._redraw(rows)
            else:
                self._report(rows)
            if synced is not None and rows and all(row[3] == "True" for row in rows):
                synced.set()
            await asyncio.sleep(_PAUSE)

    async def _rows(self, now: datetime) -> list[Row]:
        rows: list[Row] = []
        for kind in _KINDS:
            for obj in await self._client.list(kind):
                rows.append(_row(obj, now))
        return rows

    def _redraw(self, rows: Sequence[Row]) -> None:
        lines = _aligned([_HEADER, *rows])
        back = f"\x1b[{self._height}A\r{_CLEAR_BELOW}" if self._height else ""
        self._out.write(back + "\n".join(lines) + "\n")
        self._out.flush()
        self._height = len(lines)

    def _report(self, rows: Sequence[Row]) -> None:
        for row in rows:
            # The next sync counts down all the time and is no news.
            news = row[:6]
            if row[3] and self._said.get(row[:3]) != news:
                self._said[row[:3]] = news
                self._out.write("  ".join(part or "-" for part in row) + "\n")
        self._out.flush()


def _row(obj: KubeObject, now: datetime) -> Row:
    status = getattr(obj, "status", None)
    condition = find(getattr(status, "conditions", None))
    synced = getattr(status, "refresh_time", None)
    return (
        obj.resource.kind,
        obj.namespace,
        obj.name,
        condition.status if condition else "",
        condition.reason if condition else "",
        synced.strftime("%H:%M:%S") if synced else "",
        _next(obj, now),
    )


def _next(obj: KubeObject, now: datetime) -> str:
    if not isinstance(obj, ExternalSecret):
        return ""
    try:
        seconds = next_look(obj, now, slot_group(obj))
    except EsoError:
        return ""
    return "" if seconds is None else f"in {seconds:.0f} s"


def _aligned(rows: Sequence[Row]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
