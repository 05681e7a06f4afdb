"""Backends that fail: for each way, which error a provider must raise and what its text must tell."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, cast

import aiohttp

from eso.errors import AccessDeniedError, EsoError, NoSecretError, ProviderError, ThrottledError, UnavailableError
from eso.providers.base import RemoteRef, SecretsClient, StoreContext
from eso.providers.testing.subject import ContractError, Subject
from eso.providers.testing.watching import client_of, is_value, must, silent, watched_logs

__all__ = ["FAULTS", "Expectation", "impatient", "run_fault"]


@dataclass(frozen=True, slots=True)
class Expectation:
    """How a provider must take a fault.

    Attributes:
        kind: class of the error, by which the operator decides when to try again. Never a NoSecretError: that would delete.
        tells: regular expression (any case) for what the text must say, so that its reader knows where to look.
        may_work: whether reading on is as good: a client that signs in anew, a token that outlives its password.
    """

    kind: type[EsoError]
    tells: str
    may_work: bool = False


_SIGN_IN: Final = "credential|permission|allowed|role|sign|denied"

FAULTS: Final[Mapping[str, Expectation]] = MappingProxyType(
    {
        "denied": Expectation(AccessDeniedError, _SIGN_IN),
        "throttled": Expectation(ThrottledError, "429|throttl|slow down|too many|later"),
        "timeout": Expectation(UnavailableError, "in time|not answer|no answer|timed out"),
        "half-open": Expectation(UnavailableError, "in time|not answer|no answer|timed out|reached"),
        "wrong certificate": Expectation(UnavailableError, "certificate|caBundle"),
        "expired token": Expectation(AccessDeniedError, _SIGN_IN, may_work=True),
        "rotated credentials": Expectation(AccessDeniedError, _SIGN_IN, may_work=True),
        "malformed answer": Expectation(ProviderError, "JSON|malformed|answer"),
        "huge answer": Expectation(ProviderError, "longer|larger|too large|bytes|MiB"),
    }
)
"""What `Subject.failures` means by these names.

- `denied`: every request is refused for lack of permission;
- `throttled`: every request is refused for now, with `Subject.retry_after`;
- `timeout`: requests arrive, answers do not; give the client little time, see `impatient`;
- `half-open`: connections are accepted, and nothing more, not even a TLS handshake;
- `wrong certificate`: the server shows one that the store does not trust;
- `expired token`: what the client got by signing in is no longer valid;
- `rotated credentials`: what the store signs in with is no longer valid;
- `malformed answer`: success, with a body that is not what the API says;
- `huge answer`: success, with a body of 10 MB.
"""


async def run_fault(name: str, subject: Subject) -> None:
    """Let the backend fail in one way of `FAULTS` under a client at work and under one that is made meanwhile.

    Raises:
        ContractError: the provider takes it otherwise than expected, or does not work afterwards.
        KeyError: there is no such fault.
    """
    expected = FAULTS[name]
    if name in subject.exempt:
        must(bool(subject.exempt[name].strip()), f"Subject.exempt must say why there is no {name!r}")
        return
    must(name in subject.failures, f"the Subject needs a failure {name!r}, or a reason in exempt")

    async def anew() -> None:
        async with client_of(subject) as fresh:
            await _read(fresh, subject)

    with watched_logs(subject):
        async with client_of(subject) as client, subject.failures[name]():
            await _taken(lambda: _read(client, subject), expected, subject, f"the fault {name!r}, of a client at work,")
            await _taken(anew, expected, subject, f"the fault {name!r}, of a new client,")
        await anew()


def impatient(context: StoreContext, seconds: float) -> StoreContext:
    """The context, but with HTTP sessions that wait for an answer no longer than that, so that tests need not either."""
    return cast(StoreContext, _Impatient(context, seconds))


class _Impatient:
    def __init__(self, context: StoreContext, seconds: float) -> None:
        self._context = context
        self._seconds = seconds

    def http(self, base_url: str = "", *, timeout: float = 30.0, **options: Any) -> aiohttp.ClientSession:
        return self._context.http(base_url, timeout=min(timeout, self._seconds), **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


async def _read(client: SecretsClient, subject: Subject) -> None:
    if not subject.reads:
        await client.validate()
        return
    is_value(await client.get_secret(RemoteRef(subject.key)), subject.value, "get_secret")


async def _taken(read: Callable[[], Awaitable[None]], expected: Expectation, subject: Subject, what: str) -> None:
    kind = expected.kind
    try:
        async with asyncio.timeout(subject.patience):
            await read()
    except TimeoutError:
        raise ContractError(f"{what} must end in {kind.__name__} within {subject.patience:g} s") from None
    except EsoError as err:
        silent(err, subject, what)
        must(
            isinstance(err, kind) and not isinstance(err, NoSecretError),
            f"{what} must raise {kind.__name__}, not {type(err).__name__}",
        )
        must(bool(re.search(expected.tells, str(err), re.IGNORECASE)), f"{what} must tell of {expected.tells}: {err}")
        if isinstance(err, ThrottledError):
            must(err.retry_after == subject.retry_after, f"{what} must hand on Retry-After, not {err.retry_after}")
        return
    except ContractError:
        raise
    except Exception as err:  # noqa: BLE001 - whatever else a provider lets through is its defect
        raise ContractError(f"{what} must raise {kind.__name__}, not {type(err).__name__}") from None
    must(expected.may_work, f"{what} must raise {kind.__name__}; it returned")
