"""The SDK's requests through the operator's own HTTP session: its timeouts, its TLS settings, and answers with a limit."""

from __future__ import annotations

from typing import Any, Final, Self

import aiohttp
from aiobotocore.awsrequest import AioAWSResponse
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)
from yarl import URL

from eso.identity.http import BODY_LIMIT

__all__ = ["AnswerTooLongError", "SessionAdapter"]

_FORM: Final = "application/x-www-form-urlencoded"


class AnswerTooLongError(HTTPClientError):  # type: ignore[misc]  # the SDK has no types
    """The answer was given up at its limit; among the SDK's errors, as the SDK is what this passes through."""

    fmt = "the answer is longer than {limit} bytes"


class _Body:
    """A body that was read already, in the form the SDK reads bodies in."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self) -> bytes:
        return self._content


class SessionAdapter:
    """What the SDK takes for its HTTP session.

    Args:
        session: sends the requests; it belongs to whoever made it and is not closed here.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    def __call__(self, **_: Any) -> Self:
        """Called by the SDK as if this were a class, with settings that the session has already."""
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def close(self) -> None:
        """Nothing: the session lives on."""

    async def send(self, request: Any) -> AioAWSResponse:
        """Send a signed request.

        Raises:
            HTTPClientError: and the SDK's other classes for what can go wrong on the way.
        """
        headers = {name: _text(value) for name, value in request.headers.items()}
        # Compressed answers would defeat the limit.
        headers["Accept-Encoding"] = "identity"
        url = request.url
        try:
            async with self._session.request(
                request.method, URL(url, encoded=True), headers=headers, data=request.body, allow_redirects=False
            ) as response:
                content = await _read(response)
                answered = {name.lower(): value for name, value in response.headers.items()}
                if response.status >= 400 and headers.get("Content-Type", "").startswith(_FORM) and content[:1] != b"<":
                    # STS speaks XML; what stands between may not, and the SDK would not tell the status then.
                    metadata = {"HTTPStatusCode": response.status, "HTTPHeaders": answered}
                    raise ClientError({"Error": {}, "ResponseMetadata": metadata}, "")
                return AioAWSResponse(url, response.status, answered, _Body(content))
        except TimeoutError as err:
            raise ReadTimeoutError(endpoint_url=url, error=type(err).__name__) from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as err:
            raise SSLError(endpoint_url=url, error=type(err).__name__) from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError) as err:
            raise ConnectionClosedError(endpoint_url=url, error=type(err).__name__) from None
        except (aiohttp.ClientConnectionError, OSError) as err:
            raise EndpointConnectionError(endpoint_url=url, error=type(err).__name__) from None
        except (aiohttp.ClientError, ValueError) as err:
            # Among others a header with a line break: credentials are not repeated.
            raise HTTPClientError(error=type(err).__name__) from None


def _text(value: str | bytes) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else value


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > BODY_LIMIT:
            response.close()
            raise AnswerTooLongError(limit=BODY_LIMIT)
        chunks.append(chunk)
    return b"".join(chunks)
