"""Contract: operations, sections 1.1 and 10: names of levels and of time encodings, and what a line looks like."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from eso.cli.logs import configure_logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("level", "threshold"),
    [
        ("debug", logging.DEBUG),
        ("INFO", logging.INFO),
        ("", logging.INFO),
        ("Warn", logging.WARNING),
        ("warning", logging.WARNING),
        ("error", logging.ERROR),
        ("dpanic", logging.CRITICAL),
        ("fatal", logging.CRITICAL),
    ],
)
def test_levels_in_any_case(level: str, threshold: int) -> None:
    configure_logs(level, "epoch", io.StringIO())
    assert logging.getLogger().level == threshold


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("epoch", 1700000000.5),
        ("", 1700000000.5),
        ("millis", 1700000000500.0),
        ("nano", 1700000000500000000),
        ("nanos", 1700000000500000000),
        ("iso8601", "2023-11-14T22:13:20.500Z"),
        ("ISO8601", "2023-11-14T22:13:20.500Z"),
        ("RFC3339", "2023-11-14T22:13:20Z"),
        ("RFC3339Nano", "2023-11-14T22:13:20.500000Z"),
    ],
)
def test_times(encoding: str, shown: object) -> None:
    stream = io.StringIO()
    configure_logs("info", encoding, stream)
    record = logging.LogRecord("setup", logging.WARNING, "", 0, "%s started", ("it",), None)
    record.created = 1700000000.5
    logging.getLogger().handle(record)
    assert json.loads(stream.getvalue()) == {"level": "warn", "ts": shown, "logger": "setup", "msg": "it started"}


@pytest.mark.parametrize(
    ("level", "encoding", "message"),
    [
        ("loud", "epoch", 'error unmarshalling loglevel: unrecognized level: "loud"'),
        ("info", "sundial", 'error unmarshalling timeEncoding: unrecognized encoding: "sundial"'),
    ],
)
def test_other_names_are_refused(level: str, encoding: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        configure_logs(level, encoding, io.StringIO())
