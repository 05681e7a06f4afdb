"""Signatures of Chef's protocol 1.0, by the arithmetic behind them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from eso.errors import InvalidSpecError
from eso.providers.chef.signing import Signer
from eso.values import SecretValue
from tests.support.vendors.chef import pem_of, user_key

NOW = datetime(2009, 1, 1, 12, 0, 0, 999, tzinfo=UTC)
# SHA-1 of "/organizations/clownco" and of nothing, in Base64.
TEXT = (
    b"Method:GET\nHashed Path:YtBWDn1blGGuFIuKksdwXzHU9oE=\nX-Ops-Content-Hash:2jmj7l5rSw0yVb/vlWAYkK/YBwk=\n"
    b"X-Ops-Timestamp:2009-01-01T12:00:00Z\nX-Ops-UserId:spec-user"
)


def test_a_signature_is_the_text_itself_raised_to_the_private_exponent() -> None:
    key = SecretValue(pem_of(user_key()))
    headers = Signer("spec-user", key).headers("/organizations/clownco", NOW)
    chunks = [headers.pop(f"X-Ops-Authorization-{number}") for number in range(1, 7)]
    assert [len(chunk) for chunk in chunks] == [60, 60, 60, 60, 60, 44]
    numbers = user_key().private_numbers()
    block = b"\0\1" + b"\xff" * (256 - 3 - len(TEXT)) + b"\0" + TEXT
    wanted = pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(256, "big")
    assert base64.b64decode("".join(chunks)) == wanted
    assert headers == {
        "Accept": "application/json",
        "X-Chef-Version": "14.0.0",
        "X-Ops-Server-API-Version": "1",
        "X-Ops-Sign": "algorithm=sha1;version=1.0",
        "X-Ops-UserId": "spec-user",
        "X-Ops-Timestamp": "2009-01-01T12:00:00Z",
        "X-Ops-Content-Hash": "2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
    }


@pytest.mark.parametrize(("length", "fits"), [(94, True), (95, True), (96, False)])
def test_how_long_a_name_may_be(length: int, fits: bool) -> None:
    key, name = SecretValue(pem_of(user_key())), "a" * length
    if fits:
        assert Signer(name, key).headers("/", NOW)["X-Ops-UserId"] == name
        return
    with pytest.raises(InvalidSpecError, match="too short"):
        Signer(name, key)
