"""The requests to Volcengine's key management service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from yarl import URL

from eso.errors import ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.volcengine.auth import Credentials, Surroundings
from eso.providers.volcengine.signing import query_string, signed_headers
from eso.providers.volcengine.transport import Transport, UnauthenticatedError
from eso.transform.gojson import dumps
from eso.values import SecretValue

__all__ = ["VolcengineAPI", "endpoint_of"]

_VERSION: Final = "2021-02-18"
_COMMON: Final = "open"
_OWN: Final = frozenset(
    ("ap-southeast-2", "ap-southeast-3", "cn-beijing-autodriving", "cn-beijing-selfdrive", "cn-shanghai-autodriving")
)
"""Regions with endpoints of their own; source: the vendor's SDKs."""


def endpoint_of(region: str, environ: Mapping[str, str]) -> str:
    """The URL of the service in a region.

    Args:
        region: of the store.
        environ: `VOLC_ENABLE_DUALSTACK` asks for the hosts that IPv6 reaches, too.
    """
    if region not in _OWN:
        return f"https://{_COMMON}.volcengineapi.com"
    domain = "volcengine-api.com" if environ.get("VOLC_ENABLE_DUALSTACK") == "true" else "volcengineapi.com"
    return f"https://kms.{region}.{domain}"


class VolcengineAPI:
    """The secrets of a region.

    Args:
        transport: sends requests.
        credentials: sign them.
        calls: the metered way.
        region: of the store.
        around: where the service is, and the clock.
    """

    def __init__(
        self, transport: Transport, credentials: Credentials, calls: ProviderCalls, region: str, around: Surroundings
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._calls = calls
        self._region = region
        self._around = around
        self._base = around.kms or endpoint_of(region, around.environ)

    async def value(self, name: str, version: str = "") -> SecretValue:
        """The text of a secret.

        Args:
            name: of the secret.
            version: id; empty for the current one.

        Raises:
            ProviderError: there is none; never a NoSecretError.
        """
        what = f"reading secret {name} of Volcengine"
        document = {"SecretName": name, **({"VersionID": version} if version else {})}

        async def fetch() -> SecretValue:
            result = await self._send("GetSecretValue", document, what)
            text = result.get("SecretValue") if isinstance(result, dict) else None
            if not isinstance(text, str):
                raise ProviderError(f"{what}: the answer has no value")
            return SecretValue(text)

        return await self._calls.read("GetSecretValue", (name, version), fetch)

    async def describe(self, name: str) -> None:
        """Make sure that there is such a secret.

        Raises:
            ProviderError: there is none, or it could not be looked for.
        """
        what = f"looking for secret {name} of Volcengine"
        await self._calls.write("DescribeSecret", lambda: self._send("DescribeSecret", {"SecretName": name}, what))

    async def _send(self, action: str, document: Mapping[str, str], what: str) -> Any:
        """The result; one refusal of temporary keys is answered by getting others."""
        query = query_string({"Action": action, "Version": _VERSION})
        url, body = URL(f"{self._base}/?{query}", encoded=True), dumps(document, escape_html=False).encode()
        keys = await self._credentials.keys()
        try:
            return await self._transport.send(
                url, body, lambda: signed_headers(keys, self._region, url, body, self._around.now()), what
            )
        except UnauthenticatedError:
            if not self._credentials.refused(keys):
                raise
        others = await self._credentials.keys()
        return await self._transport.send(
            url, body, lambda: signed_headers(others, self._region, url, body, self._around.now()), what
        )
