"""What the providers give and what becomes of it: entries, rewrites, conversions, decoding, null bytes, generators."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from eso.errors import AccessDeniedError, InvalidRequestError, NoSecretError, UnavailableError
from tests.support.operating import Space
from tests.support.vendors.tokenserver import TokenServer, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAILED = ("False", "SecretSyncedError", "could not get secret data from provider")


def find(pattern: str, **more: Any) -> dict[str, Any]:
    return {"find": {"name": {"regexp": pattern}, **more.pop("find", {})}, **more}


def extract(key: str, **more: Any) -> dict[str, Any]:
    return {"extract": {"key": key, **more.pop("extract", {})}, **more}


def regexp(source: str, target: str) -> dict[str, Any]:
    return {"regexp": {"source": source, "target": target}}


def transform(template: str) -> dict[str, Any]:
    return {"transform": {"template": template}}


def merge(**options: Any) -> dict[str, Any]:
    return {"merge": options}


SHELF: dict[str, str | bytes] = {
    "db-user": "admin",
    "db-pass": "s3cret",
    "json": json.dumps({"foo": "value1", "bar": "value2"}),
    "nested": json.dumps({"a": {"b": ["<x>", 1.50]}, "t": True, "i": 7}),
    "odd": json.dumps({"a/b": "1", "c[d]": "2"}),
    "clash": json.dumps({"a/b": "1", "a_b": "2"}),
    "left": json.dumps({"x": 1, "y": "l"}),
    "right": json.dumps({"y": "r", "z": "<"}),
    "b64": base64.b64encode(b"\xfe\xff?").decode(),
    "b64map": json.dumps({"p": base64.b64encode(b"plain").decode()}),
    "url": base64.urlsafe_b64encode(b"\xfe\xff?").decode(),
    "binary": b"\x80\x00\xff",
    "nullmap": json.dumps({"a": "x\x00y"}),
}

DATA_FROM: dict[str, tuple[list[dict[str, Any]], dict[str, bytes]]] = {
    "find": ([find("^db-")], {"db-user": b"admin", "db-pass": b"s3cret"}),
    "extract": ([extract("json")], {"foo": b"value1", "bar": b"value2"}),
    "extract of a property": ([extract("nested", extract={"property": "a"})], {"b": b'["<x>", 1.5]'}),
    "values of every type": (
        [extract("nested")],
        {"a": b'{"b": ["<x>", 1.5]}', "t": b"true", "i": b"7"},
    ),
    "later entries win": ([extract("left"), extract("right")], {"x": b"1", "y": b"r", "z": b"<"}),
    "regexp": ([find("^db-", rewrite=[regexp("^db-(.*)$", "DB_$1")])], {"DB_user": b"admin", "DB_pass": b"s3cret"}),
    "regexp that matches all once": (
        [extract("json", rewrite=[regexp("(.*)", "new-$1")])],
        {"new-foo": b"value1", "new-bar": b"value2"},
    ),
    "regexp with braces": (
        [extract("json", rewrite=[regexp("^f(o+)$", "x${1}_y")])],
        {"xoo_y": b"value1", "bar": b"value2"},
    ),
    "regexp whose name runs on": (
        [extract("json", rewrite=[regexp("^f(o+)$", "x$1_y")])],
        {"x": b"value1", "bar": b"value2"},
    ),
    "two rewrites": (
        [find("^db-", rewrite=[regexp("^db-", ""), transform("{{ .value | upper }}")])],
        {"USER": b"admin", "PASS": b"s3cret"},
    ),
    "transform": (
        [extract("json", rewrite=[transform("{{ .value | upper }}_X")])],
        {"FOO_X": b"value1", "BAR_X": b"value2"},
    ),
    "merge": (
        [find("^(left|right)$", rewrite=[merge(conflictPolicy="Ignore")])],
        {"x": b"1", "y": b"r", "z": b"<"},
    ),
    "merge with priority": (
        [find("^(left|right)$", rewrite=[merge(conflictPolicy="Ignore", priority=["left"])])],
        {"x": b"1", "y": b"l", "z": b"<"},
    ),
    "merge with an absent priority": (
        [
            find(
                "^(left|right)$",
                rewrite=[merge(conflictPolicy="Ignore", priority=["none"], priorityPolicy="IgnoreNotFound")],
            )
        ],
        {"x": b"1", "y": b"r", "z": b"<"},
    ),
    "merge into JSON": (
        [find("^(left|right)$", rewrite=[merge(conflictPolicy="Ignore", strategy="JSON", into="both")])],
        {
            "left": SHELF["left"].encode() if isinstance(SHELF["left"], str) else b"",
            "right": SHELF["right"].encode() if isinstance(SHELF["right"], str) else b"",
            "both": b'{"x":1,"y":"r","z":"<"}',
        },
    ),
    "default conversion": ([extract("odd")], {"a_b": b"1", "c_d_": b"2"}),
    "unicode conversion": (
        [extract("odd", extract={"conversionStrategy": "Unicode"})],
        {"a_U002f_b": b"1", "c_U005b_d_U005d_": b"2"},
    ),
    "decoding": ([extract("b64map", extract={"decodingStrategy": "Base64"})], {"p": b"plain"}),
    "decoding of found": ([find("^b64$", find={"decodingStrategy": "Base64"})], {"b64": b"\xfe\xff?"}),
    "decoding of whatever it is": (
        [find("^(url|db-user)$", find={"decodingStrategy": "Auto"})],
        {"url": b"\xfe\xff?", "db-user": b"admin"},
    ),
    "null bytes pass": ([extract("nullmap")], {"a": b"x\x00y"}),
}


@pytest.mark.parametrize("case", DATA_FROM)
async def test_data_from(space: Space, case: str) -> None:
    entries, wanted = DATA_FROM[case]
    space.shelve(**SHELF)
    await space.store()
    await space.external_secret(dataFrom=entries)
    await space.synced()
    assert await space.data() == wanted


DATA: dict[str, tuple[dict[str, Any], bytes]] = {
    "value": ({"key": "db-user"}, b"admin"),
    "property": ({"key": "json", "property": "foo"}, b"value1"),
    "nested property": ({"key": "nested", "property": "a.b.0"}, b"<x>"),
    "object": ({"key": "nested", "property": "a"}, b'{"b": ["<x>", 1.5]}'),
    "binary": ({"key": "binary"}, b"\x80\x00\xff"),
    "null bytes ignored": ({"key": "binary", "nullBytePolicy": "Ignore"}, b"\x80\x00\xff"),
    "Base64": ({"key": "b64", "decodingStrategy": "Base64"}, b"\xfe\xff?"),
    "Base64URL": ({"key": "url", "decodingStrategy": "Base64URL"}, b"\xfe\xff?"),
    "Auto of Base64": ({"key": "b64", "decodingStrategy": "Auto"}, b"\xfe\xff?"),
    "Auto of text": ({"key": "db-pass", "decodingStrategy": "Auto"}, b"s3cret"),
    "None": ({"key": "b64", "decodingStrategy": "None"}, b"/v8/"),
    "conversion does not matter": ({"key": "db-user", "conversionStrategy": "Unicode"}, b"admin"),
}


@pytest.mark.parametrize("case", DATA)
async def test_data(space: Space, case: str) -> None:
    ref, wanted = DATA[case]
    space.shelve(**SHELF)
    await space.store()
    await space.external_secret(data=[{"secretKey": "out", "remoteRef": ref}])
    await space.synced()
    assert await space.data() == {"out": wanted}


async def test_data_overrides_data_from(space: Space) -> None:
    space.shelve(**SHELF)
    await space.store()
    entry = {"secretKey": "foo", "remoteRef": {"key": "db-user"}}
    await space.external_secret(dataFrom=[extract("json")], data=[entry])
    await space.becomes({"foo": b"admin", "bar": b"value2"})


FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    "missing key": (
        {"data": [{"secretKey": "x", "remoteRef": {"key": "none"}}]},
        "error processing spec.data[0] (key: none), err: ",
    ),
    "missing property": (
        {"data": [{"secretKey": "x", "remoteRef": {"key": "json", "property": "none"}}]},
        "error processing spec.data[0] (key: json), err: ",
    ),
    "missing extract": ({"dataFrom": [extract("none")]}, "error processing spec.dataFrom[0].extract, err: "),
    "second entry": (
        {"dataFrom": [extract("json"), extract("none")]},
        "error processing spec.dataFrom[1].extract, err: ",
    ),
    "not a map": ({"dataFrom": [extract("db-user")]}, "error processing spec.dataFrom[0].extract, err: "),
    "bad find pattern": (
        {"dataFrom": [find("(")]},
        "error processing spec.dataFrom[0].find, err: error getting all secrets: ",
    ),
    "collision": ({"dataFrom": [extract("clash")]}, "secret name collision during conversion: a_b"),
    "bad regexp": (
        {"dataFrom": [extract("json", rewrite=[regexp("(", "x")])]},
        "error applying rewrite to keys: failed rewrite operation[0]: regexp failed with failed to compile: ",
    ),
    "bad transform": (
        {"dataFrom": [extract("json", rewrite=[transform("{{ nope")])]},
        "failed rewrite operation[0]: transform failed with failed to parse template: ",
    ),
    "failing transform": (
        {"dataFrom": [extract("json", rewrite=[transform('{{ fail "no" }}')])]},
        "transform failed with failed to execute template for key ",
    ),
    "conflicts": (
        {"dataFrom": [find("^(left|right)$", rewrite=[merge()])]},
        "merge failed with conflicts: y",
    ),
    "absent priority": (
        {"dataFrom": [find("^(left|right)$", rewrite=[merge(conflictPolicy="Ignore", priority=["none"])])]},
        'merge failed with key "none" not found in input map',
    ),
    "merge of text": (
        {"dataFrom": [find("^(left|db-user)$", rewrite=[merge()])]},
        "merge failed with failed to unmarshal JSON: ",
    ),
    "merge without into": (
        {"dataFrom": [find("^left$", rewrite=[merge(strategy="JSON")])]},
        "merge failed with missing 'into' field",
    ),
    "rewrite to a bad key": (
        {"dataFrom": [extract("json", rewrite=[regexp("^foo$", "f/oo")])]},
        "invalid secret keys (TIP: use rewrite or conversionStrategy to change keys): ",
    ),
    "rewrite to a long key": (
        {"dataFrom": [extract("json", rewrite=[regexp("^foo$", "f" * 254)])]},
        "253",
    ),
    "bad Base64": (
        {"data": [{"secretKey": "x", "remoteRef": {"key": "db-user", "decodingStrategy": "Base64"}}]},
        "error processing spec.data[0] (key: db-user), err: ",
    ),
    "bad Base64 in a map": (
        {"dataFrom": [extract("json", extract={"decodingStrategy": "Base64"})]},
        "error applying decoding strategy Base64 to data: failure decoding key ",
    ),
    "null bytes": (
        {"data": [{"secretKey": "x", "remoteRef": {"key": "binary", "nullBytePolicy": "Fail"}}]},
        'fetched secret value for key "x" contains null bytes',
    ),
    "null bytes in a map": (
        {"dataFrom": [extract("nullmap", extract={"nullBytePolicy": "Fail"})]},
        'fetched secret value for key "a" contains null bytes',
    ),
    "null bytes after decoding": (
        {
            "data": [
                {
                    "secretKey": "x",
                    "remoteRef": {"key": "coded", "nullBytePolicy": "Fail", "decodingStrategy": "Base64"},
                }
            ]
        },
        'fetched secret value for key "x" contains null bytes',
    ),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_failure_names_the_entry(space: Space, case: str) -> None:
    spec, text = FAILURES[case]
    space.shelve(coded=base64.b64encode(b"a\x00b").decode(), **SHELF)
    await space.store()
    await space.external_secret(**spec)
    message = await space.reaches(*FAILED)
    assert text in message
    await space.told("Warning", "UpdateFailed", text)
    # No value of the provider is told to anybody.
    assert "s3cret" not in message
    assert "value1" not in message
    assert not await space.has()


@pytest.mark.parametrize("policy", ["Delete", "Merge"])
async def test_missing_entries_are_skipped(space: Space, policy: str) -> None:
    space.shelve(**SHELF)
    await space.store()
    entries = [{"secretKey": key, "remoteRef": {"key": key}} for key in ("none", "db-user")]
    await space.external_secret(
        data=entries, dataFrom=[extract("nothing"), extract("json")], target={"deletionPolicy": policy}
    )
    await space.synced()
    assert await space.data() == {"db-user": b"admin", "foo": b"value1", "bar": b"value2"}
    text = "secret does not exist at provider using "
    await space.told("Normal", "MissingProviderSecret", f"{text}spec.dataFrom[0]")
    await space.told("Normal", "MissingProviderSecret", f"{text}spec.data[0] (key=none)")


@pytest.mark.parametrize("policy", ["Retain", "Delete", "Merge"])
@pytest.mark.parametrize("err", [AccessDeniedError("the door is shut"), UnavailableError("out of order")])
async def test_other_errors_are_never_skipped(space: Space, policy: str, err: Exception) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(target={"deletionPolicy": policy}, refreshInterval="100ms")
    await space.synced()
    space.shelve(k=err)
    assert str(err) in await space.reaches(*FAILED)
    assert await space.data() == {"k": b"one"}


async def test_vendor_text_is_not_told(space: Space) -> None:
    space.shelve(k=RuntimeError("hunter2"))
    await space.store()
    await space.external_secret()
    message = await space.reaches(*FAILED)
    assert "hunter2" not in message
    assert all("hunter2" not in text for _, _, text in await space.events())


async def test_empty_keys_are_dropped(space: Space) -> None:
    space.shelve(j=json.dumps({"a": "1", "b": "2"}))
    await space.store()
    await space.external_secret(dataFrom=[extract("j", rewrite=[regexp("^b$", "")])])
    await space.becomes({"a": b"1"})


async def test_each_entry_reads_from_its_own_store(space: Space) -> None:
    for name in ("first", "second"):
        await space.store(name, k=f"from {name}", j=json.dumps({name: "x"}))
    ref = {"storeRef": {"name": "second", "kind": "SecretStore"}}
    await space.external_secret(
        secretStoreRef={"name": "first"},
        data=[
            {"secretKey": "a", "remoteRef": {"key": "k"}},
            {"secretKey": "b", "remoteRef": {"key": "k"}, "sourceRef": ref},
        ],
        dataFrom=[{**extract("j"), "sourceRef": ref}],
    )
    await space.becomes({"a": b"from first", "b": b"from second", "second": b"x"})


async def test_equal_references_are_one_call(space: Space) -> None:
    space.shelve(**SHELF)
    await space.store()
    entries = [{"secretKey": key, "remoteRef": {"key": "json", "property": key}} for key in ("foo", "bar")] + [
        {"secretKey": "again", "remoteRef": {"key": "json", "property": "foo"}}
    ]
    await space.external_secret(data=entries)
    await space.becomes({"foo": b"value1", "bar": b"value2", "again": b"value1"})
    await space.bench.settled()
    assert space.reads == 1


# --- generators


async def _generator(space: Space, kind: str, name: str, spec: dict[str, Any]) -> None:
    plural = {"Fake": "fakes", "Password": "passwords", "UUID": "uuids", "Webhook": "webhooks"}[kind]
    await space.request(
        "POST",
        f"generators.external-secrets.io/v1alpha1/{plural}",
        body={
            "apiVersion": "generators.external-secrets.io/v1alpha1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": spec,
        },
    )


def generated(kind: str, name: str) -> dict[str, Any]:
    return {
        "sourceRef": {
            "generatorRef": {"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": kind, "name": name}
        }
    }


async def test_generator_needs_no_store(space: Space) -> None:
    await _generator(space, "Fake", "made", {"data": {"foo": "1", "bar": "2"}})
    entry = {**generated("Fake", "made"), "rewrite": [regexp("^", "x-")]}
    await space.external_secret(dataFrom=[entry], secretStoreRef=None)
    await space.becomes({"x-foo": b"1", "x-bar": b"2"})
    await space.synced()


async def test_generated_value_stays_until_a_refresh(space: Space) -> None:
    await _generator(space, "UUID", "made", {})
    await space.external_secret(dataFrom=[generated("UUID", "made")], secretStoreRef=None, refreshInterval="0")
    await space.synced()
    first = await space.data()
    await space.merge("external-secrets.io/v1/externalsecrets", "app", {"metadata": {"labels": {"a": "b"}}})
    await space.bench.settled()
    assert await space.data() == first


@pytest.mark.parametrize("kind", ["Fake", "Password"])
async def test_missing_generator_is_reported(space: Space, kind: str) -> None:
    await space.external_secret(dataFrom=[generated(kind, "none")], secretStoreRef=None)
    message = await space.reaches(*FAILED)
    assert "error processing spec.dataFrom[0].sourceRef.generatorRef, err: " in message
    assert "none" in message


async def test_key_of_a_generator_that_no_secret_can_have(space: Space) -> None:
    await _generator(space, "Fake", "made", {"data": {"a b": "s3cret"}})
    await space.external_secret(dataFrom=[generated("Fake", "made")], secretStoreRef=None)
    message = await space.reaches(*FAILED)
    assert "err: invalid secret keys (TIP: use rewrite or conversionStrategy to change keys): " in message
    await space.edit(dataFrom=[{**generated("Fake", "made"), "rewrite": [regexp(" ", "-")]}])
    await space.becomes({"a-b": b"s3cret"})


async def test_webhook_that_has_no_values_any_more_is_no_failure(space: Space) -> None:
    hook = TokenServer(fault=(200, {}, b'{"a": "b"}'))
    async with serving(hook):
        await _generator(space, "Webhook", "made", {"url": hook.url, "result": {}})
        await space.external_secret(
            dataFrom=[generated("Webhook", "made")],
            secretStoreRef=None,
            refreshInterval="50ms",
            target={"deletionPolicy": "Delete"},
        )
        await space.becomes({"a": b"b"})
        hook.fault = (404, {}, b"")
        await space.reaches("True", "SecretDeleted")
        await space.told("Normal", "MissingProviderSecret", "secret does not exist at provider using spec.dataFrom[0]")
        await space.edit(target={"deletionPolicy": "Retain"})
        assert "using generator" in await space.reaches(*FAILED)


async def test_generator_of_another_class_is_left_alone(space: Space) -> None:
    await _generator(space, "Fake", "made", {"data": {"foo": "1"}, "controller": "other"})
    await space.external_secret(dataFrom=[generated("Fake", "made")], secretStoreRef=None)
    await space.bench.settled()
    assert "status" not in await space.get() or await space.ready() == ("", "", "")
    assert not await space.has()


async def test_generator_in_data_is_refused(space: Space) -> None:
    entry = {"secretKey": "a", "remoteRef": {"key": "k"}, **generated("Fake", "made")}
    await space.store(k="one")
    await space.external_secret(data=[entry])
    assert "generator" in await space.reaches(*FAILED)


@pytest.mark.parametrize("entry", [{}, {"dataFrom": [{"extract": {"key": "k"}}]}])
async def test_a_404_that_means_something_else_deletes_nothing(space: Space, entry: dict[str, Any]) -> None:
    space.shelve(k='{"k": "v"}')
    await space.store()
    await space.external_secret(target={"deletionPolicy": "Delete"}, refreshInterval="20ms", **entry)
    await space.synced()
    refused = InvalidRequestError("there is no such project")
    refused.__cause__ = NoSecretError()
    space.shelve(k=refused)
    await space.reaches("False", "SecretSyncedError", "could not get secret data from provider")
    assert await space.has()
    space.shelve()
    await space.reaches("True", "SecretDeleted")
    assert not await space.has()
