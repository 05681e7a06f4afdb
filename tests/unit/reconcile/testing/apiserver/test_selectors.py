from __future__ import annotations

import dataclasses

import pytest

from reconcile.testing.apiserver.registry import Registry
from reconcile.testing.apiserver.selectors import compile_selectors, matches_label_selector, parse_labels
from reconcile.testing.apiserver.status import StatusError

PODS = Registry().builtin("pods")
LABELS = {"app": "web", "tier": "", "n": "5"}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app == web", True),
        ("app!=web", False),
        ("other!=x", True),
        ("tier=", True),
        ("tier", True),
        ("!tier", False),
        ("app in (api, web)", True),
        ("app notin (api)", True),
        ("other notin (api)", True),
        ("n>4", True),
        ("n<5", False),
        ("app>4", False),
        ("app=web,n=5,!x", True),
        ("app=web,n=6", False),
        ("in=x", False),
    ],
)
def test_labels(selector: str, matches: bool) -> None:
    assert parse_labels(selector)(LABELS) is matches


@pytest.mark.parametrize("selector", ["a in b", "a in (b", "a=b c", "a,,(", "n>x", "a=b,)", "a=b,", "!", "=b"])
def test_malformed_labels(selector: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_labels(selector)({})
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("metadata.name=p", True),
        ("metadata.namespace!=default", False),
        ("spec.nodeName=", True),
        ("status.phase=Running,metadata.name==p", True),
        ("spec.hostNetwork=true", True),
    ],
)
def test_fields(selector: str, matches: bool) -> None:
    pod = {
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {"hostNetwork": True},
        "status": {"phase": "Running"},
    }
    matcher = compile_selectors("", selector, PODS)
    assert matcher is not None
    assert matcher(pod) is matches


def test_fields_that_a_kind_does_not_select_by() -> None:
    with pytest.raises(StatusError, match=r"field label not supported: spec\.foo"):
        compile_selectors("", "spec.foo=a", PODS)
    with pytest.raises(StatusError, match=r"metadata\.namespace"):
        compile_selectors("", "metadata.namespace=a", dataclasses.replace(PODS, namespaced=False))


def test_no_selector_needs_no_test() -> None:
    assert compile_selectors("", "", PODS) is None


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, True),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "api"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "x", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "x", "operator": "Unheard"}]}, False),
    ],
)
def test_label_selector_objects(selector: dict[str, object] | None, matches: bool) -> None:
    assert matches_label_selector(selector, LABELS) is matches
