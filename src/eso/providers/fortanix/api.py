"""The requests to Fortanix DSM: what it knows about a security object, and its exported value."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_json, retry_after, transport_errors
from eso.transform.gojson import dumps
from eso.values import SecretValue

__all__ = ["FortanixAPI"]

_SECRET: Final = "SECRET"
_JSON: Final = {"Content-Type": "application/json", "Accept": "application/json"}


class FortanixAPI:
    """One account of DSM, as one app.

    Args:
        http: a session that sends the API key, with the URL of DSM and a slash as its base.
        calls: the metered way.
    """

    def __init__(self, http: aiohttp.ClientSession, calls: ProviderCalls) -> None:
        self._http = http
        self._calls = calls

    async def value(self, name: str) -> SecretValue:
        """The value of a security object: a secret is exported, of others it stands in what is known about them.

        Raises:
            InvalidRequestError: there is no such object, or it has no value that can be read. Never a NoSecretError, so that
                nothing is deleted.
            ProviderError: DSM refused, or its answer is none.
        """
        found = await self._read("GetSobject", "info", {"name": name}, f"reading security object {name}")
        kind = found.get("obj_type")
        if kind == _SECRET or (kind is None and found.get("value") is None):
            kid = found.get("kid")
            which = {"kid": kid} if isinstance(kid, str) and kid else {"name": name}
            found = await self._read("ExportSobject", "export", which, f"exporting security object {name}")
        return _decoded(found.get("value"), name)

    async def _read(self, call: str, action: str, which: Mapping[str, str], what: str) -> dict[str, Any]:
        async def fetch() -> dict[str, Any]:
            body = dumps(which, escape_html=False).encode()
            with transport_errors(what):
                async with self._http.post(
                    f"crypto/v1/keys/{action}", data=body, headers=_JSON, allow_redirects=False
                ) as response:
                    if response.status >= 300:
                        raise error_for_status(response.status, what, wait=retry_after(response.headers))
                    found = await read_json(response, what)
            if not isinstance(found, dict):
                raise ProviderError(f"{what}: the answer is not a JSON object")
            return found

        try:
            return await self._calls.read(call, tuple(which.items()), fetch)
        except NoSecretError as err:
            raise InvalidRequestError(f"{err}: it does not exist, or may not be seen") from err


def _decoded(value: Any, name: str) -> SecretValue:
    if value is None:
        raise InvalidRequestError(f"security object {name} has no value: only secrets and opaque objects can be read")
    try:
        if isinstance(value, str):
            return SecretValue(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        pass
    raise ProviderError(f"the answer holds a value of security object {name} that is not base64")
