"""Entries of a payload, as JSON and as a map."""

from __future__ import annotations

from eso.providers.payload import Entry, as_json, as_map

ENTRIES = [Entry("b", "<text>"), Entry("a", b"\xff\x00"), Entry("text-bytes", b"text"), Entry("b", "last")]


def test_texts_stay_texts_and_bytes_become_base64() -> None:
    assert as_json(ENTRIES).reveal() == b'{"a":"/wA=","b":"last","text-bytes":"dGV4dA=="}'
    assert as_json([Entry("k", "<&>")]).reveal() == rb'{"k":"\u003c\u0026\u003e"}'
    assert as_json([]).reveal() == b"{}"


def test_a_map_has_the_bytes_themselves() -> None:
    assert {key: value.reveal() for key, value in as_map(ENTRIES).items()} == {
        "b": b"last",
        "a": b"\xff\x00",
        "text-bytes": b"text",
    }


def test_an_entry_does_not_tell_its_value() -> None:
    assert "text" not in repr(ENTRIES[0])
    assert repr(ENTRIES[0]) == "Entry('b')"
