"""The requests to Previder Vault: what the token is, and one secret, decrypted by the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["PreviderAPI"]

_JSON: Final = "application/json; charset=utf-8"
_DOTS: Final = ("", ".", "..")


class PreviderAPI:
    """One vault, with one token.

    Args:
        http: a session of the client.
        base: URL of the vault.
        token: for every request.
        calls: the metered way.
    """

    def __init__(self, http: aiohttp.ClientSession, base: str, token: SecretValue, calls: ProviderCalls) -> None:
        self._http = http
        self._base = base.rstrip("/")
        self._token = token
        self._calls = calls

    async def probe(self) -> None:
        """Ask what the token is.

        Raises:
            ProviderError: the vault does not accept it, or is none.
        """
        what = "asking Previder Vault about the token"

        async def ask() -> None:
            try:
                await self._get("token/info", what)
            except NoSecretError as err:
                raise InvalidRequestError(f"{err}, check baseUri") from err

        await self._calls.write("GetTokenInfo", ask)

    async def secret(self, identity: str) -> SecretValue:
        """The value of a secret, by its id or its name.

        Raises:
            NoSecretError: there is no such secret.
        """
        if identity in _DOTS:
            raise InvalidRequestError(f"{identity!r} is neither the id nor the name of a secret (remoteRef.key)")
        what = f"reading secret {identity} from Previder Vault"

        async def fetch() -> SecretValue:
            found = (await self._get(f"secret/{quote(identity, safe='')}/decrypt", what)).get("secret")
            if not isinstance(found, str):
                raise ProviderError(f"{what}: the answer holds no secret")
            # Half of a surrogate pair cannot be written; Go reads it as U+FFFD.
            return SecretValue(found.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))

        return await self._calls.read("DecryptSecret", identity, fetch)

    async def _get(self, path: str, what: str) -> Mapping[str, Any]:
        try:
            # Names are one segment, whose escapes must not be undone.
            url = URL(f"{self._base}/{path}", encoded=True)
        except ValueError as err:
            raise InvalidSpecError("baseUri: it is not a URL") from err
        headers = {"Accept": _JSON, "Content-Type": _JSON, "X-API-Key": self._token.reveal_text()}
        with transport_errors(what):
            async with self._http.get(url, headers=headers, allow_redirects=False) as response:
                if not 200 <= response.status < 300:
                    raise error_for_status(response.status, what, wait=retry_after(response.headers))
                body = await read_body(response, what)
        try:
            found = loads(body)
        except ValueError as err:
            raise ProviderError(f"{what}: the answer is not JSON") from err
        if not isinstance(found, dict):
            raise ProviderError(f"{what}: the answer is not a JSON object")
        return found
