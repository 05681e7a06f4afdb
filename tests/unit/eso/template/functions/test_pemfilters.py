"""Picking blocks and certificates out of PEM text, as Go finds them."""

from __future__ import annotations

import pytest

from eso.template.functions.pem import blocks, encode
from eso.template.gotext.function import FunctionError
from tests.support.certificates import PEM, call

LEAF, INTER, ROOT, SELF = (PEM[name] for name in ("leaf", "inter", "root", "self"))
HEADERS = "-----BEGIN A-----\nb: c\nProc-Type: 4\n\nAAAA\n-----END A-----\n"


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        ("CERTIFICATE", LEAF + PEM["ec8"] + ROOT, LEAF + ROOT),
        ("certificate", LEAF, LEAF),
        ("PRIVATE KEY", LEAF + PEM["ec8"], PEM["ec8"]),
        ("PRIVATE KEY", PEM["ec1"], ""),
        ("CERTIFICATE", "junk\n" + LEAF + "junk", LEAF),
        ("CERTIFICATE", "", ""),
        ("CERTIFICATE", LEAF.replace("\n", "\r\n"), LEAF),
        ("A", "-----BEGIN A-----  \nAA AA\n-----END A-----  \n", "-----BEGIN A-----\nAAAA\n-----END A-----\n"),
        ("A", HEADERS, "-----BEGIN A-----\nProc-Type: 4\nb: c\n\nAAAA\n-----END A-----\n"),
        ("A", "-----BEGIN A-----\n-----END A-----\n", "-----BEGIN A-----\n-----END A-----\n"),
        (
            "B",
            "-----BEGIN A-----\n-----BEGIN B-----\nAAAA\n-----END B-----\n",
            "-----BEGIN B-----\nAAAA\n-----END B-----\n",
        ),
    ],
)
def test_filter_pem(label: str, text: str, expected: str) -> None:
    assert call("filterPEM", label, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "junk",
        PEM["ec1"] + "\n",
        "x" + LEAF,
        LEAF.replace("MII", "!!!", 1),
        "-----BEGIN A-----\nAAAA\n-----END B-----\n",
        "-----BEGIN A-----\nAAAA\n-----END A----- x\n",
        "-----BEGIN A-----\nk: v\n-----END A-----\n",
        "-----BEGIN A-----",
        "-----END A-----\n",
    ],
)
def test_filter_pem_finds_junk(text: str) -> None:
    with pytest.raises(FunctionError, match="found junk"):
        call("filterPEM", "CERTIFICATE", text)


def test_blocks_tell_what_is_left() -> None:
    [(block, rest)] = blocks(b"x\n-----BEGIN A-----\nAAAA\n-----END A-----\ny")
    assert (block.label, block.content, rest) == (b"A", b"\0\0\0", b"y")
    assert encode(block.label, block.content) == "-----BEGIN A-----\nAAAA\n-----END A-----\n"


@pytest.mark.parametrize("order", [(LEAF, INTER, ROOT), (ROOT, INTER, LEAF), (INTER, LEAF, ROOT)])
@pytest.mark.parametrize(("part", "expected"), [("leaf", LEAF), ("intermediate", INTER), ("root", ROOT), ("Leaf", "")])
def test_chain(order: tuple[str, ...], part: str, expected: str) -> None:
    assert call("filterCertChain", part, "".join(order)) == expected


@pytest.mark.parametrize(
    ("part", "text", "expected"),
    [
        ("leaf", SELF, ""),
        ("root", SELF, SELF),
        ("intermediate", SELF, ""),
        ("root", LEAF + INTER, ""),
        ("leaf", "x\n" + LEAF, LEAF),
    ],
)
def test_partial_chain(part: str, text: str, expected: str) -> None:
    assert call("filterCertChain", part, text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no leaf certificate found"),
        (LEAF + ROOT, "disjunct"),
        (LEAF + LEAF, "disjunct"),
        (SELF + SELF, "no leaf certificate found"),
        (PEM["ec8"], "malformed certificate"),
    ],
)
def test_no_chain(text: str, reason: str) -> None:
    with pytest.raises(FunctionError, match=reason):
        call("filterCertChain", "leaf", text)


def test_sans() -> None:
    expected = ["a.example", "*.b.example", "10.0.0.1", "2001:db8::1", "a@b.c", "spiffe://x/y?z=1"]
    assert call("certSANs", "junk\n" + LEAF + ROOT) == expected
    assert call("certSANs", ROOT) == []


@pytest.mark.parametrize(
    ("text", "reason"), [("", "failed to decode PEM"), (PEM["rsa8"], "failed to parse certificate")]
)
def test_no_sans(text: str, reason: str) -> None:
    with pytest.raises(FunctionError, match=reason):
        call("certSANs", text)
