"""ASN.1 in DER, as much as PKCS#12 needs."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["children", "element_end", "explicit", "integer", "octets", "oid", "sequence", "set_of", "tagged"]


def tagged(tag: int, content: bytes) -> bytes:
    """A value with its tag and length."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE."""
    return tagged(0x30, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    """A SET OF, in the order that DER asks for."""
    return tagged(0x31, b"".join(sorted(parts)))


def explicit(number: int, content: bytes) -> bytes:
    """A value inside a context tag."""
    return tagged(0xA0 | number, content)


def octets(content: bytes) -> bytes:
    """An OCTET STRING."""
    return tagged(0x04, content)


def integer(number: int) -> bytes:
    """A non-negative INTEGER."""
    return tagged(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _base128(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | (number & 0x7F))
    return bytes(reversed(groups))


def oid(text: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted form."""
    first, second, *rest = [int(part) for part in text.split(".")]
    return tagged(0x06, b"".join([_base128(number) for number in (first * 40 + second, *rest)]))


def element_end(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at a position starts, and where the element ends.

    Raises:
        ValueError: there is no whole element.
    """
    if len(data) < at + 2:
        raise ValueError("DER ends too early")
    start, length = at + 2, data[at + 1]
    if length >= 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    if start + length > len(data):
        raise ValueError("DER ends too early")
    return start, start + length


def children(data: bytes) -> Iterator[bytes]:
    """The elements inside the element that the data begins with, each with its tag and length.

    Raises:
        ValueError: one of them is not whole.
    """
    at, end = element_end(data, 0)
    while at < end:
        _, following = element_end(data, at)
        yield data[at:following]
        at = following
