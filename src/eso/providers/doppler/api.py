"""The requests to Doppler, with what it answered before."""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from eso.errors import AccessDeniedError, InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.doppler.auth import Tokens
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.transform.gojson import dumps, loads
from eso.values import SecretValue

__all__ = ["DopplerAPI", "json_of", "send"]

_DOWNLOAD: Final = "v3/configs/config/secrets/download"
_SECRETS: Final = "v3/configs/config/secrets"


async def send(
    http: aiohttp.ClientSession,
    method: str,
    path: str,
    what: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    document: Any = None,
) -> tuple[int, str, bytes]:
    """Status, ETag and body of one request.

    Raises:
        ProviderError: by status; a missing config or secret is no NoSecretError.
    """
    sent = {"accept": "application/json", **(headers or {})}
    body: bytes | None = None
    if document is not None:
        sent["content-type"] = "application/json"
        body = dumps(document, escape_html=False).encode()
    with transport_errors(what):
        # Followed with a body, a redirect would carry secrets to wherever it points.
        options: dict[str, Any] = {"headers": sent, "params": query, "data": body}
        async with http.request(method, path, allow_redirects=method == "GET", **options) as response:
            status, tag = response.status, response.headers.get("etag", "")
            if 200 <= status < 300 or status == 304:
                return status, tag, await read_body(response, what)
            found = error_for_status(status, what, wait=retry_after(response.headers))
    if isinstance(found, NoSecretError):
        raise InvalidRequestError(f"{what}: Doppler answered 404, check project and config")
    raise found


class DopplerAPI:
    """One project and config.

    Args:
        http: a session whose base URL is Doppler's.
        calls: the metered way.
        tokens: where requests get their token.
        place: `project` and `config`, as far as they are set.
        remembered: answers that are kept with their ETag; 0 keeps none.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        calls: ProviderCalls,
        tokens: Tokens,
        place: Mapping[str, str],
        remembered: int,
    ) -> None:
        self._http = http
        self._calls = calls
        self._tokens = tokens
        self._place = dict(place)
        self._remembered = remembered
        self._answers: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    async def secret(self, name: str) -> str:
        """The text of one secret.

        Raises:
            ProviderError: the config has no such secret.
        """
        what = f"reading secret {name} from Doppler"
        body = await self._download(name, {**self._place, "secrets": name}, what)
        found = json_of(body, what)
        if not isinstance(found.get(name), str):
            raise ProviderError(f"could not get secret {name}: secret '{name}' not found in the Doppler config")
        return str(found[name])

    async def everything(self, transformer: str, form: str) -> bytes:
        """The whole config in a form, with names changed."""
        query = dict(self._place)
        if transformer:
            query["name_transformer"] = transformer
        if form:
            query["format"] = form
        return await self._download("", query, "reading the Doppler config")

    async def update(self, name: str, value: str) -> None:
        """Set one secret."""
        await self._change({"secrets": {name: value}}, f"writing secret {name} to Doppler")

    async def remove(self, name: str) -> None:
        """Delete one secret."""
        change = {"name": name, "originalName": name, "value": None, "shouldDelete": True}
        await self._change({"change_requests": [change]}, f"deleting secret {name} at Doppler")

    async def probe(self) -> None:
        """Make sure that Doppler answers and accepts the token."""
        await self._calls.write("ListProjects", lambda: self._signed("GET", "v3/projects", "listing Doppler projects"))

    async def _download(self, name: str, query: Mapping[str, str], what: str) -> bytes:
        return await self._calls.read(
            "DownloadSecrets" if not name else "GetSecret",
            (name, *sorted(query.items())),
            lambda: self._get(name, query, what),
        )

    async def _get(self, name: str, query: Mapping[str, str], what: str) -> bytes:
        known = self._answers.get(name)
        headers = {} if query.get("format", "json") == "json" else {"accept": "text/plain"}
        if known is not None:
            headers["if-none-match"] = known[0]
        status, tag, body = await self._signed("GET", _DOWNLOAD, what, headers=headers, query=query)
        if status == 304:
            if known is None:
                raise ProviderError(f"{what}: Doppler says that nothing changed, but nothing was read before")
            return known[1]
        if tag and self._remembered > 0:
            self._answers[name] = (tag, body)
            self._answers.move_to_end(name)
            if len(self._answers) > self._remembered:
                self._answers.popitem(last=False)
        return body

    async def _change(self, document: Mapping[str, Any], what: str) -> None:
        wanted = {**self._place, **document}
        try:
            await self._calls.write("UpdateSecrets", lambda: self._signed("POST", _SECRETS, what, document=wanted))
        finally:
            # Also after a failure: it may have been written.
            self._answers.clear()

    async def _signed(self, method: str, path: str, what: str, **more: Any) -> tuple[int, str, bytes]:
        token = await self._tokens.token()
        try:
            return await self._once(token, method, path, what, dict(more))
        except AccessDeniedError:
            if not self._tokens.refused(token):
                raise
        return await self._once(await self._tokens.token(), method, path, what, dict(more))

    async def _once(
        self, token: SecretValue, method: str, path: str, what: str, more: dict[str, Any]
    ) -> tuple[int, str, bytes]:
        # Basic: the token is the user, the password is empty.
        basic = base64.b64encode(token.reveal() + b":").decode()
        headers = {**more.pop("headers", {}), "authorization": f"Basic {basic}"}
        return await send(self._http, method, path, what, headers=headers, **more)


def json_of(body: bytes, what: str) -> dict[str, Any]:
    """The JSON object in an answer.

    Raises:
        ProviderError: there is none.
    """
    try:
        found = loads(body)
    except ValueError as err:
        raise ProviderError(f"{what}: the answer is not JSON") from err
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the answer is not a JSON object")
    return found
