"""One request to an endpoint of Google's sign-in, and its answer."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from eso.errors import AccessDeniedError, InvalidRequestError, NoSecretError, ProviderError
from eso.identity.http import error_for_status, exchange, retry_after
from eso.transform.gojson import loads

__all__ = ["Answer", "answer_to", "text_of"]


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
            content = loads(body)
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


answer_to = functools.partial(exchange, Answer)
"""`eso.identity.http.exchange` with this module's answer."""


def text_of(answer: Answer, name: str, what: str) -> str:
    """A member of the answer that must be a text with something in it.

    Raises:
        ProviderError: it is not.
    """
    found = answer.content.get(name)
    if not isinstance(found, str) or not found:
        raise ProviderError(f'{what}: the answer has no "{name}"')
    return found
