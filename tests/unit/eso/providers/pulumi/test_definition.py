"""Setting one value in the YAML of an environment."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from eso.errors import InvalidRequestError
from eso.providers.pulumi.definition import with_secret

WRITTEN = """\
# who owns this
imports:
  - base   # first
values:
  # the database
  db:
    user: ann   # not a secret
    password:
      fn::secret:
        ciphertext: ZXN...   # old

    note: |
      two
      lines

  on: yes
  list: [a, b]
  flow: {a: 1}
  empty:
  seq:
    # items
    - x
  aws:
    fn::open::aws-login:
      oidc: {duration: 1h}
  # the end
"""


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("db.password", "      fn::secret:\n        ciphertext: ZXN...   # old", '      fn::secret: "v"   # old'),
        ("db.user", "    user: ann   # not a secret", '    user:\n      fn::secret: "v"   # not a secret'),
        ("db.user.name", "user: ann ", 'user:\n      name:\n        fn::secret: "v" '),
        ("db.port", "      lines\n\n", '      lines\n\n    port:\n      fn::secret: "v"\n'),
        ("db.note", "    note: |\n      two\n      lines\n\n", '    note:\n      fn::secret: "v"\n'),
        ("new", "  # the end", '  new:\n    fn::secret: "v"\n  # the end'),
        ("a.b.c", "  # the end", '  a:\n    b:\n      c:\n        fn::secret: "v"\n  # the end'),
        ("empty", "  empty:\n", '  empty:\n    fn::secret: "v"\n'),
        ("empty.x", "  empty:\n", '  empty:\n    x:\n      fn::secret: "v"\n'),
        ("flow.b", "{a: 1}", '{a: 1, "b": {"fn::secret": "v"}}'),
        ("flow.a", "{a: 1}", '{a: {"fn::secret": "v"}}'),
        ("flow", "  flow: {a: 1}", '  flow:\n    fn::secret: "v"'),
        ("list", "  list: [a, b]", '  list:\n    fn::secret: "v"'),
        ("seq", "  seq:\n    # items\n    - x", '  seq:\n    # items\n    fn::secret: "v"'),
        ("aws", "    fn::open::aws-login:\n      oidc: {duration: 1h}", '    fn::secret: "v"'),
    ],
)
def test_only_the_path_changes(path: str, old: str, new: str) -> None:
    assert WRITTEN.count(old) == 1
    assert with_secret(WRITTEN, path.split("."), "v") == WRITTEN.replace(old, new)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", 'values:\n  a:\n    fn::secret: "v"\n'),
        ("# nothing yet", '# nothing yet\nvalues:\n  a:\n    fn::secret: "v"\n'),
        ("imports: [x]", 'imports: [x]\nvalues:\n  a:\n    fn::secret: "v"\n'),
        ("values:", 'values:\n  a:\n    fn::secret: "v"'),
        ("values: {}\n", 'values: {"a": {"fn::secret": "v"}}\n'),
        ("{}", '{"values": {"a": {"fn::secret": "v"}}}'),
        ("values:\n  b: 1", 'values:\n  b: 1\n  a:\n    fn::secret: "v"\n'),
        ("values:\n  - b\n", 'values:\n  a:\n    fn::secret: "v"\n'),
        ("values: {b: 1,}", "values: {b: 1, a: {'fn::secret': \"v\"}}\n"),  # written anew
    ],
)
def test_where_there_is_little(text: str, wanted: str) -> None:
    assert with_secret(text, ["a"], "v") == wanted


@pytest.mark.parametrize("key", ["1", "yes", "null", "a b", "a:b", "#", "{", "-", "é", "'", '"'])
def test_keys_stay_texts(key: str) -> None:
    for text in ("values:\n  x: 1\n", "values: {x: 1}\n"):
        assert yaml.safe_load(with_secret(text, [key], "v"))["values"][key] == {"fn::secret": "v"}


@settings(max_examples=60, deadline=None)
@given(st.text(), st.sampled_from(["values:\n  a: 1\n", "values: {a: 1}", WRITTEN, ""]))
def test_values_come_back(value: str, text: str) -> None:
    written = with_secret(text, ["a", "b"], value)
    assert yaml.safe_load(written)["values"]["a"]["b"] == {"fn::secret": value}


def _set(document: Any, path: list[str]) -> Any:
    at = document
    for key in path[:-1]:
        if not isinstance(at.get(key), dict):
            at[key] = {}
        at = at[key]
    at[path[-1]] = {"fn::secret": "v"}
    return document


_KEYS = st.sampled_from(["a", "b", "c"])
_DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2),
    lambda inner: st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(_KEYS, _DOCUMENTS), st.lists(_KEYS, min_size=1, max_size=3), st.sampled_from([None, True, False])
)
def test_the_rest_keeps_its_meaning(values: Any, path: list[str], flow: bool | None) -> None:
    text = yaml.safe_dump({"imports": ["x"], "values": values}, default_flow_style=flow)
    wanted = {"imports": ["x"], "values": _set(yaml.safe_load(text)["values"], path)}
    assert yaml.safe_load(with_secret(text, path, "v")) == wanted


@pytest.mark.parametrize(
    ("text", "path", "told"),
    [
        ("values: [", "a", "not YAML"),
        ("a\0b", "a", "not YAML"),
        ("a: 1\n---\nb: 2\n", "a", "not YAML"),
        ("- canary", "a", "not a mapping"),
        ("canary", "a", "not a mapping"),
        ("values:\n  a: &x {b: 1}\n  c: *x\n", "c.b", "alias"),
        ("values: &x\n  a: *x\n", "b", "alias"),
        ("values:\n  a:\n    fn::secret: canary\n", "a.b", "a of the environment is computed by fn::secret"),
        ("values:\n  a:\n    b:\n      fn::open::aws: canary\n", "a.b.c.d", "a.b of the environment is computed"),
    ],
)
def test_definitions_that_are_refused(text: str, path: str, told: str) -> None:
    with pytest.raises(InvalidRequestError, match=told) as caught:
        with_secret(text, path.split("."), "v")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_definition_that_is_nested_too_deeply() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(600)  # others in this process may have raised it
    try:
        with pytest.raises(InvalidRequestError, match="nested too deeply"):
            with_secret("values: " + "[" * 500 + "]" * 500, ["b"], "v")
    finally:
        sys.setrecursionlimit(before)
