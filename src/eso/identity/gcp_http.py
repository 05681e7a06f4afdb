"""One request to an endpoint of Google's sign-in, and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from eso.errors import AccessDeniedError, InvalidRequestError, NoSecretError, ProviderError
from eso.identity.http import error_for_status, read_body, retry_after, transport_errors

__all__ = ["Answer", "answer_to", "text_of"]

_LIMIT: Final = 1 << 20
"""Bytes of an answer that are read: a token and what is said about it."""


class Answer:
    """What an endpoint said. It may hold credentials and never prints.

    Attributes:
        status: HTTP status code.
        content: the body as a JSON object; empty when it is none.
        text: the body.
    """

    __slots__ = ("_headers", "content", "status", "text")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.text = body.decode("utf-8", "replace")
        self._headers = headers
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        self.content: dict[str, Any] = content if isinstance(content, dict) else {}

    def error(self, what: str) -> ProviderError:
        """The error for an answer that is not success; 404 of a sign-in says nothing about a secret."""
        if self.status == 400:
            # Source: RFC 6749 5.2; a grant that is expired, revoked or not trusted is answered with 400.
            return AccessDeniedError(f"{what}: Google refused the credentials (400)")
        found = error_for_status(self.status, what, wait=retry_after(self._headers))
        return InvalidRequestError(str(found)) if isinstance(found, NoSecretError) else found


async def answer_to(
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
) -> Answer:
    """Send a request; whatever comes back is returned. Redirects are not followed: they would take credentials along.

    Args:
        session: to send it with.
        method: of the request.
        url: absolute.
        what: the operation in our own words, for messages.
        headers: added to the session's.
        params: of the query.
        form: sent as a form.
        document: sent as JSON.
        timeout: seconds for the whole request; None leaves it to the session.

    Raises:
        UnavailableError: there was no answer.
        InvalidRequestError: the URL is not valid, or the answer is too long.
    """
    options: dict[str, Any] = {"headers": headers, "params": params, "allow_redirects": False}
    if form is not None:
        options["data"] = dict(form)
    if document is not None:
        options["json"] = document
    if timeout is not None:
        options["timeout"] = aiohttp.ClientTimeout(total=timeout)
    with transport_errors(what):
        async with session.request(method, url, **options) as response:
            body = await read_body(response, what, limit=_LIMIT)
            return Answer(response.status, dict(response.headers), body)


def text_of(answer: Answer, name: str, what: str) -> str:
    """A member of the answer that must be a text with something in it.

    Raises:
        ProviderError: it is not.
    """
    found = answer.content.get(name)
    if not isinstance(found, str) or not found:
        raise ProviderError(f'{what}: the answer has no "{name}"')
    return found
