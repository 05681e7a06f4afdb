"""One signed request to a service of Oracle, and what its refusals mean."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

import aiohttp
from yarl import URL

from eso.errors import AccessDeniedError, NoSecretError, ProviderError, ThrottledError, UnavailableError
from eso.providers.http import error_for_status, read_body, read_json, retry_after, transport_errors
from eso.providers.oracle.auth import Principal, Surroundings
from eso.providers.oracle.signing import Identity, signed_headers
from eso.transform.gojson import loads

__all__ = ["Answer", "Request", "RetryPolicy", "Transport", "UnseenError"]

T = TypeVar("T")

_LONGEST_WAIT: Final = 5.0
"""Seconds; a service that asks for a longer wait is not pressed."""

_REFUSAL: Final = 1 << 16
"""Bytes of a refusal that are read."""

_CODES: Final = frozenset(
    [
        "CannotParseRequest",
        "InvalidParameter",
        "LimitExceeded",
        "MissingParameter",
        "QuotaExceeded",
        "NotAuthenticated",
        "RelatedResourceNotAuthorizedOrNotFound",
        "NotAllowed",
        "NotAuthorized",
        "SignUpRequired",
        "NotAuthorizedOrNotFound",
        "NotFound",
        "MethodNotAllowed",
        "IncorrectState",
        "InvalidatedRetryToken",
        "NotAuthorizedOrResourceAlreadyExists",
        "NoEtagMatch",
        "PayloadTooLarge",
        "UnprocessableEntity",
        "TooManyRequests",
        "InternalServerError",
        "MethodNotImplemented",
        "ServiceUnavailable",
    ]
)
"""Codes that may be repeated; source: Oracle's "API Errors". Whatever else an answer says may hold a secret."""

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class UnseenError(NoSecretError):
    """Oracle's answer for what does not exist and for what may not be seen."""


class _UnauthenticatedError(AccessDeniedError):
    """The identity was refused: another one may not be."""


class _BusyError(UnavailableError):
    """It is being changed by somebody else."""


class RetryPolicy(NamedTuple):
    """How failures that may pass are tried again.

    Attributes:
        attempts: at least 1.
        interval: seconds between them.
    """

    attempts: int = 1
    interval: float = 1.0


class Request(NamedTuple):
    """A request, in Oracle's words and ours.

    Attributes:
        service: its name.
        operation: its name.
        subject: what it is about.
        method: of HTTP.
        url: as it is sent.
        body: as it is sent.
        headers: beside those that are signed.
    """

    service: str
    operation: str
    subject: str
    method: str
    url: URL
    body: bytes = b""
    headers: Mapping[str, str] = _NO_HEADERS

    @property
    def what(self) -> str:
        """The request in messages."""
        return f"{self.service} service failed to {self.operation} {self.subject}"


class Answer(NamedTuple):
    """What came back.

    Attributes:
        document: decoded JSON; None where it does not matter.
        headers: of the answer; their case does not matter.
    """

    document: Any
    headers: Mapping[str, str]


class Transport:
    """Signs and sends.

    Args:
        http: a session.
        principal: whose requests they are.
        around: has the clock.
        retries: of failures that may pass.
    """

    def __init__(
        self, http: aiohttp.ClientSession, principal: Principal, around: Surroundings, retries: RetryPolicy
    ) -> None:
        self._http = http
        self._principal = principal
        self._around = around
        self._retries = retries

    async def send(self, request: Request, *, read: bool = True) -> Answer:
        """The answer.

        Args:
            request: to send.
            read: whether the answer's document matters.

        Raises:
            ProviderError: by status and code; its text names service, operation, status and code.
        """
        return await _retried(lambda: self._once(request, read), self._retries)

    async def _once(self, request: Request, read: bool) -> Answer:
        identity = await self._principal.identity()
        try:
            return await self._exchange(request, identity, read)
        except _UnauthenticatedError:
            if not self._principal.refused(identity):
                raise
        return await self._exchange(request, await self._principal.identity(), read)

    async def _exchange(self, request: Request, identity: Identity, read: bool) -> Answer:
        signed = signed_headers(identity, request.method, request.url, request.body, self._around.now())
        with transport_errors(request.what):
            async with self._http.request(
                request.method,
                request.url,
                data=None if request.method == "GET" else request.body,
                headers={**request.headers, **signed},
                allow_redirects=False,
            ) as response:
                if response.status >= 300:
                    raise await _failure(response, request)
                document = await read_json(response, request.what) if read else None
                return Answer(document, response.headers)


async def _retried(send: Callable[[], Awaitable[T]], policy: RetryPolicy) -> T:
    for _ in range(policy.attempts - 1):
        try:
            return await send()
        except (ThrottledError, UnavailableError) as err:
            wait = err.retry_after or 0.0
            if wait > _LONGEST_WAIT:
                raise
        await asyncio.sleep(max(policy.interval, wait))
    return await send()


async def _failure(response: aiohttp.ClientResponse, request: Request) -> ProviderError:
    status, code = response.status, await _code(response, request.what)
    what = f"{request.what}, HTTP status code {status}{f' {code}' if code else ''}"
    if code == "NotAuthorizedOrNotFound":
        return UnseenError(f"{what}: it does not exist, or the principal has no permission to see it")
    if code == "IncorrectState":
        return _BusyError(f"{what}: it is being changed, it is tried again later")
    found = error_for_status(status, what, wait=retry_after(response.headers))
    return _UnauthenticatedError(str(found)) if status == 401 else found


async def _code(response: aiohttp.ClientResponse, what: str) -> str:
    try:
        said = loads(await read_body(response, what, limit=_REFUSAL))
    except (ValueError, ProviderError):
        return ""
    code = said.get("code") if isinstance(said, dict) else None
    return code if isinstance(code, str) and code in _CODES else ""
