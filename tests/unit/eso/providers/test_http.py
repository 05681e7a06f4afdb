"""Errors by status, waiting, pages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import aiohttp
import pytest

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.http import error_for_status, pages, retry_after, transport_errors

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, NoSecretError),
        (408, UnavailableError),
        (409, InvalidRequestError),
        (422, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
def test_status(status: int, kind: type[ProviderError]) -> None:
    err = error_for_status(status, "reading secret x", wait=3.0)
    assert type(err) is kind
    assert str(err).startswith(f"reading secret x: the provider answered {status}")
    assert getattr(err, "retry_after", 3.0) == 3.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        ("999999999999", 3600.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-AFTER": value}, NOW) == seconds
    assert retry_after({}, NOW) is None


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (TimeoutError(), UnavailableError),
        (aiohttp.ServerDisconnectedError("hunter2"), UnavailableError),
        (aiohttp.ClientPayloadError("hunter2"), UnavailableError),
        (aiohttp.InvalidURL("https://x:hunter2@"), InvalidRequestError),
        (ConnectionResetError("hunter2"), UnavailableError),
        (RuntimeError("File descriptor 7 is used by transport hunter2"), UnavailableError),
    ],
)
def test_transport_errors_keep_no_text(raised: Exception, kind: type[ProviderError]) -> None:
    with pytest.raises(kind) as caught, transport_errors("reading secret x"):
        raise raised
    assert str(caught.value).startswith("reading secret x: ")
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


def test_errors_of_our_own_are_not_taken_for_the_networks() -> None:
    with pytest.raises(RecursionError), transport_errors("reading secret x"):
        raise RecursionError


def test_pages() -> None:
    async def main() -> None:
        book = {"": ([1, 2], "b"), "b": ([3], "c"), "c": ([], "")}

        async def fetch(token: str) -> tuple[Sequence[int], str]:
            return book[token]

        assert [item async for item in pages(fetch)] == [1, 2, 3]

        async def loop(token: str) -> tuple[Sequence[int], str]:
            return [1], "same"

        with pytest.raises(ProviderError, match="does not end"):
            [item async for item in pages(loop)]

    asyncio.run(main())
