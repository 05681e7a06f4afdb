"""Known answers of `openssl enc -aes-256-cbc -md md5 -pass pass:'pass code' -base64 -A`, and what is none."""

from __future__ import annotations

import base64

import pytest

from eso.providers.onboardbase.decryption import decrypted

PASSPHRASE = b"pass code"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("U2FsdGVkX1+GV3o9WtZafDs0zftloW5cnyuEvm5YnLo=", "plain text"),
        ("U2FsdGVkX18VMVXZG5QDqbKK3TAAVSo7pOV7RtPZhJ0=", ""),
        ("U2FsdGVkX1+urnqLogX1a16aJBVyqnbS6vmnYAgnj057uhGIUS1WwhSKC8nN4Bg9", "exactly sixteen!"),
        ("U2FsdGVkX19zVDp0h1V44ykDkwl+jX1qGkODBM6sI8A=", '{"a":"ü"}'),
    ],
)
def test_known_answers(text: str, plain: str) -> None:
    assert decrypted(text, PASSPHRASE) == plain.encode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not encrypted"),
        ("canary", "not base64"),
        ("U2FsdGVkX1+GV3o9WtZafDs0zftloW5cnyuEvm5YnLo", "not base64"),
        (base64.b64encode(b"canary" * 8).decode(), "not encrypted"),
        (base64.b64encode(b"Salted__" + b"12345678").decode(), "not encrypted"),
        (base64.b64encode(b"Salted__" + b"12345678" + b"x" * 17).decode(), "not encrypted"),
        (base64.b64encode(b"Salted__" + b"12345678" + b"x" * 16).decode(), "another passphrase"),
    ],
)
def test_texts_that_are_none(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        decrypted(text, PASSPHRASE)
    assert "canary" not in str(caught.value)


def test_another_passphrase() -> None:
    with pytest.raises(ValueError, match="another passphrase"):
        decrypted("U2FsdGVkX1+GV3o9WtZafDs0zftloW5cnyuEvm5YnLo=", b"canary")
