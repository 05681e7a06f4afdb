from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.api.meta_v1 import LabelSelector, LabelSelectorRequirement
from reconcile.client.selectors import Requirement, Selector, parse_field_selector, parse_selector, selector_of

LABELS = {"app": "web", "tier": "a", "n": "5", "example.com/x": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        (" ", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web , tier in (a, b)", True),
        ("app=api", False),
        ("app!=api", True),
        ("missing!=x", True),
        ("app!=web", False),
        ("tier in (a,b)", True),
        ("tier in (c)", False),
        ("tier notin (a,b)", False),
        ("missing notin (a)", True),
        ("app", True),
        ("missing", False),
        ("!missing", True),
        ("!app", False),
        ("n>4", True),
        ("n<5", False),
        ("app>1", False),
        ("example.com/x=", True),
        ("example.com/x in (,a)", True),
        ("app=web,!legacy,tier in (a,b),n>1", True),
    ],
)
def test_string_form(text: str, matches: bool) -> None:
    selector = parse_selector(text)
    assert selector.matches(LABELS) is matches
    assert parse_selector(str(selector)) == selector


@pytest.mark.parametrize(
    "text", ["=x", "a=b=c", "a in b", "a in (b", "-a", "a,,b", "a=b c", "a in (b c)", "!a=b", "a>x"]
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="label selector"):
        parse_selector(text)


def expression(operator: str, *values: str) -> LabelSelector:
    requirement = LabelSelectorRequirement(key="tier", operator=operator, values=list(values) or None)
    return LabelSelector(match_expressions=[requirement])


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        (None, ""),
        ("app=web", "app=web"),
        ({"b": "2", "a": "1"}, "a=1,b=2"),
        (LabelSelector(), ""),
        (LabelSelector(match_labels={"app": "web"}), "app=web"),
        (expression("In", "b", "a"), "tier in (a,b)"),
        (expression("NotIn", "a"), "tier!=a"),
        (expression("Exists"), "tier"),
        (expression("DoesNotExist"), "!tier"),
    ],
)
def test_object_form(selector: object, text: str) -> None:
    assert str(selector_of(selector)) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("selector", [expression("Near"), expression("In"), expression("Exists", "a")])
def test_object_forms_that_mean_nothing(selector: LabelSelector) -> None:
    with pytest.raises(ValueError, match="operator"):
        selector_of(selector)


@pytest.mark.parametrize(
    "selector",
    [
        {"two words": "a"},
        {"": "a"},
        {"tier": "a b"},
        {"tier": "a" * 64},
        LabelSelector(match_labels={"-a": "b"}),
        LabelSelector(match_labels={"a": "b/c"}),
        expression("In", "a", "b c"),
        LabelSelector(match_expressions=[LabelSelectorRequirement(key="a/b/c", operator="Exists")]),
    ],
)
def test_object_forms_that_no_label_can_match(selector: LabelSelector | dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        selector_of(selector)


def test_object_forms_with_every_kind_of_key_and_value() -> None:
    labels = {"kubernetes.io/metadata.name": "n", "A_b.c": "", "a": "X" * 63}
    assert selector_of(LabelSelector(match_labels=labels)).matches(labels)


KEYS = st.sampled_from(["app", "tier", "example.com/x-y_z.w"])
VALUES = st.sampled_from(["", "a", "web", "x-1.y_2"])


@given(
    st.lists(
        st.one_of(
            st.builds(
                Requirement, KEYS, st.sampled_from(["in", "notin"]), st.tuples(VALUES, VALUES).map(sorted).map(tuple)
            ),
            st.builds(Requirement, KEYS, st.sampled_from(["exists", "!"])),
            st.builds(Requirement, KEYS, st.sampled_from(["<", ">"]), st.tuples(st.sampled_from(["3", "-4"]))),
        )
    ),
    st.dictionaries(KEYS, st.one_of(VALUES, st.just("4"))),
)
def test_writing_and_parsing_keeps_the_meaning(requirements: list[Requirement], labels: dict[str, str]) -> None:
    selector = Selector(tuple(requirements))
    assert parse_selector(str(selector)).matches(labels) == selector.matches(labels)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("metadata.name=a", True),
        ("metadata.name==a,spec.x!=y", True),
        ("metadata.name!=a", False),
        ("spec.missing=", True),
        (r"spec.odd=a\,b\=c\\d", True),
    ],
)
def test_field_selectors(text: str, matches: bool) -> None:
    selector = parse_field_selector(text)
    assert selector.matches({"metadata.name": "a", "spec.odd": r"a,b=c\d"}) is matches
    assert parse_field_selector(str(selector)) == selector


@pytest.mark.parametrize("text", ["a", "a=b=c", "=x", "a~b"])
def test_what_is_no_field_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="field selector"):
        parse_field_selector(text)
