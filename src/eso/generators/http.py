"""Asking a vendor over HTTP: one request, its status as an error, its answer as JSON."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.identity.http import error_for_status, exchange, retry_after
from eso.redaction import scrub
from eso.transform.gojson import dumps
from eso.values import SecretValue

__all__ = ["Answer", "answer_to", "checked_url", "expiry_of", "text_of"]


class Answer:
    """What a vendor said. It may hold credentials and never prints.

    Attributes:
        status: HTTP status code.
        content: the body as JSON; None when it is none.
        text: the body as text.
    """

    __slots__ = ("content", "headers", "status", "text")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.text = body.decode("utf-8", "replace")
        try:
            self.content: Any = json.loads(body) if body else None
        except (ValueError, RecursionError):
            self.content = None

    def error(self, what: str, *, said: Iterable[str] = (), secrets: Iterable[SecretValue] = ()) -> ProviderError:
        """The error for an answer that is not success.

        A missing endpoint or object is no missing secret: the kind NoSecretError is left to those who mean it.

        Args:
            what: the operation, for the message.
            said: members of the answer in which the vendor explains itself; the first that is not empty is shown, scrubbed.
            secrets: values that it may not show.
        """
        wait = retry_after(self.headers)
        content = self.content if isinstance(self.content, Mapping) else {}
        text = next((_told(content[name]) for name in said if content.get(name)), "")
        found = error_for_status(self.status, f"{what}: {scrub(text, secrets)}" if text else what, wait=wait)
        return InvalidRequestError(str(found)) if isinstance(found, NoSecretError) else found


def _told(said: Any) -> str:
    """A text as it is, anything else as JSON: GitLab's `message` is `{"name": ["is too long"]}` for a value it does not like."""
    try:
        return said if isinstance(said, str) else dumps(said, escape_html=False)
    except ValueError:
        return ""


answer_to = functools.partial(exchange, Answer)
"""`eso.identity.http.exchange` with this module's answer."""


def text_of(answer: Answer, name: str, what: str) -> str:
    """A member of the answer that must be a text with something in it.

    Raises:
        ProviderError: it is not.
    """
    found = answer.content.get(name) if isinstance(answer.content, Mapping) else None
    if not isinstance(found, str) or not found:
        raise ProviderError(f'{what}: the answer has no "{name}"')
    return found


def checked_url(url: str, field: str) -> str:
    """A URL with a scheme and a host, without slashes at its end.

    Raises:
        InvalidSpecError: it is none.
    """
    url = url.rstrip("/")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise InvalidSpecError(f"{field} must be an http or https URL with a host")
    return url


def expiry_of(token: str, what: str) -> str:
    """The `exp` claim of a JWT, in decimal. The signature is not looked at: the vendor that issued it said so just now.

    Raises:
        ProviderError: it is no JWT, or has no numeric `exp`.
    """
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        expiry = claims["exp"]
        if isinstance(expiry, bool) or not isinstance(expiry, int | float):
            raise TypeError
        return str(int(expiry))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise ProviderError(f"{what}: the token is not a JWT with a numeric exp claim") from None
