"""Logs of the processes: JSON with zap's field names in a cluster, colours on a terminal."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from eso.cli.tracebacks import exception_stacks, write_exception
from reconcile.log import current_request

__all__ = ["LEVELS", "TIME_ENCODINGS", "configure_logs"]

# zap's level names; the panic levels exist for compatibility and log only what is critical.
LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "dpanic": logging.CRITICAL,
    "panic": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}
_NAMES: Final = {"warning": "warn", "critical": "fatal"}


def _iso(moment: float, digits: int) -> str:
    text = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text[: len(text) - 6 + digits].rstrip(".") + "Z"


TIME_ENCODINGS: Final[dict[str, Callable[[float], float | int | str]]] = {
    "epoch": lambda moment: moment,
    "millis": lambda moment: moment * 1e3,
    "nano": lambda moment: int(moment * 1e9),
    "iso8601": lambda moment: _iso(moment, 3),
    "rfc3339": lambda moment: _iso(moment, 0),
    "rfc3339nano": lambda moment: _iso(moment, 6),
}
# What zap's parser takes besides: empty means the default, and `nanos` is its own word for what ESO's help calls `nano`.
_LEVEL_ALIASES: Final = {"": "info", "warning": "warn"}
_ENCODING_ALIASES: Final = {"": "epoch", "nanos": "nano"}


def _timestamp(encode: Callable[[float], Any]) -> Processor:
    def stamp(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        record = event.get("_record")
        event["ts"] = encode(record.created if record is not None else time.time())
        return event

    return stamp


def _zap_names(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    level = event.get("level", "info")
    event["level"] = _NAMES.get(level, level)
    event["msg"] = event.pop("event", "")
    return event


def _request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The object being reconciled."""
    identity = current_request()
    if identity is not None:
        event.setdefault("controller", identity.controller)
        event.setdefault("object", str(identity.request))
    return event


def _without_objects(record: logging.LogRecord) -> bool:
    """Keep the first line of what asyncio says.

    The lines after it describe the task or callback, with the text of its exception or its result, which may hold anything.
    """
    record.msg, _, _ = record.getMessage().partition("\n")
    record.args = ()
    return True


def configure_logs(level: str, time_encoding: str, stream: TextIO | None = None) -> None:
    """Route every log record of this process, libraries included, to one stream.

    Args:
        level: a name in `LEVELS`, in any case; empty means `info`.
        time_encoding: a name in `TIME_ENCODINGS`, in any case; empty means `epoch`.
        stream: standard error when absent; coloured lines when it is a terminal.

    Raises:
        ValueError: an unknown name; the message is ESO's.
    """
    threshold = LEVELS.get(_LEVEL_ALIASES.get(level.lower(), level.lower()))
    if threshold is None:
        raise ValueError(f'error unmarshalling loglevel: unrecognized level: "{level}"')
    encode = TIME_ENCODINGS.get(_ENCODING_ALIASES.get(time_encoding.lower(), time_encoding.lower()))
    if encode is None:
        raise ValueError(f'error unmarshalling timeEncoding: unrecognized encoding: "{time_encoding}"')
    out = stream if stream is not None else sys.stderr
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _request,
        _timestamp(encode),
    ]
    final: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if out.isatty():
        final.append(structlog.dev.ConsoleRenderer(exception_formatter=write_exception))
    else:
        frames = structlog.processors.ExceptionRenderer(exception_stacks)
        final += [frames, _zap_names, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    # Request lines of libraries say nothing an operator needs, and some print URLs with tokens.
    for chatty in (
        "aiohttp.access",
        "botocore",
        "aiobotocore",
        "azure",
        "urllib3",
        "hvac",
        "google",
        "grpc",
        "asyncio",
    ):
        logging.getLogger(chatty).setLevel(max(threshold, logging.WARNING))
    loop_log = logging.getLogger("asyncio")
    if _without_objects not in loop_log.filters:
        loop_log.addFilter(_without_objects)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
