"""The requests to Oracle's services of secrets, vaults and key management."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from yarl import URL

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import pages
from eso.providers.oracle.auth import Surroundings
from eso.providers.oracle.regions import Region
from eso.providers.oracle.transport import Request, Transport
from eso.transform.gojson import dumps
from eso.values import SecretValue

__all__ = ["Bundle", "OracleAPI", "Summary"]

_SECRETS: Final = "20190301"
_VAULTS: Final = "20180608"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A secret with its content.

    Attributes:
        identity: OCID.
        content: bytes.
        ending: whether it will be deleted.
    """

    identity: str
    content: SecretValue
    ending: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """A secret of a list.

    Attributes:
        name: within the vault.
        tags: free-form ones.
        ending: whether it will be deleted.
    """

    name: str
    tags: Mapping[str, str]
    ending: bool


class OracleAPI:
    """A vault in a region, as one principal.

    Args:
        transport: signs and sends.
        calls: the metered way.
        around: where the services are.
        region: of the vault.
        vault: OCID.
    """

    def __init__(
        self, transport: Transport, calls: ProviderCalls, around: Surroundings, region: Region, vault: str
    ) -> None:
        self._transport = transport
        self._calls = calls
        self._secrets = f"{region.url(around.secrets)}/{_SECRETS}"
        self._vaults = f"{region.url(around.vaults)}/{_VAULTS}"
        self._kms = f"{region.url(around.kms)}/{_VAULTS}"
        self._vault = vault

    async def bundle(self, name: str, stage: str = "", *, fresh: bool = False) -> Bundle:
        """A secret with its content.

        Args:
            name: within the vault.
            stage: of the version; empty for the server's choice.
            fresh: ask now, whatever was read before.

        Raises:
            NoSecretError: it does not exist, or may not be seen.
        """
        query = {"secretName": name, "vaultId": self._vault}
        if stage:
            query["stage"] = stage
        url = _url(f"{self._secrets}/secretbundles/actions/getByName", query)
        request = Request("Secrets", "GetSecretBundleByName", name, "POST", url)

        async def fetch() -> Bundle:
            return _bundle((await self._transport.send(request)).document, request.what)

        if fresh:
            return await self._calls.write(request.operation, fetch)
        return await self._calls.read(request.operation, (name, stage), fetch)

    async def listed(self, compartment: str) -> list[Summary]:
        """The secrets of the vault that are in a compartment."""

        async def page(token: str) -> tuple[list[Summary], str]:
            query = {"compartmentId": compartment, "vaultId": self._vault}
            if token:
                query["page"] = token
            url = _url(f"{self._vaults}/secrets", query)
            request = Request("Vaults", "ListSecrets", f"of vault {self._vault}", "GET", url)

            async def fetch() -> tuple[list[Summary], str]:
                try:
                    answer = await self._transport.send(request)
                except NoSecretError as err:
                    raise InvalidRequestError(f"{err}: check vault and compartment") from err
                if not isinstance(answer.document, list):
                    raise ProviderError(f"{request.what}: the answer is not a list")
                found = [_summary(item, request.what) for item in answer.document]
                return found, answer.headers.get("opc-next-page", "")

            return await self._calls.read(request.operation, (compartment, token), fetch)

        return [item async for item in pages(page)]

    async def create(self, name: str, compartment: str, key: str, value: SecretValue) -> None:
        """A new secret."""
        document = {
            "compartmentId": compartment,
            "keyId": key,
            "secretContent": _content(value),
            "secretName": name,
            "vaultId": self._vault,
        }
        # However often it is sent, there will be one.
        once = {"opc-retry-token": secrets.token_hex(16)}
        url, body = _url(f"{self._vaults}/secrets"), dumps(document).encode()
        await self._change(Request("Vaults", "CreateSecret", name, "POST", url, body, once))

    async def update(self, identity: str, name: str, value: SecretValue) -> None:
        """A new version of a secret."""
        body = dumps({"secretContent": _content(value)}).encode()
        url = _url(f"{self._vaults}/secrets/{quote(identity, safe='')}")
        await self._change(Request("Vaults", "UpdateSecret", name, "PUT", url, body))

    async def schedule_deletion(self, identity: str, name: str) -> None:
        """Let a secret be deleted when Oracle does so by default."""
        url = _url(f"{self._vaults}/secrets/{quote(identity, safe='')}/actions/scheduleDeletion")
        await self._change(Request("Vaults", "ScheduleSecretDeletion", name, "POST", url, b"{}"))

    async def probe(self) -> None:
        """Read what the vault is.

        Raises:
            UnseenError: the identity is accepted, but there is no such vault, or it may not be seen.
        """
        url = _url(f"{self._kms}/vaults/{quote(self._vault, safe='')}")
        request = Request("KmsVault", "GetVault", self._vault, "GET", url)
        await self._calls.write(request.operation, lambda: self._transport.send(request, read=False))

    async def _change(self, request: Request) -> None:
        try:
            await self._calls.write(request.operation, lambda: self._transport.send(request, read=False))
        except NoSecretError as err:
            # Vault, compartment or key is wrong: that says nothing about any secret.
            raise InvalidRequestError(str(err)) from err


def _url(path: str, query: Mapping[str, str] | None = None) -> URL:
    # As it is signed, so it must be sent.
    return URL(path + (f"?{urlencode(query)}" if query else ""), encoded=True)


def _content(value: SecretValue) -> dict[str, str]:
    return {"contentType": "BASE64", "content": base64.b64encode(value.reveal()).decode()}


def _bundle(answer: Any, what: str) -> Bundle:
    content = answer.get("secretBundleContent") if isinstance(answer, dict) else None
    encoded = content.get("content") if isinstance(content, dict) else None
    if not isinstance(encoded, str):
        raise ProviderError(f"{what}: unexpected secret bundle content in the answer")
    try:
        decoded = SecretValue(base64.b64decode(encoded, validate=True))
    except ValueError:
        raise ProviderError(f"{what}: the content in the answer is not Base64") from None
    return Bundle(str(answer.get("secretId") or ""), decoded, answer.get("timeOfDeletion") is not None)


def _summary(item: Any, what: str) -> Summary:
    name = item.get("secretName") if isinstance(item, dict) else None
    if not isinstance(name, str):
        raise ProviderError(f"{what}: the answer holds a secret without name")
    tags = item.get("freeformTags")
    known = tags if isinstance(tags, dict) else {}
    return Summary(name, {str(key): str(value) for key, value in known.items()}, item.get("timeOfDeletion") is not None)
