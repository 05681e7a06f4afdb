"""Contract: pushsecret, A6 and A11: what is owed, and what of it may be deleted when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret, PushSecretData
from eso.controllers.pushsecret.ledger import FOUND, Synced, destination, marked, merged, minus, stale, with_marks


def data(where: str, key: str = "k") -> PushSecretData:
    return PushSecretData.model_validate({"match": {"secretKey": key, "remoteRef": {"remoteKey": where}}})


def ledger(**stores: str) -> Synced:
    return {store: {where: data(where) for where in places.split()} for store, places in stores.items()}


def shown(found: Synced) -> dict[str, str]:
    return {store: " ".join(sorted(entries)) for store, entries in found.items()}


@pytest.mark.parametrize(
    ("old", "new", "failed", "wanted"),
    [
        pytest.param(ledger(a="x y"), ledger(a="x"), (), {"a": "y"}, id="entry removed"),
        pytest.param(ledger(a="x"), ledger(a="x"), (), {}, id="nothing to do"),
        pytest.param(ledger(a="x", b="y"), ledger(a="x"), (), {"b": "y"}, id="store removed"),
        pytest.param(ledger(a="x"), ledger(b="x"), (), {"a": "x"}, id="store changed"),
        pytest.param(ledger(a="x"), ledger(b=""), ("b",), {}, id="not before the new store holds the value"),
        pytest.param(ledger(a="x"), ledger(), ("",), {}, id="not while a store is not found"),
        pytest.param(
            ledger(a="x y", b="z"), ledger(a="x", b=""), ("b",), {"a": "y"}, id="a failed store stops no other"
        ),
        pytest.param(ledger(a="x y"), ledger(a="x"), ("a",), {}, id="not where the push failed"),
        pytest.param(ledger(a=""), ledger(), (), {"a": ""}, id="a store without entries just goes"),
    ],
)
def test_stale(old: Synced, new: Synced, failed: tuple[str, ...], wanted: dict[str, str]) -> None:
    assert shown(stale(old, new, failed)) == wanted


def test_new_entries_win_over_old_ones() -> None:
    old, new = {"a": {"x": data("x", "old")}}, {"a": {"x": data("x", "new")}}
    assert merged(old, new)["a"]["x"].match.secret_key == "new"


def test_minus_keeps_what_could_not_be_deleted() -> None:
    assert shown(minus(ledger(a="x y", b="z"), ledger(a="x y", b="z"), ledger(a="y"))) == {"a": "y"}


places = st.dictionaries(st.sampled_from("ab"), st.frozensets(st.sampled_from("xyz")), max_size=2)


@given(places, places, st.frozensets(st.sampled_from(["a", "b", ""])))
def test_nothing_that_is_wanted_is_ever_stale_and_nothing_is_lost(
    old: dict[str, frozenset[str]], new: dict[str, frozenset[str]], failed: frozenset[str]
) -> None:
    before = ledger(**{store: " ".join(found) for store, found in old.items()})
    after = ledger(**{store: " ".join(found) for store, found in new.items()})
    gone = stale(before, after, failed)
    for store, entries in gone.items():
        assert not entries.keys() & after.get(store, {}).keys()
        assert store not in failed
    held = merged(minus(before, gone, {}), after)
    for store, entries in before.items():
        for where in entries:
            assert where in held.get(store, {}) or where in gone.get(store, {})


def test_destinations_name_the_property() -> None:
    entry = PushSecretData.model_validate({"match": {"remoteRef": {"remoteKey": "r", "property": "p"}}})
    assert destination(entry) == "r/p"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"s":["a"]}', {"s": frozenset("a")}),
        ("not json", {}),
        ("[]", {}),
        ('{"s":"a"}', {}),
    ],
)
def test_marks_are_read_leniently(text: str, wanted: dict[str, frozenset[str]]) -> None:
    push = PushSecret.from_wire({"metadata": {"name": "p", "annotations": {FOUND: text}}, "spec": {}})
    assert marked(push) == wanted


def test_marks_round_trip_and_vanish_when_empty() -> None:
    assert with_marks({"s": frozenset({"b", "a"}), "t": frozenset()}) == '{"s":["a","b"]}'
    assert with_marks({"t": frozenset()}) is None
