"""A secret value must not come out by any of the usual ways."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Callable

import pytest

from eso.values import REDACTED, SecretValue, reveal_all, wrap_all

CANARY = "canary-5e1f"
VALUE = SecretValue(CANARY)


@pytest.mark.parametrize(
    "speak",
    [
        str,
        repr,
        "{}".format,
        "{:>40}".format,
        "{!r}".format,
        lambda value: f"{value}",
        lambda value: "%s %r" % (value, value),  # noqa: UP031 - this form too
        lambda value: str({"k": value}),
        lambda value: str([value]),
        lambda value: repr(ValueError(value)),
    ],
)
def test_no_text_form_tells_it(speak: Callable[[SecretValue], str]) -> None:
    text = speak(VALUE)
    assert CANARY not in text
    assert REDACTED in text


@pytest.mark.parametrize("dump", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_it_cannot_be_serialised(dump: Callable[[SecretValue], object]) -> None:
    with pytest.raises(TypeError) as caught:
        dump(VALUE)
    assert CANARY not in str(caught.value)


def test_logs_do_not_tell_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("value %s of %r", VALUE, {"k": VALUE})
    assert CANARY not in caplog.text


def test_it_has_no_attributes_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(VALUE)
    with pytest.raises(TypeError):
        hash(VALUE)


def test_whoever_asks_gets_it() -> None:
    assert VALUE.reveal() == CANARY.encode()
    assert VALUE.reveal_text() == CANARY
    assert reveal_all(wrap_all({"a": b"1", "b": "2"})) == {"a": b"1", "b": b"2"}


def test_bytes_that_are_no_text_survive() -> None:
    raw = bytes(range(256))
    assert SecretValue(SecretValue(raw).reveal_text()).reveal() == raw


@pytest.mark.parametrize(("raw", "text"), [(b"", ""), ("\u00e4".encode(), "\u00e4"), (b"\xff", None)])
def test_text_that_must_be_utf8(raw: bytes, text: str | None) -> None:
    assert SecretValue(raw).utf8() == text


def test_equality_and_size() -> None:
    assert SecretValue("a") == SecretValue(b"a")
    assert SecretValue("a") != SecretValue("b")
    assert SecretValue("a") != "a"
    assert len(SecretValue("abc")) == 3
    assert not SecretValue("")
