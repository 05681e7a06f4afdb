"""Vendor text without secrets."""

from __future__ import annotations

import base64
import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eso.redaction import scrub
from eso.values import SecretValue

CANARY = 'canary"value/42+ü\n'


@pytest.mark.parametrize(
    "shown",
    [
        CANARY,
        json.dumps(CANARY),
        json.dumps(CANARY, ensure_ascii=False),
        urllib.parse.quote(CANARY, safe=""),
        base64.b64encode(CANARY.encode()).decode(),
        base64.urlsafe_b64encode(CANARY.encode()).decode().rstrip("="),
        CANARY.encode().hex(),
    ],
)
def test_known_values_in_every_form(shown: str) -> None:
    found = scrub(f"invalid request: {shown} is wrong", [SecretValue(CANARY)])
    assert "canary" not in found
    assert shown.strip() not in found
    assert found.startswith("invalid request: ")
    assert found.endswith("is wrong")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdef123456789", "abcdef123456789"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl expired", "eyJzdWIiOiIxIn0"),
        ("key AKIAIOSFODNN7EXAMPLE is unknown", "AKIAIOSFODNN7EXAMPLE"),
        ("vault said hvs.CAESIJlBCDEFGHIJKLMNOPQRSTUV no", "hvs.CAESIJlBCDEFGHIJKLMNOPQRSTUV"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123 revoked", "ghp_abcdefghijklmnopqrstuvwxyz0123"),
        ("password=hunter2&user=bob", "hunter2"),
        ('{"client_secret": "hunter2"}', "hunter2"),
        ("https://bob:hunter2@example.com/x", "hunter2"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEhunter2\n-----END PRIVATE KEY-----", "MIIEhunter2"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEhunter2 and cut", "MIIEhunter2"),
    ],
)
def test_what_looks_like_a_credential(text: str, secret: str) -> None:
    assert secret not in scrub(text)


def test_ordinary_text_stays() -> None:
    text = "secret db/password not found in project 42 (request 1f2e)"
    assert scrub(text) == text


def test_short_values_are_replaced_as_words_only() -> None:
    assert scrub("the cat sat on a mat: a", [SecretValue("a")]) == "the cat sat on [redacted] mat: [redacted]"


def test_each_line_of_a_long_value_is_secret() -> None:
    assert "second-line" not in scrub("near 'second-line'", [SecretValue("first-line\nsecond-line\n")])


def test_one_line_and_bounded() -> None:
    assert scrub("a\r\nb\x1b[31mc") == "a b [31mc"
    assert len(scrub("x " * 5000)) <= 1027


@given(st.text(min_size=4, max_size=30).filter(str.strip), st.text(max_size=20), st.text(max_size=20))
def test_a_known_value_never_survives(value: str, before: str, after: str) -> None:
    marked = f"<{value}>"
    assert marked not in scrub(f"{before}{marked}{after}", [SecretValue(marked)])
