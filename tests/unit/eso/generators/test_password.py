"""generators/password.md."""

from __future__ import annotations

import asyncio
import base64
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eso.errors import InvalidSpecError
from eso.generators.password import PasswordGenerator
from reconcile.testing.loop import run
from tests.support.generatorcontext import GeneratorBench

SYMBOLS = '~!@#$%^&*()_+`-={}|[]\\:"<>?,./'


def make(**spec: Any) -> dict[str, str]:
    body = {"length": 24, "noUpper": False, "allowRepeat": False, **spec}
    return run(GeneratorBench().generate(PasswordGenerator(), body))[0]


def counts(text: str) -> tuple[int, int, int]:
    letters = sum(character in string.ascii_letters for character in text)
    digits = sum(character in string.digits for character in text)
    return letters, digits, len(text) - letters - digits


@given(length=st.integers(1, 40), digits=st.integers(0, 10), symbols=st.integers(0, 20), lower=st.booleans())
def test_counts_are_exact_and_nothing_repeats(length: int, digits: int, symbols: int, lower: bool) -> None:
    letters = length - digits - symbols
    spec = {"length": length, "digits": digits, "symbols": symbols, "noUpper": lower}
    if letters < 0 or letters > (26 if lower else 52):
        with pytest.raises(InvalidSpecError):
            make(**spec)
        return
    password = make(**spec)["password"]
    assert counts(password) == (letters, digits, symbols)
    assert len(set(password)) == length
    assert set(password) <= set(string.ascii_letters + string.digits + SYMBOLS)
    assert not lower or password.lower() == password


@given(length=st.integers(0, 200))
def test_a_quarter_are_digits_and_a_quarter_symbols(length: int) -> None:
    wanted = length or 24
    assert counts(make(length=length, allowRepeat=True)["password"]) == (
        wanted - 2 * (wanted // 4),
        wanted // 4,
        wanted // 4,
    )


def test_default_pool_has_thirty_symbols() -> None:
    assert len(set(SYMBOLS)) == 30
    assert set(make(length=30, digits=0, symbols=30)["password"]) == set(SYMBOLS)


@pytest.mark.parametrize("pool", ["", None])
def test_empty_pool_means_the_default(pool: str | None) -> None:
    assert set(make(length=30, digits=0, symbols=30, symbolCharacters=pool)["password"]) == set(SYMBOLS)


def test_pool_of_other_scripts_stays_whole_characters() -> None:
    assert set(make(length=3, digits=0, symbols=3, symbolCharacters="äß€")["password"]) == set("äß€")


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"length": 4, "digits": 3, "symbols": 2}, "exceed"),
        ({"length": 53, "digits": 0, "symbols": 0}, "letters"),
        ({"length": 27, "digits": 0, "symbols": 0, "noUpper": True}, "letters"),
        ({"length": 11, "digits": 11, "symbols": 0}, "digits"),
        ({"length": 3, "digits": 0, "symbols": 3, "symbolCharacters": "!?"}, "symbols"),
        ({"length": 2, "digits": 0, "symbols": 2, "symbolCharacters": "!!"}, "symbols"),
        ({"digits": -1}, "negative"),
        ({"secretKeys": [""]}, "empty"),
        ({"secretKeys": ["a", "a"]}, "unique"),
        ({"length": 2**40, "allowRepeat": True}, "spec.length"),
        ({"length": 2**19 + 1, "allowRepeat": True, "secretKeys": ["a", "b"]}, "spec.secretKeys"),
        ({"length": 0, "symbolCharacters": "!?" * 2**19, "secretKeys": ["a", "b"]}, "spec.symbolCharacters"),
    ],
)
def test_impossible_specs_are_refused(spec: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        make(**spec)


def test_repeats_make_room() -> None:
    assert counts(make(length=100, digits=50, symbols=0, allowRepeat=True)["password"]) == (50, 50, 0)


def test_a_long_password_keeps_nobody_waiting() -> None:
    async def story() -> int:
        body = {"length": 20_000, "noUpper": False, "allowRepeat": True}
        work = asyncio.create_task(GeneratorBench().generate(PasswordGenerator(), body))
        turns = 0
        while not work.done():
            await asyncio.sleep(0)
            turns += 1
        assert counts((await work)[0]["password"]) == (10_000, 5_000, 5_000)
        return turns

    # Made in the loop, it would take two turns.
    assert asyncio.run(story()) > 5


def test_each_key_has_a_password_of_its_own() -> None:
    made = make(secretKeys=["a", "b"])
    assert set(made) == {"a", "b"}
    assert made["a"] != made["b"]


@pytest.mark.parametrize(
    ("encoding", "decode"),
    [
        ("raw", str.encode),
        ("base64", base64.b64decode),
        ("base64url", base64.urlsafe_b64decode),
        ("base32", base64.b32decode),
        ("hex", bytes.fromhex),
    ],
)
def test_encodings(encoding: str, decode: Any) -> None:
    made = make(length=25, encoding=encoding)["password"]
    assert counts(decode(made).decode()) == (13, 6, 6)
    if encoding == "hex":
        assert made == made.lower()


def test_positions_are_spread() -> None:
    """Digits are drawn after letters but stand anywhere."""
    places = set()
    for _ in range(200):
        password = make(length=4, digits=1, symbols=0, allowRepeat=True)["password"]
        places.add(next(at for at, character in enumerate(password) if character.isdigit()))
    assert places == {0, 1, 2, 3}


def test_an_unknown_encoding_is_raw() -> None:
    assert counts(make(length=25, encoding="rot13")["password"]) == (13, 6, 6)


@pytest.mark.parametrize("length", [0, -1])
def test_a_length_that_is_none_is_24(length: int) -> None:
    assert counts(make(length=length)["password"]) == (12, 6, 6)


def test_every_call_makes_a_new_password() -> None:
    assert make() != make()
