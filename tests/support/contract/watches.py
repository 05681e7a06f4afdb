"""Watches: order, resume, selectors, bookmarks, deletion, expiry."""

from __future__ import annotations

from tests.support.contract.api import MERGE, SECRETS, Api
from tests.support.contract.widget import WIDGETS


def _version(api: Api, path: str = SECRETS) -> str:
    return str(api.ok("GET", path)["metadata"]["resourceVersion"])


def check_events_in_order(api: Api) -> None:
    version = _version(api)
    with api.watch(SECRETS, resourceVersion=version) as events:
        api.secret("a")
        api.ok("PATCH", f"{SECRETS}/a", {"metadata": {"labels": {"x": "y"}}}, content_type=MERGE)
        api.ok("DELETE", f"{SECRETS}/a")
        found = [next(events) for _ in range(3)]
    assert [kind for kind, _ in found] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(obj["metadata"]["resourceVersion"]) for _, obj in found]
    assert versions == sorted(set(versions))
    assert found[0][1]["kind"] == "Secret"


def check_starts_with_what_exists(api: Api) -> None:
    api.secret("b")
    api.secret("a")
    with api.watch(SECRETS) as events:
        found = [next(events) for _ in range(2)]
    assert sorted((kind, obj["metadata"]["name"]) for kind, obj in found) == [("ADDED", "a"), ("ADDED", "b")]


def check_resumes_after_version(api: Api) -> None:
    api.secret("a")
    version = _version(api)
    api.secret("b")
    with api.watch(SECRETS, resourceVersion=version) as events:
        kind, obj = next(events)
    assert (kind, obj["metadata"]["name"]) == ("ADDED", "b")


def check_custom_resources(api: Api) -> None:
    version = _version(api, WIDGETS)
    with api.watch(WIDGETS, resourceVersion=version) as events:
        api.widget("w")
        api.ok("PATCH", f"{WIDGETS}/w/status", {"status": {"phase": "p"}}, content_type=MERGE)
        assert next(events)[0] == "ADDED"
        kind, obj = next(events)
    assert (kind, obj["status"]) == ("MODIFIED", {"phase": "p"})


def check_label_selector(api: Api) -> None:
    version = _version(api)
    with api.watch(SECRETS, resourceVersion=version, labelSelector="l=x") as events:
        api.secret("no")
        api.secret("a", metadata={"labels": {"l": "x"}})
        api.ok("PATCH", f"{SECRETS}/a", {"metadata": {"labels": {"l": "y"}}}, content_type=MERGE)
        api.ok("PATCH", f"{SECRETS}/a", {"metadata": {"labels": {"l": "x"}}}, content_type=MERGE)
        found = [next(events) for _ in range(3)]
    assert [(kind, obj["metadata"]["name"]) for kind, obj in found] == [
        ("ADDED", "a"),
        ("DELETED", "a"),
        ("ADDED", "a"),
    ]


def check_field_selector(api: Api) -> None:
    version = _version(api)
    with api.watch(SECRETS, resourceVersion=version, fieldSelector="metadata.name=b") as events:
        api.secret("a")
        api.secret("b")
        kind, obj = next(events)
    assert (kind, obj["metadata"]["name"]) == ("ADDED", "b")


def check_namespace_scope(api: Api) -> None:
    version = _version(api)
    with api.watch(SECRETS, resourceVersion=version) as events:
        api.ok("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"generateName": "other-"}})
        api.secret("mine")
        assert next(events)[1]["metadata"]["name"] == "mine"


def check_deleted_object_is_complete(api: Api) -> None:
    api.secret("a", data={"k": "dg=="})
    version = _version(api)
    api.ok("DELETE", f"{SECRETS}/a")
    with api.watch(SECRETS, resourceVersion=version) as events:
        kind, obj = next(events)
    assert (kind, obj["data"]) == ("DELETED", {"k": "dg=="})
    assert int(obj["metadata"]["resourceVersion"]) > int(version)


def check_timeout_ends_the_stream(api: Api) -> None:
    with api.watch(SECRETS, resourceVersion=_version(api), timeoutSeconds="1") as events:
        assert list(events) == []


def check_initial_events(api: Api) -> None:
    api.secret("a")
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    with api.watch(SECRETS, **query) as events:
        kind, obj = next(events)
        assert (kind, obj["metadata"]["name"]) == ("ADDED", "a")
        kind, obj = next(events)
    assert kind == "BOOKMARK"
    assert obj["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"


def check_watch_of_one_name(api: Api) -> None:
    api.secret("a")
    api.secret("b")
    with api.watch(SECRETS, fieldSelector="metadata.name=a") as events:
        assert next(events)[1]["metadata"]["name"] == "a"


def check_bad_version(api: Api) -> None:
    answer = api("GET", SECRETS, watch="true", resourceVersion="abc")
    assert answer.status >= 400
    assert 'Invalid value: "abc"' in answer.message
