"""Lists and watch events as raw JSON slices: decoded no further than routing them needs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from reconcile.errors import TransportError

__all__ = ["MalformedError", "RawEvent", "RawList", "RawListMeta", "decode_event", "decode_list", "lines"]

_MAX_LINE = 64 * 1024 * 1024


class MalformedError(TransportError):
    """What arrived is not what the Kubernetes API sends: cut off, garbled, or from somebody else."""


class RawListMeta(msgspec.Struct, frozen=True):
    """Version and paging state of a list."""

    resource_version: str = msgspec.field(default="", name="resourceVersion")
    continue_: str = msgspec.field(default="", name="continue")
    remaining: int | None = msgspec.field(default=None, name="remainingItemCount")


class RawList(msgspec.Struct, frozen=True):
    """One page; the items are views into the page's bytes and keep them alive."""

    metadata: RawListMeta = RawListMeta()
    items: list[msgspec.Raw] | None = None


class RawEvent(msgspec.Struct, frozen=True):
    """One line of a watch."""

    type: str
    object: msgspec.Raw


_LIST = msgspec.json.Decoder(RawList)
_EVENT = msgspec.json.Decoder(RawEvent)


def decode_list(body: bytes) -> RawList:
    """One page of a list.

    Raises:
        MalformedError: the body is not a list.
    """
    try:
        return _LIST.decode(body)
    except msgspec.DecodeError as err:
        raise MalformedError("the API server's answer to a list request is not a list in JSON") from err


def decode_event(line: bytes) -> RawEvent:
    """One watch event.

    Raises:
        MalformedError: the line is not an event.
    """
    try:
        return _EVENT.decode(line)
    except msgspec.DecodeError as err:
        raise MalformedError("a line of the watch is not an event in JSON") from err


async def lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The non-empty lines of a chunked body; a last line without its end is cut off and dropped.

    Raises:
        MalformedError: a line grows beyond 64 MiB, far above the largest object etcd takes.
    """
    pending: list[bytes] = []
    size = 0
    async for chunk in chunks:
        head, separator, rest = chunk.partition(b"\n")
        if not separator:
            pending.append(chunk)
            size += len(chunk)
            if size > _MAX_LINE:
                raise MalformedError("a line of the watch is longer than 64 MiB")
            continue
        pending.append(head)
        first = b"".join(pending)
        if first.strip():
            yield first
        *whole, tail = rest.split(b"\n")
        for line in whole:
            if line.strip():
                yield line
        pending, size = ([tail], len(tail)) if tail else ([], 0)
