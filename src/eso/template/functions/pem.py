"""PEM blocks, found and written as Go's encoding/pem does."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from eso.template.functions.encoding import DecodeError, decode_base64_bytes
from eso.template.gotext.values import from_bytes

__all__ = ["CERTIFICATE", "PRIVATE_KEY", "Block", "blocks", "encode", "first_block"]

CERTIFICATE: Final = b"CERTIFICATE"
PRIVATE_KEY: Final = b"PRIVATE KEY"

_BEGIN: Final = b"-----BEGIN "
_END: Final = b"\n-----END "
_DASHES: Final = b"-----"
_COLUMNS: Final = 64


@dataclass(slots=True)
class Block:
    """One block.

    Attributes:
        label: what stands between BEGIN and the dashes.
        content: the decoded bytes.
        headers: of old encrypted keys and the like.
    """

    label: bytes
    content: bytes
    headers: dict[bytes, bytes] = field(default_factory=dict)


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    """The line at a position without white space at its end, and where the next one starts."""
    end = data.find(b"\n", at)
    if end < 0:
        return data[at:].rstrip(b" \t"), len(data)
    return data[at:end].removesuffix(b"\r").rstrip(b" \t"), end + 1


def _headers(data: bytes, at: int) -> tuple[dict[bytes, bytes], int]:
    """The lines `Key: value` at a position, and where the first other line starts; the end of the data for none."""
    headers: dict[bytes, bytes] = {}
    while at < len(data):
        line, following = _line(data, at)
        key, colon, value = line.partition(b":")
        if not colon:
            break
        headers[key.strip()] = value.strip()
        at = following
    return headers, at


def _is_trailer(data: bytes, at: int, label: bytes) -> bool:
    """Whether the END line goes on with the label of the BEGIN line, dashes, and nothing else."""
    expected = label + _DASHES
    return data.startswith(expected, at) and not _line(data, at + len(expected))[0]


def _content(data: bytes) -> bytes | None:
    try:
        return decode_base64_bytes(data.translate(None, b" \t"))
    except DecodeError:
        return None


def _next(data: bytes, start: int) -> tuple[Block | None, int]:
    """The first good block at or behind a position and where the data goes on; the position itself for none."""
    searched = start
    while True:
        end = data.find(_END, searched)
        if end < 0:
            return None, start
        trailer = end + len(_END)
        # The last BEGIN before an END counts, so that one without an END does no harm.
        begin = data.rfind(_BEGIN, searched, end)
        on_own_line = begin == searched or data[begin - 1 : begin] == b"\n"
        searched = trailer
        if begin < 0 or not on_own_line:
            continue
        line, at = _line(data, begin + len(_BEGIN))
        if line.endswith(_DASHES):
            label = line.removesuffix(_DASHES)
            headers, at = _headers(data, at)
            if at >= len(data):
                return None, start
            content = _content(data[at:end]) if end > at else None if headers and end < at else b""
            if content is not None and _is_trailer(data, trailer, label):
                return Block(label, content, headers), _line(data, trailer - 1)[1]
        if trailer < at:
            return None, start


def blocks(text: bytes) -> Iterator[tuple[Block, bytes]]:
    """Each good block with the bytes behind it; what cannot be decoded is skipped."""
    block, at = _next(text, 0)
    while block is not None:
        yield block, text[at:]
        block, at = _next(text, at)


def first_block(text: bytes) -> Block | None:
    """The first good block."""
    return _next(text, 0)[0]


def encode(label: bytes, content: bytes, headers: dict[bytes, bytes] | None = None) -> str:
    """A block as text, in lines of 64 columns."""
    lines = [_BEGIN + label + _DASHES]
    if headers:
        names = sorted(headers, key=lambda name: (name != b"Proc-Type", name))
        lines += [name + b": " + headers[name] for name in names] + [b""]
    body = base64.b64encode(content)
    lines += [body[at : at + _COLUMNS] for at in range(0, len(body), _COLUMNS)]
    lines += [_END[1:] + label + _DASHES, b""]
    return from_bytes(b"\n".join(lines))
