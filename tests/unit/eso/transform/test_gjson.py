"""Every rule of the GJSON syntax; the answers are those of tidwall/gjson v1.18."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eso.transform.property import escaped_first, path_first, value_at

DOCUMENT = r"""{"name":{"first":"Tom","last":"Anderson"},"age":37,"children":["Sara","Alex","Jack"],"fav.movie":"Deer Hunter","friends":[{"first":"Dale","last":"Murphy","age":44,"nets":["ig","fb","tw"]},{"first":"Roger","last":"Craig","age":68,"nets":["fb","tw"]},{"first":"Jane","last":"Murphy","age":47,"nets":["ig","tw"]}],"big":123456789012345678901234567890,"pi":3.140,"exp":1.5e3,"tiny":1e-7,"yes":true,"no":false,"nil":null,"esc":"a\n\u00e9\ud83d\ude00\"","deep":{"a":[[1,2],[3,[4]]]},"text":"{\"x\":1}","vals":[{"a":"true"},{"a":1},{"a":0},{"a":null},{}],"cols":{"id":[1,2],"n":["x","y"]},"k*y":"star","0":"zero"}"""

TABLE = [
    ("name.last", "Anderson"),
    ("age", "37"),
    ("children", '["Sara","Alex","Jack"]'),
    ("children.#", "3"),
    ("children.1", "Alex"),
    ("children.9", None),
    ("child*.2", "Jack"),
    ("c?ildren.0", "Sara"),
    ("fav\\.movie", "Deer Hunter"),
    ("fav.movie", None),
    ("friends.#.first", '["Dale","Roger","Jane"]'),
    ("friends.1.last", "Craig"),
    ('friends.#(last=="Murphy").first', "Dale"),
    ('friends.#(last=="Murphy")#.first', '["Dale","Jane"]'),
    ("friends.#(age>45)#.last", '["Craig","Murphy"]'),
    ("friends.#(age<=47)#.age", "[44,47]"),
    ('friends.#(first%"D*").last', "Murphy"),
    ('friends.#(first!%"D*").last', "Craig"),
    ('friends.#(first!="Dale")#.first', '["Roger","Jane"]'),
    ('friends.#(nets.#(=="fb"))#.first', '["Dale","Roger"]'),
    ('friends.#(last="Murphy")#|0', '{"first":"Dale","last":"Murphy","age":44,"nets":["ig","fb","tw"]}'),
    ('friends.#(last="Murphy")#.0', "[]"),
    ("friends.#|@this", "3"),
    ("friends.#.nets|@flatten", '["ig","fb","tw","fb","tw","ig","tw"]'),
    ("friends.#.nets.0", '["ig","fb","ig"]'),
    ("big", "123456789012345678901234567890"),
    ("pi", "3.14"),
    ("exp", "1500"),
    ("tiny", "0.0000001"),
    ("yes", "true"),
    ("no", "false"),
    ("nil", ""),
    ("missing", None),
    ("name.missing", None),
    ("esc", 'a\né😀"'),
    ("text", '{"x":1}'),
    ("text|@fromstr|x", "1"),
    ("text.@fromstr", '{"x":1}'),
    ("name|@tostr", '{"first":"Tom","last":"Anderson"}'),
    ("children|@reverse", '["Jack","Alex","Sara"]'),
    ("children.@reverse", '["Jack","Alex","Sara"]'),
    ("name.@reverse", '{"last":"Anderson","first":"Tom"}'),
    ("name|@keys", '["first","last"]'),
    ("name.@values", '["Tom","Anderson"]'),
    ("deep.a|@flatten", "[1,2,3,[4]]"),
    ('deep.a|@flatten:{"deep":true}', "[1,2,3,4]"),
    ("friends|@join", '{"first":"Jane","last":"Murphy","age":47,"nets":["ig","tw"]}'),
    (
        'friends|@join:{"preserve":true}',
        '{"first":"Dale","last":"Murphy","age":44,"nets":["ig","fb","tw"],"first":"Roger","last":"Craig","age":68,"nets":["fb","tw"],"first":"Jane","last":"Murphy","age":47,"nets":["ig","tw"]}',
    ),
    ("cols|@group", '[{"id":1,"n":"x"},{"id":2,"n":"y"}]'),
    ("name|@ugly", '{"first":"Tom","last":"Anderson"}'),
    ("name|@pretty", '{\n  "first": "Tom",\n  "last": "Anderson"\n}\n'),
    ("children|@pretty", '["Sara", "Alex", "Jack"]\n'),
    (
        'name|@pretty:{"sortKeys":true,"indent":"\\t","prefix":" "}',
        '{\n \t"first": "Tom",\n \t"last": "Anderson"\n }\n',
    ),
    ("name|@valid", '{"first":"Tom","last":"Anderson"}'),
    ("@this|age", "37"),
    ("@valid.age", "37"),
    ("@dig:first", '["Tom","Dale","Roger","Jane"]'),
    ("[name.first,age]", '["Tom",37]'),
    ('{name.first,"years":age}', '{"first":"Tom","years":37}'),
    ("{name.first,age}.first", "Tom"),
    ('friends.#.{first,"n":nets.#}', '[{"first":"Dale","n":3},{"first":"Roger","n":2},{"first":"Jane","n":2}]'),
    ("friends.0.[first,age]", '["Dale",44]'),
    ("vals.#(a=~true)#.a", '["true",1]'),
    ("vals.#(a=~false)#", '[{"a":0},{"a":null},{}]'),
    ("vals.#(a=~null)#", '[{"a":null},{}]'),
    ("vals.#(a=~*)#", '[{"a":"true"},{"a":1},{"a":0},{"a":null}]'),
    ("vals.#(a)#", '[{"a":"true"},{"a":1},{"a":0},{"a":null}]'),
    ("k\\*y", "star"),
    ("k\\*", None),
    ("0", "zero"),
    ('!"lit"', "lit"),
    ('{"x":!true,"y":age}', '{"x":true,"y":37}'),
    ("name.first.x", None),
    ('children.#(>"B")', "Sara"),
    ('children.#(>"B")#', '["Sara","Jack"]'),
    ('children.#(%"*a*")#', '["Sara","Jack"]'),
    ("name|last", "Anderson"),
    ("name|@nosuch", None),
    ("..#", "1"),
    ("friends.#(age>45", None),
    ("friends.#()", None),
    ("|name", None),
    ("name.", None),
    ("{name.first", None),
    ("\\name.first", "Tom"),
]


@pytest.mark.parametrize(("path", "answer"), TABLE)
def test_path(path: str, answer: str | None) -> None:
    found = value_at(DOCUMENT.encode(), path)
    assert (None if found is None else found.decode()) == answer


@pytest.mark.parametrize(
    ("document", "path", "answer"),
    [
        (b'{"a":"x"', "a", b"x"),
        (b'{"a":[1,2', "a.1", b"2"),
        (b"not json", "a", None),
        (b"", "a", None),
        (b'"{\\"a\\":1}"', "a", None),
        (b'{"a":"\xff"}', "a", b"\xff"),
        (b'{"a":"\\ud800"}', "a", "\ufffd".encode()),
        (b'{"a":1}{"a":2}', "..#.a", b"[1,2]"),
        (b'{"a":1} trailing', "a", b"1"),
        (b'{"a":1,"a":2}', "a", b"1"),
    ],
)
def test_text_that_is_not_quite_json(document: bytes, path: str, answer: bytes | None) -> None:
    assert value_at(document, path) == answer


BOTH = b'{"a.b":"literal","a":{"b":"nested"},"c":{"d":1},"e.f":2}'


@pytest.mark.parametrize(
    ("name", "escaped", "path"),
    [
        ("a.b", b"literal", b"nested"),
        ("c.d", b"1", b"1"),
        ("e.f", b"2", b"2"),
        ("x.y", None, None),
        ("a", b'{"b":"nested"}', b'{"b":"nested"}'),
    ],
)
def test_a_dot_in_a_name(name: str, escaped: bytes | None, path: bytes | None) -> None:
    assert (escaped_first(BOTH, name), path_first(BOTH, name)) == (escaped, path)


@given(st.binary(max_size=60), st.text(alphabet='ab01.#|@*?\\\\"()[]{}=<>!%:,~rs', max_size=30))
def test_no_input_fails(document: bytes, path: str) -> None:
    value_at(document, path)


@given(st.text(alphabet='{}[]",:01ab\\\\ ', max_size=60), st.sampled_from([row[0] for row in TABLE]))
def test_no_broken_document_fails(document: str, path: str) -> None:
    value_at(document.encode(), path)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (b"[" * 20_000, '@flatten:{"deep":true}'),
        (b'{"a":' * 1_000 + b"1" + b"}" * 1_000, "@dig:b"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, ".".join(["a"] * 5_000)),
        (b"[" * 1_000 + b"]" * 1_000, "@pretty"),
        (b"{}", "|".join(["@this"] * 3_000)),
        (b"{}", "[" * 3_000 + "a" + "]" * 3_000),
    ],
)
def test_depth_is_bounded(document: bytes, path: str) -> None:
    value_at(document, path)
