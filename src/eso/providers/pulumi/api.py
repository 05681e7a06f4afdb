"""The requests to Pulumi ESC: open an environment, read a property of it, read and change its definition."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.providers.pulumi.spec import PulumiSpec
from eso.providers.renewed import Renewed
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["SOURCE", "ConflictError", "PulumiAPI"]

SOURCE: Final = "esc-sdk"
"""How requests are marked in `X-Pulumi-Source`: as those of the vendor's SDKs."""

_LARGEST: Final = 1 << 20
"""Bytes of a definition."""


class ConflictError(InvalidRequestError):
    """The environment was changed by somebody else since it was read."""


class PulumiAPI:
    """One environment.

    Args:
        http: a session.
        url: of the API, without slash at its end.
        spec: names the environment.
        tokens: where requests get their token.
        renews: whether there may be another token when one is refused.
        calls: the metered way.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        spec: PulumiSpec,
        tokens: Renewed[SecretValue],
        calls: ProviderCalls,
        *,
        renews: bool,
    ) -> None:
        names = (spec.organization, spec.project, spec.environment)
        self._http = http
        self._name = "/".join(names)
        self._base = f"{url}/environments/{'/'.join(quote(name, safe='') for name in names)}"
        self._tokens = tokens
        self._calls = calls
        self._renews = renews

    async def value(self, path: str) -> Any:
        """The value at a property path, as JSON; values in it have wrappers.

        Raises:
            ProviderError: there is none; never a NoSecretError, so that nothing is deleted.
        """
        session = await self._calls.read("OpenEnvironment", "open", self._open)
        answer = await self._calls.read("ReadProperty", (session, path), self._property(session, path))
        return answer["value"]

    async def holds(self, path: str, value: SecretValue) -> bool:
        """Whether the value at a property path is this one now, and a secret.

        Raises:
            ProviderError: as `value`.
        """
        session = await self._calls.write("OpenEnvironment", self._open)
        found = await self._calls.write("ReadProperty", self._property(session, path))
        return isinstance(found["value"], str) and SecretValue(found["value"]) == value and found.get("secret") is True

    async def definition(self) -> tuple[str, str]:
        """The environment as it is written, and what marks this state of it; empty when nothing does."""
        what = f"reading the definition of environment {self._name}"
        headers, body = await self._calls.write(
            "GetEnvironment",
            lambda: self._send("GET", "", what, headers={"Accept": "application/x-yaml, application/json"}),
        )
        try:
            return body.decode(), headers.get("ETag", "")
        except UnicodeDecodeError:
            raise ProviderError(f"{what}: the answer is not UTF-8") from None

    async def update(self, text: str, tag: str) -> None:
        """Write the definition.

        Raises:
            ConflictError: it is no longer in the state that `tag` marks.
        """
        what = f"writing environment {self._name}"
        headers = {"Content-Type": "application/x-yaml", **({"ETag": tag} if tag else {})}
        await self._calls.write(
            "UpdateEnvironment", lambda: self._send("PATCH", "", what, headers=headers, body=text.encode())
        )

    async def _open(self) -> str:
        what = f"opening environment {self._name}"
        _, body = await self._send("POST", "/open", what)
        answer = _json(body, what)
        session = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(session, str) or not session:
            raise ProviderError(f"{what}: the answer has no id")
        return session

    def _property(self, session: str, path: str) -> Callable[[], Awaitable[Mapping[str, Any]]]:
        what = f"reading {path} of environment {self._name}"

        async def fetch() -> Mapping[str, Any]:
            # Two slashes, as the vendor's SDKs write it.
            where = f"/open//{quote(session, safe='')}?{urlencode({'property': path}, quote_via=quote)}"
            _, body = await self._send("GET", where, what)
            answer = _json(body, what)
            if not isinstance(answer, dict) or "value" not in answer:
                raise ProviderError(f"{what}: the answer has no value")
            return answer

        return fetch

    async def _send(
        self, method: str, path: str, what: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[Mapping[str, str], bytes]:
        """Headers and body of an answer; one refusal of a token that can be renewed is answered by a new one."""
        url = URL(self._base + path, encoded=True)
        again = self._renews
        while True:
            token = await self._tokens.get()
            sent = {"Accept": "application/json", **(headers or {}), "Authorization": f"token {token.reveal_text()}"}
            with transport_errors(what):
                async with self._http.request(method, url, data=body, headers=sent, allow_redirects=False) as response:
                    if response.status == 401 and again:
                        again = False
                        self._tokens.forget(token)
                        continue
                    _check(response, what)
                    limit = {} if path else {"limit": _LARGEST}
                    return response.headers, await read_body(response, what, **limit)


def _check(response: aiohttp.ClientResponse, what: str) -> None:
    if response.status < 300:
        return
    if response.status in (409, 412):
        raise ConflictError(f"{what}: the provider answered {response.status}, somebody else changed it meanwhile")
    found = error_for_status(response.status, what, wait=retry_after(response.headers))
    if isinstance(found, NoSecretError):
        raise InvalidRequestError(str(found))
    raise found


def _json(body: bytes, what: str) -> Any:
    try:
        return loads(body)
    except ValueError:
        raise ProviderError(f"{what}: the provider's answer is not JSON") from None
