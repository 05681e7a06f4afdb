"""What a header can carry, and who is named when it cannot."""

from __future__ import annotations

import pytest

from eso.errors import InvalidSpecError
from eso.stores.sendable import SendableHeaders
from eso.values import SecretValue

PLACE = 'key "token" of secret "app/vendor"'


@pytest.mark.parametrize("value", [b"hunter2\n", b"hunter2\r\nX: y", b"hunter2\0", b"hunter2\x7f", b"hunter2\xff"])
@pytest.mark.parametrize("prefix", ["", "Token "])
def test_a_refusal_names_where_the_credential_is(value: bytes, prefix: str) -> None:
    headers, credential = SendableHeaders(), SecretValue(value)
    headers.remember('key "pem" of secret "app/vendor"', SecretValue(b"another\nwith lines"))
    headers.remember(PLACE, credential)
    with pytest.raises(InvalidSpecError) as caught:
        headers.check({"Accept": "a", "X-Api-Key": prefix + credential.reveal_text()})
    assert str(caught.value).startswith(f"{PLACE} cannot be sent as header X-Api-Key: it holds a line break")
    assert "hunter2" not in repr(caught.value)


def test_values_of_unknown_origin_are_told_by_their_header() -> None:
    headers = SendableHeaders()
    headers.remember(PLACE, SecretValue(b"old\n"))
    headers.remember(PLACE, SecretValue(b"new"))
    with pytest.raises(InvalidSpecError, match="header X-Api-Key cannot be sent: "):
        headers.check({"X-Api-Key": "old\n"})


def test_what_can_be_sent() -> None:
    SendableHeaders().check({"A": "", "B": "tab\tand space ", "C": "ключ", "D": "\u00a0"})
