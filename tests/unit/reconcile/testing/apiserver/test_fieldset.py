from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.testing.apiserver.fieldset import (
    Path,
    covers,
    field,
    from_fields_v1,
    keyed,
    path_text,
    to_fields_v1,
    value_element,
)

ELEMENTS = st.one_of(
    st.text(min_size=1, max_size=4).map(field),
    st.text(max_size=4).map(value_element),
    st.integers().map(lambda n: keyed({"port": n})),
)


@given(st.sets(st.lists(ELEMENTS, min_size=1, max_size=4).map(tuple), max_size=8))
def test_fields_v1_round_trip(paths: set[Path]) -> None:
    assert from_fields_v1(to_fields_v1(paths)) == paths


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("f:spec", "f:replicas"), ".spec.replicas"),
        (("f:metadata", "f:finalizers", 'v:"x/y"'), '.metadata.finalizers[="x/y"]'),
        (("f:ports", keyed({"protocol": "TCP", "port": 80}), "f:name"), '.ports[port=80,protocol="TCP"].name'),
    ],
)
def test_path_text(path: Path, text: str) -> None:
    assert path_text(path) == text


def test_covers_adds_every_path_above() -> None:
    assert covers({("f:a", "f:b", "f:c")}) == {("f:a",), ("f:a", "f:b"), ("f:a", "f:b", "f:c")}
