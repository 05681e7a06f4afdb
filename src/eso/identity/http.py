"""Talking HTTP to a vendor: errors by status, bodies with a limit, pages with an end."""

from __future__ import annotations

import email.utils
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import aiohttp

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.transform.gojson import loads

__all__ = [
    "BODY_LIMIT",
    "AnswerTooLongError",
    "error_for_status",
    "exchange",
    "json_object",
    "pages",
    "read_body",
    "read_json",
    "retry_after",
    "transport_errors",
]

T = TypeVar("T")
A = TypeVar("A")

BODY_LIMIT: Final = 8 << 20
"""Bytes of an answer that are read. The largest secret of any vendor is well below; the API server stores 1 MiB."""

_TOKEN_LIMIT: Final = 1 << 20
"""Bytes of an answer that are read in a sign-in: a token and what is said about it."""

_LONGEST_WAIT: Final = 3600.0
_MOST_PAGES: Final = 10_000


class AnswerTooLongError(InvalidRequestError):
    """The answer is longer than anything that is wanted from this server."""


def error_for_status(status: int, what: str, *, wait: float | None = None) -> ProviderError:
    """The error for an HTTP status that is not success.

    Args:
        status: HTTP status code.
        what: the operation and its subject in our own words, for example `reading secret db/password`.
        wait: seconds from Retry-After.
    """
    message = f"{what}: the provider answered {status}"
    if status == 404:
        return NoSecretError(message)
    if status in (401, 403, 407):
        return AccessDeniedError(f"{message}, check the credentials of the store and what they are allowed to do")
    if status == 429:
        return ThrottledError(f"{message}, too many requests: it is tried again later", retry_after=wait)
    if status in (408, 425) or status >= 500:
        return UnavailableError(message, retry_after=wait)
    return InvalidRequestError(message)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header (a number or a date), at most one hour; None when there is none.

    Args:
        headers: of the answer.
        now: wall clock, for dates; None takes the system's.
    """
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:8]), _LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - (now or datetime.now(UTC))).total_seconds()), _LONGEST_WAIT)


@contextmanager
def transport_errors(what: str) -> Iterator[None]:
    """Turn what aiohttp raises into `UnavailableError`; its texts may hold URLs with secrets, so they are left out.

    Raises:
        UnavailableError: no connection, no answer in time, or an answer that broke off.
    """
    try:
        yield
    except TimeoutError as err:
        raise UnavailableError(
            f"{what}: the provider did not answer in time, check its address and the network to it"
        ) from _without_text(err)
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as err:
        raise UnavailableError(
            f"{what}: the TLS connection failed, check the server's certificate, and caBundle or caProvider if the store has one"
        ) from _without_text(err)
    except aiohttp.InvalidURL as err:
        raise InvalidRequestError(f"{what}: the URL is not valid") from _without_text(err)
    except (aiohttp.ClientError, OSError, RuntimeError) as err:
        if isinstance(err, RuntimeError) and type(err) is not RuntimeError:
            raise
        # RuntimeError: uvloop refuses a socket whose number it still knows from a connection that was given up.
        raise UnavailableError(
            f"{what}: the provider cannot be reached ({type(err).__name__}), check its address and the network to it"
        ) from _without_text(err)


def _without_text(err: BaseException) -> Exception:
    return ConnectionError(type(err).__name__)


async def read_body(response: aiohttp.ClientResponse, what: str, *, limit: int = BODY_LIMIT) -> bytes:
    """The body of an answer.

    Args:
        response: of which nothing was read yet.
        what: the operation, for messages.
        limit: bytes.

    Raises:
        AnswerTooLongError: it is longer than `limit`.
        UnavailableError: it broke off.
    """
    chunks: list[bytes] = []
    size = 0
    with transport_errors(what):
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > limit:
                response.close()
                raise AnswerTooLongError(
                    f"{what}: the answer is longer than {limit} bytes, which no Secret can hold: ask for a part of it"
                )
            chunks.append(chunk)
    return b"".join(chunks)


def json_object(body: bytes, what: str) -> dict[str, Any]:
    """The JSON object in an answer.

    Raises:
        ProviderError: there is none. Its text never holds the body.
    """
    try:
        found = loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the provider's answer is not a JSON object")
    return found


async def read_json(
    response: aiohttp.ClientResponse, what: str, *, limit: int = BODY_LIMIT, exact_numbers: bool = False
) -> Any:
    """The body of a successful answer as JSON; other answers raise by their status.

    Args:
        response: of which nothing was read yet.
        what: the operation, for messages.
        limit: bytes.
        exact_numbers: keep numbers as the digits they were written with.

    Raises:
        ProviderError: by status, see `error_for_status`; or the body is not JSON. Its text never holds the body.
    """
    if response.status >= 400:
        raise error_for_status(response.status, what, wait=retry_after(response.headers))
    body = await read_body(response, what, limit=limit)
    try:
        return loads(body, exact=exact_numbers)
    except ValueError as err:
        raise ProviderError(f"{what}: the provider's answer is not JSON") from err


async def pages(fetch: Callable[[str], Awaitable[tuple[Sequence[T], str]]]) -> AsyncIterator[T]:
    """The items of a paged list.

    Args:
        fetch: given a token (empty for the first page), answers with items and the next token (empty at the end).

    Raises:
        ProviderError: a token comes back twice, or there is no end.
    """
    seen: set[str] = set()
    token = ""
    for _ in range(_MOST_PAGES):
        items, token = await fetch(token)
        for item in items:
            yield item
        if not token:
            return
        if token in seen:
            break
        seen.add(token)
    raise ProviderError("the provider's list does not end: a page repeats")


async def exchange(
    answer: Callable[[int, Mapping[str, str], bytes], A],
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    what: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    document: Any = None,
    timeout: float | None = None,
) -> A:
    """Send a request; whatever comes back is returned. Redirects are not followed: they would take credentials along.

    Args:
        answer: made from status, headers (whose names may be looked up in any case) and body.
        session: to send it with.
        method: of the request.
        url: relative to the session's base, or absolute.
        what: the operation in our own words, for messages.
        headers: added to the session's.
        params: of the query.
        form: sent as a form.
        document: sent as JSON.
        timeout: seconds for the whole request; None leaves it to the session.

    Raises:
        UnavailableError: there was no answer.
        InvalidRequestError: the URL is not valid, or the answer is longer than a token and what is said about it.
    """
    options: dict[str, Any] = {"headers": headers, "params": params, "allow_redirects": False}
    if form is not None:
        options["data"] = dict(form)
    if document is not None:
        options["json"] = document
    if form is None and document is None:
        # Nothing is sent, so it has no type either.
        options["skip_auto_headers"] = ("Content-Type",)
    if timeout is not None:
        options["timeout"] = aiohttp.ClientTimeout(total=timeout)
    with transport_errors(what):
        async with session.request(method, url, **options) as response:
            body = await read_body(response, what, limit=_TOKEN_LIMIT)
            return answer(response.status, response.headers, body)
