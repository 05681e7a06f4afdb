"""Key conversion and validation, decoding, null bytes, JSON and numbers as Go writes them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eso.errors import EsoError, InvalidSpecError
from eso.transform.conversion import convert_keys, reverse_keys
from eso.transform.decoding import decode, decode_all
from eso.transform.find import name_matcher, tags_match
from eso.transform.gojson import byte_value, dumps, loads
from eso.transform.keys import check_null_bytes, check_null_bytes_in, valid_keys
from eso.transform.property import raw_map, split_map
from eso.transform.sjson import delete, set_string


@pytest.mark.parametrize(
    ("key", "default", "unicode"),
    [
        ("plain-Key_1.x", "plain-Key_1.x", "plain-Key_1.x"),
        ("a/b", "a_b", "a_U002f_b"),
        ("[", "_", "_U005b_"),
        ("😀", "_", "_U1f600_"),
        ("é٣", "é٣", "é٣"),
        ("a b:c", "a_b_c", "a_U0020_b_U003a_c"),
    ],
)
def test_conversion(key: str, default: str, unicode: str) -> None:
    assert convert_keys({key: 1}, "Default") == convert_keys({key: 1}, "") == {default: 1}
    assert convert_keys({key: 1}, "Unicode") == {unicode: 1}
    assert reverse_keys({unicode: 1}, "ReverseUnicode") == {key: 1}
    assert reverse_keys({unicode: 1}, "None") == {unicode: 1}


def test_conversion_collisions() -> None:
    with pytest.raises(EsoError, match=r"^secret name collision during conversion: a_b$"):
        convert_keys({"a/b": 1, "a:b": 2}, "Default")
    with pytest.raises(EsoError, match=r"^secret name collision during conversion: /$"):
        reverse_keys({"_U002f_": 1, "/": 2}, "ReverseUnicode")


@pytest.mark.parametrize("function", [convert_keys, reverse_keys])
def test_unknown_conversion(function: object) -> None:
    with pytest.raises(InvalidSpecError):
        function({"a": 1}, "Rot13")  # type: ignore[operator]


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.integers(), max_size=5))
def test_unicode_conversion_makes_valid_keys(data: dict[str, int]) -> None:
    converted = convert_keys({key.replace("_", ""): value for key, value in data.items()}, "Unicode")
    assert all(
        len(key.encode("utf-8", "surrogateescape")) > 253 or valid_keys({key: 1}) or not key for key in converted
    )


def test_key_validation() -> None:
    assert valid_keys({"": 1, "a.b-c_D": 2, "é": 3}) == {"a.b-c_D": 2, "é": 3}
    with pytest.raises(EsoError, match="254 but max is 253"):
        valid_keys({"a" * 254: 1})
    with pytest.raises(EsoError, match="254 but max is 253"):
        valid_keys({"é" * 127: 1})
    with pytest.raises(EsoError, match="invalid character /"):
        valid_keys({"a/b": 1})


@pytest.mark.parametrize(
    ("strategy", "value", "result"),
    [
        ("", b"YQ==", b"YQ=="),
        ("None", b"YQ==", b"YQ=="),
        ("Base64", b"YQ==", b"a"),
        ("Base64", b"Y\nQ\r\n==", b"a"),
        ("Base64", b"", b""),
        ("Base64", b"+/+/", b"\xfb\xff\xbf"),
        ("Base64URL", b"-_-_", b"\xfb\xff\xbf"),
        ("Auto", b"YQ==", b"a"),
        ("Auto", b"-_-_", b"\xfb\xff\xbf"),
        ("Auto", b"not base64!", b"not base64!"),
        ("Auto", b"YQ", b"YQ"),
    ],
)
def test_decoding(strategy: str, value: bytes, result: bytes) -> None:
    assert decode(value, strategy) == result


@pytest.mark.parametrize(
    ("strategy", "value"),
    [("Base64", b"YQ"), ("Base64", b"-_-_"), ("Base64", b"Y Q=="), ("Base64URL", b"+/+/"), ("Base64", b"YQ==YQ==")],
)
def test_decoding_that_fails_names_the_key_and_not_the_value(strategy: str, value: bytes) -> None:
    with pytest.raises(EsoError) as caught:
        decode_all({"k": value}, strategy)
    assert str(caught.value) == "failure decoding key k: illegal base64 data"


def test_unknown_decoding() -> None:
    with pytest.raises(InvalidSpecError, match="failure decoding key k: decoding strategy Rot13 is not supported"):
        decode_all({"k": b""}, "Rot13")


def test_null_bytes() -> None:
    check_null_bytes("k", b"a\0b", "")
    check_null_bytes("k", b"a\0b", "Ignore")
    check_null_bytes("k", b"ab", "Fail")
    with pytest.raises(EsoError, match=r'^fetched secret value for key "b" contains null bytes; '):
        check_null_bytes_in({"c": b"\0", "b": b"\0", "a": b""}, "Fail")
    with pytest.raises(InvalidSpecError):
        check_null_bytes("k", b"", "Sometimes")


@pytest.mark.parametrize(
    ("value", "html", "plain"),
    [
        ({"b": 1, "a": [True, None, 1.5]}, '{"a":[true,null,1.5],"b":1}', '{"a":[true,null,1.5],"b":1}'),
        ("<&>", '"\\u003c\\u0026\\u003e"', '"<&>"'),
        ("\u2028\u2029", '"\\u2028\\u2029"', '"\\u2028\\u2029"'),
        ('\b\f\n\r\t\x01"\\', '"\\b\\f\\n\\r\\t\\u0001\\"\\\\"', '"\\b\\f\\n\\r\\t\\u0001\\"\\\\"'),
        (b"a\xffb", '"a\\ufffdb"', '"a\\ufffdb"'),
        (b"\xe2\x82", '"\\ufffd\\ufffd"', '"\\ufffd\\ufffd"'),
        ("a\ufffdb", '"a\ufffdb"', '"a\ufffdb"'),
        (1e21, "1e+21", "1e+21"),
        (1e20, "100000000000000000000", "100000000000000000000"),
        (1e-7, "1e-7", "1e-7"),
        (0.000001, "0.000001", "0.000001"),
        ({}, "{}", "{}"),
        ([], "[]", "[]"),
    ],
)
def test_go_json(value: object, html: str, plain: str) -> None:
    assert (dumps(value), dumps(value, escape_html=False)) == (html, plain)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_go_json_reads_back(value: object) -> None:
    assert json.loads(dumps(value), parse_int=float) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_json_cannot_express(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        dumps(value)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("text", b"text"),
        (b"\xff", b"\xff"),
        (None, b""),
        (True, b"true"),
        (3, b"3"),
        (1.5, b"1.5"),
        (1e21, b"1000000000000000000000"),
        (["a", "<"], b'["a","\\u003c"]'),
        ([], b"[]"),
        (("a", "b"), b"a\nb"),
        ([1, "b"], b'[1,"b"]'),
        ({"b": "<"}, b'{"b":"\\u003c"}'),
    ],
)
def test_byte_value(value: object, result: bytes) -> None:
    assert byte_value(value) == result


def test_exact_numbers_keep_their_digits() -> None:
    assert dumps(loads(b'{"a":1.50,"b":12345678901234567890}', exact=True)) == '{"a":1.50,"b":12345678901234567890}'


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        (r'"\ud83d\ude00"', "😀"),
        (r'"\uD83D\uDE00x"', "😀x"),
        (r'"\ud800"', "\ufffd"),
        (r'"\udc80x"', "\ufffdx"),
        (r'"\ud800\ud83d\ude00\ude00"', "\ufffd😀\ufffd"),
        (r'"\\ud800"', r"\ud800"),
        (r'{"\ud800":"\n\"\ud8ff"}', {"\ufffd": '\n"\ufffd'}),
    ],
)
def test_half_of_a_surrogate_pair_is_no_character(document: str, wanted: object) -> None:
    assert loads(document) == loads(document.encode(), exact=True) == wanted
    assert dumps(loads(document))


@pytest.mark.parametrize("number", ["1e400", "-1e309", "9" * 400])
def test_a_number_that_no_float_can_hold(number: str) -> None:
    with pytest.raises(ValueError, match="not valid JSON"):
        loads(f'{{"a": {number}}}')
    assert dumps(loads(f'{{"a": {number}}}', exact=True)) == f'{{"a":{number}}}'


@pytest.mark.parametrize("document", ['{"password": "hidden"', "[" * 100_000])
def test_an_error_of_json_does_not_hold_the_document(document: str) -> None:
    with pytest.raises(ValueError, match="not valid JSON") as caught:
        loads(document)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("document", [r'"\ud8"', r'"\ud8"}"', r'"\ud80', '"\\ud8\n0"'])
def test_escapes_that_are_none(document: str) -> None:
    with pytest.raises(ValueError, match="not valid JSON"):
        loads(document)


@pytest.mark.parametrize(
    ("document", "members"),
    [
        (
            b'{"a":"x","b":1.50,"c":{"d": [1, 2]},"e":null,"f":true}',
            {"a": b"x", "b": b"1.50", "c": b'{"d": [1, 2]}', "e": b"", "f": b"true"},
        ),
        (b' { "a" : "\\u00e9\\n" , "b":"" } ', {"a": "é\n".encode(), "b": b""}),
        (b'{"a":1,"a":"2"}', {"a": b"2"}),
        (b"{}", {}),
        (b"null", {}),
    ],
)
def test_split_map(document: bytes, members: dict[str, bytes]) -> None:
    assert split_map(document) == members


@pytest.mark.parametrize(
    ("document", "members"),
    [
        (b'{"a":"x\\n", "b" : 1.50 ,"c":{"d": [1, 2]},"e":null}', [b'"x\\n"', b"1.50", b'{"d": [1, 2]}', b"null"]),
        (b'{"a":1,"a":"2"}', [b'"2"']),
        (b"null", []),
    ],
)
def test_raw_map(document: bytes, members: list[bytes]) -> None:
    assert list(raw_map(document).values()) == members


@pytest.mark.parametrize(
    "document", [b"[1]", b'"hunter2"', b"hunter2", b"", b'{"a":hunter2}', b'{"a":NaN}', b"[" * 100_000]
)
def test_split_map_refuses_without_showing(document: bytes) -> None:
    for read in (split_map, raw_map):
        with pytest.raises(ValueError, match="not") as caught:
            read(document)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "path", "result"),
    [
        (b"", "a", b'{"a":"v"}'),
        (b"plain text", "a.b", b'{"a":{"b":"v"}}'),
        (b'{"a":1, "b":2}', "a", b'{"a":"v", "b":2}'),
        (b'{"a":1}', "b.c", b'{"a":1,"b":{"c":"v"}}'),
        (b'{"a.b":1}', "a\\.b", b'{"a.b":"v"}'),
        (b'{"a":[1,2]}', "a.1", b'{"a":[1,"v"]}'),
        (b'{"a":[1]}', "a.-1", b'{"a":[1,"v"]}'),
        (b'{"a":[1]}', "a.3", b'{"a":[1,null,null,"v"]}'),
        (b'{"x@y":1}', "x@y", b'{"x@y":"v"}'),
        (b"{}", "x@y#z", b'{"x@y#z":"v"}'),
        (b"{}", "0.1", b'{"0":[null,"v"]}'),
        (b"{}", ":0.:1", b'{"0":{"1":"v"}}'),
        (b"{}", "\\", b'{"":"v"}'),
        (b'{"a":1}', "a.b\\", b'{"a":{"b":"v"}}'),
        (b"{}", "a.", b'{"a":{"":"v"}}'),
    ],
)
def test_set(document: bytes, path: str, result: bytes) -> None:
    assert set_string(document, path, b"v") == result


@given(st.text(alphabet=".\\\\:ab10-|#@", min_size=1, max_size=8))
def test_any_path_leaves_json(path: str) -> None:
    for document in (b"{}", b"[1]", b'{"a":{"b":[1]},"":{"":1}}'):
        try:
            json.loads(set_string(document, path, b"v"))
        except ValueError as err:
            assert "array" in str(err), path
        json.loads(delete(document, path))


def test_set_escapes_the_value() -> None:
    assert json.loads(set_string(b"{}", "a", b'\xff"<\n')) == {"a": '\ufffd"<\n'}


@pytest.mark.parametrize(("document", "path"), [(b"{}", ""), (b"[1]", "a"), (b"{}", "a.999999999999")])
def test_set_refuses(document: bytes, path: str) -> None:
    with pytest.raises(ValueError, match=r"path|array"):
        set_string(document, path, b"v")


@pytest.mark.parametrize(
    ("document", "path", "result"),
    [
        (b'{"a":1,"b":2}', "a", b'{"b":2}'),
        (b'{"a":1,"b":2}', "b", b'{"a":1}'),
        (b'{"a":1}', "a", b"{}"),
        (b'{"a":{"b":1,"c":2}}', "a.b", b'{"a":{"c":2}}'),
        (b'{"a":[1,2,3]}', "a.-1", b'{"a":[1,2]}'),
        (b'{"a":[1,2,3]}', "a.0", b'{"a":[2,3]}'),
        (b'{"a":1}', "x.y", b'{"a":1}'),
        (b"text", "a", b"text"),
    ],
)
def test_delete(document: bytes, path: str, result: bytes) -> None:
    assert delete(document, path) == result


def test_find() -> None:
    assert name_matcher("b").search("abc")
    assert not name_matcher("^b").search("abc")
    with pytest.raises(InvalidSpecError, match=r"could not compile find.name.regexp \[\(\]"):
        name_matcher("(")
    assert tags_match({}, {}) and tags_match({"a": "1"}, {"a": "1", "b": "2"})
    assert not tags_match({"a": "1"}, {"a": "2"})
