"""Looking on: what a call answers or raises, and whether a secret shows in it or in a log."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from eso.errors import EsoError
from eso.providers.base import SecretsClient
from eso.providers.testing.subject import ContractError, Subject
from eso.values import SecretValue

__all__ = ["client_of", "is_value", "leaks", "must", "raises", "silent", "watched_logs"]

ErrorT = TypeVar("ErrorT", bound=EsoError)


@asynccontextmanager
async def client_of(subject: Subject) -> AsyncIterator[SecretsClient]:
    """A client for the length of a block."""
    client = await subject.connect()
    try:
        yield client
    finally:
        await client.close()


async def raises(kind: type[ErrorT], call: Awaitable[object], subject: Subject, what: str) -> ErrorT:
    """The error that a call must raise.

    Raises:
        ContractError: it returned, raised something else, or the error shows a secret.
    """
    try:
        await call
    except kind as err:
        silent(err, subject, what)
        return err
    except EsoError as err:
        # Its text goes unseen: it may be the leak that another check looks for.
        raise ContractError(f"{what} must raise {kind.__name__}, not {type(err).__name__}") from None
    raise ContractError(f"{what} must raise {kind.__name__}; it returned")


def silent(err: BaseException, subject: Subject, what: str) -> None:
    """Make sure that an error and what it comes from show no secret.

    Raises:
        ContractError: they do.
    """
    shown = "".join(traceback.format_exception(err)) + repr(err)
    must(not leaks(shown, subject), f"{what}: the error, or one it comes from, shows a secret value or a credential")


def leaks(text: str, subject: Subject) -> bool:
    """Whether a text shows a value or a credential of the subject."""
    marks = (subject.value, subject.property_value, *subject.credentials)
    return any(mark.decode("utf-8", "replace") in text or repr(mark)[2:-1] in text for mark in marks if mark)


def is_value(found: object, wanted: bytes, what: str) -> None:
    """Make sure that an answer is a value with these bytes.

    Raises:
        ContractError: it is not.
    """
    must(isinstance(found, SecretValue), f"{what} must answer with a SecretValue, not {type(found).__name__}")
    must(found == SecretValue(wanted), f"{what} must answer with the stored bytes")


def must(holds: bool, message: str) -> None:
    """State a rule.

    Raises:
        ContractError: with the message, which holds no value.
    """
    # Not `assert`: python -O removes it, and pytest would print the values compared.
    if not holds:
        raise ContractError(message)


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@contextmanager
def watched_logs(subject: Subject) -> Iterator[None]:
    """Refuse what any logger shows, at any level."""
    root, kept = logging.getLogger(), _Kept()
    before = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(kept)
    leaking = next((text.split(" ", 1)[0] for text in kept.texts if leaks(text, subject)), "")
    must(not leaking, f"the logger {leaking} shows a secret value or a credential")
