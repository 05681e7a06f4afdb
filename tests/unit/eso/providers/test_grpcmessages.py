"""Messages from definitions, byte for byte what generated code writes."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError

from eso.providers.grpcmessages import message_types

DEFINITION = """
message Place { string folder = 1; string name = 2; }
message Request {
    oneof where { string id = 1; Place place = 2; }
    int32 depth = 3;
    int64 seconds = 4;
    bool deep = 5;
    string version = 21;
}
message Answer { map<string, bytes> entries = 3; repeated string chain = 4; repeated Place places = 5; }
"""
TYPES = message_types("acme.v1", DEFINITION)


def test_what_is_written() -> None:
    request = TYPES["Request"](place={"folder": "f", "name": "n"}, depth=-1, seconds=300, deep=True, version="v")
    # Of code that protoc generated from the same definition.
    written = b"\x12\x06\n\x01f\x12\x01n\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01 \xac\x02(\x01\xaa\x01\x01v"
    assert request.SerializeToString() == written
    assert request.WhichOneof("where") == "place"


def test_what_is_read() -> None:
    answer = TYPES["Answer"].FromString(b'\x1a\x06\n\x01k\x12\x01\xff"\x01a"\x01b*\x03\n\x01f\x32\x01x')
    assert dict(answer.entries) == {"k": b"\xff"}
    assert list(answer.chain) == ["a", "b"]
    assert [place.folder for place in answer.places] == ["f"]
    with pytest.raises(DecodeError):
        TYPES["Answer"].FromString(b'"\x01\xff')


def test_names_do_not_clash_with_those_of_others() -> None:
    assert message_types("acme.v1", "message Place { bytes other = 1; }")["Place"](other=b"\xff").other == b"\xff"


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ("enum State { }", "'enum' where 'message'"),
        ("message A ( )", "cannot be read"),
        ("message A { string a 1; }", "'1' where '='"),
        ("message A { string a = 1;", "A does not end"),
        ("message A { map<string string> a = 1; }", "'string' where ','"),
    ],
)
def test_definitions_that_are_none(definition: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        message_types("acme.v1", definition)
