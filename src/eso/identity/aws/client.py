"""Operations of one AWS service: retried where AWS says so, signed in anew once when credentials are refused."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from eso.errors import ProviderError, ThrottledError, UnavailableError
from eso.identity.aws.credentials import Credentials
from eso.identity.aws.errors import credentials_refused, error_of

__all__ = ["AWSClient", "RetryPolicy"]

_LONGEST_PAUSE: Final = 5.0
"""Seconds; where AWS asks to wait longer that is reported, and the caller comes back later."""

_LONGEST_DELAY: Final = 20.0
"""Seconds; as the standard retry mode of the AWS SDKs, which is also where the number of attempts comes from."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How throttled and failed requests are repeated.

    Attributes:
        attempts: requests at most, at least 1.
        interval: seconds between them; None waits a random time below 1, 2, 4 ... 20 s.
    """

    attempts: int = 3
    interval: float | None = None

    def delay(self, failed: int, random_share: Callable[[], float] = random.random) -> float:
        """Seconds to wait after the `failed`-th request failed."""
        if self.interval is not None:
            return self.interval
        return min(_LONGEST_DELAY, float(2 ** (failed - 1))) * random_share()


class AWSClient:
    """One service.

    Args:
        client: of the SDK, which does not retry by itself.
        credentials: what it signs with, to be renewed when they are refused; None where that cannot help.
        retries: how requests are repeated.
    """

    def __init__(self, client: Any, credentials: Credentials | None, retries: RetryPolicy) -> None:
        self._client = client
        self._credentials = credentials
        self._retries = retries

    async def call(self, operation: str, what: str, **parameters: Any) -> dict[str, Any]:
        """Make a request.

        Args:
            operation: in the SDK's spelling, for example `get_secret_value`.
            what: the operation and its subject in our own words, for messages.
            parameters: of the request; those that are None are left out.

        Raises:
            ProviderError: by the error code of AWS; its `__cause__` and text hold nothing of the answer.
            EsoError: signing in failed.
        """
        try:
            return await self.request(operation, what, **parameters)
        except (ClientError, BotoCoreError) as err:
            raise error_of(err, what) from None

    async def request(self, operation: str, what: str, **parameters: Any) -> dict[str, Any]:
        """As `call`, for those who have to look at the error themselves.

        Raises:
            ClientError, BotoCoreError: of the SDK. They hold the text of AWS: never let them out.
            EsoError: signing in failed.
        """
        method = getattr(self._client, operation)
        given = {name: value for name, value in parameters.items() if value is not None}
        failed = 0
        renewed = False
        while True:
            try:
                answer: dict[str, Any] = await method(**given)
                return answer
            except (ClientError, BotoCoreError) as err:
                if (
                    not renewed
                    and credentials_refused(err)
                    and self._credentials is not None
                    and self._credentials.drop()
                ):
                    renewed = True
                    continue
                failed += 1
                wait = _wait_after(error_of(err, what))
                if failed >= self._retries.attempts or wait is None:
                    raise
            except (ResponseParserError, ValueError, TypeError, KeyError, AttributeError) as err:
                # What the SDK's parsers raise for an answer that is not the protocol.
                raise error_of(err, what) from None
            await asyncio.sleep(max(wait, self._retries.delay(failed)))


def _wait_after(err: ProviderError) -> float | None:
    """Seconds to wait at least before the next request; None where another one is of no use now."""
    if not isinstance(err, (ThrottledError, UnavailableError)):
        return None
    wait = err.retry_after or 0.0
    return wait if wait <= _LONGEST_PAUSE else None
