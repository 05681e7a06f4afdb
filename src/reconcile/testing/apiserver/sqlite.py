"""Objects in a SQLite file: every answered write is on disk, several writes share a transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reconcile.testing.apiserver.storage import Change

__all__ = ["SqliteFile"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (resource, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blobs (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""


class SqliteFile:
    """Implements `Durable`. One thread owns the connection, so the event loop never waits for the disk.

    Args:
        path: of the file; made when missing, readable by its owner only because it holds Secrets.
    """

    def __init__(self, path: str) -> None:
        self._pending: list[Change] = []
        self._written: asyncio.Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="apiserver-storage")
        self._connection = self._thread.submit(self._open, path).result()

    @staticmethod
    def _open(path: str) -> sqlite3.Connection:
        file = Path(path)
        file.touch(mode=0o600, exist_ok=True)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(_SCHEMA)
        return connection

    def load(self) -> tuple[int, Iterable[tuple[str, bytes]]]:
        """The highest resourceVersion and every object; reads the whole file once, when the server starts."""

        def read() -> tuple[int, list[tuple[str, bytes]]]:
            row = self._connection.execute("SELECT value FROM counters WHERE name = 'version'").fetchone()
            objects = self._connection.execute("SELECT resource, body FROM objects").fetchall()
            return (row[0] if row else 1), objects

        return self._thread.submit(read).result()

    def blob(self, name: str) -> bytes | None:
        """A value kept beside the objects, such as the signing key."""

        def read() -> bytes | None:
            row = self._connection.execute("SELECT body FROM blobs WHERE name = ?", (name,)).fetchone()
            return row[0] if row else None

        return self._thread.submit(read).result()

    def keep_blob(self, name: str, body: bytes) -> None:
        """Keep a value beside the objects."""

        def write() -> None:
            with self._connection:
                self._connection.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?)", (name, body))

        self._thread.submit(write).result()

    def record(self, change: Change) -> None:
        """Remember a write for the next flush."""
        self._pending.append(change)

    def _write(self, changes: list[Change]) -> None:
        with self._connection:
            for change in changes:
                key = (change.resource, *change.new.key)
                if change.deleted:
                    self._connection.execute("DELETE FROM objects WHERE resource=? AND namespace=? AND name=?", key)
                else:
                    self._connection.execute(
                        "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", (*key, change.new.raw)
                    )
            version = changes[-1].version
            self._connection.execute("INSERT OR REPLACE INTO counters VALUES ('version', ?)", (version,))

    async def flush(self) -> None:
        """Wait until every recorded write is on disk; concurrent callers share a transaction."""
        loop = asyncio.get_running_loop()
        while self._pending or self._written is not None:
            if self._written is None:
                changes, self._pending = self._pending, []
                self._written = loop.run_in_executor(self._thread, self._write, changes)
                self._written.add_done_callback(self._done)
            await asyncio.shield(self._written)

    def _done(self, future: asyncio.Future[None]) -> None:
        self._written = None

    def close(self) -> None:
        """Write what is left and close the file."""
        changes, self._pending = self._pending, []

        def finish() -> None:
            if changes:
                self._write(changes)
            self._connection.close()

        self._thread.submit(finish).result()
        self._thread.shutdown()
