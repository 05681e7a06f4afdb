"""Reading secrets of Acme."""

import aiohttp

from eso.providers.base import ProviderCalls, RemoteRef, SecretsClient, ValidationResult
from eso.providers.common import select_property, split_map
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.values import SecretMap, SecretValue


class AcmeClient(SecretsClient):
    def __init__(self, http: aiohttp.ClientSession, calls: ProviderCalls) -> None:
        self._http = http
        self._calls = calls

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        # Equal reads are shared; the property is not part of the key, because the answer does not depend on it.
        value = await self._calls.read("GetSecret", (ref.key, ref.version), lambda: self._read(ref))
        return select_property(value, ref.property, key=ref.key)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        return split_map(await self.get_secret(ref), key=ref.key)

    async def validate(self) -> ValidationResult:
        await self._calls.write("WhoAmI", lambda: self._get("v1/whoami", {}, "signing in"))
        return ValidationResult.READY

    async def _read(self, ref: RemoteRef) -> SecretValue:
        # As a parameter, a key such as `../whoami` stays a key.
        query = {"name": ref.key, **({"version": ref.version} if ref.version else {})}
        return SecretValue(await self._get("v1/secret", query, f"reading secret {ref.key}"))

    async def _get(self, path: str, query: dict[str, str], what: str) -> bytes:
        with transport_errors(what):
            async with self._http.get(path, params=query, allow_redirects=False) as response:
                if response.status != 200:
                    raise error_for_status(response.status, what, wait=retry_after(response.headers))
                return await read_body(response, what)
