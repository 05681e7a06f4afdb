"""The requests to ngrok: vaults and what is in them. ngrok never gives a value back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

import aiohttp

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, pages, read_body, read_json, retry_after, transport_errors
from eso.transform.gojson import dumps

__all__ = ["VERSION", "NgrokAPI"]

VERSION: Final = "2"
"""Of the API, which each request has to name."""


class NgrokAPI:
    """One account.

    Args:
        http: a session with the API key, whose base URL is that of the API.
        calls: the metered way.
    """

    def __init__(self, http: aiohttp.ClientSession, calls: ProviderCalls) -> None:
        self._http = http
        self._calls = calls

    async def vault_id(self, name: str) -> str | None:
        """The id of the vault with this name; None when there is none."""
        what = f"looking for vault {name} of ngrok"
        found = await self._first("ListVaults", "vaults", "vaults", name, what)
        return None if found is None else _id_of(found, what)

    async def vault_name(self, identity: str) -> str:
        """The name of a vault.

        Raises:
            NoSecretError: there is no such vault.
        """
        what = f"reading vault {identity} of ngrok"
        found = await self._calls.write("GetVault", lambda: self._once("GET", f"vaults/{quote(identity)}", what))
        return str(_object(found, what).get("name"))

    async def secret_id(self, vault: str, name: str) -> str | None:
        """The id of the secret with this name in a vault; None when there is none."""
        what = f"looking for secret {name} of ngrok"
        found = await self._first("ListSecrets", "vault_secrets", "secrets", name, what, vault)
        return None if found is None else _id_of(found, what)

    async def probe(self) -> None:
        """Ask for the first secrets of the account."""
        what = "listing the secrets of ngrok"
        answer = await self._calls.write("ListSecrets", lambda: self._once("GET", "vault_secrets", what))
        _items(answer, "secrets", what)

    async def create(self, document: Mapping[str, str]) -> None:
        """Make a secret."""
        what = f"creating secret {document['name']} at ngrok"
        await self._calls.write("CreateSecret", lambda: self._once("POST", "vault_secrets", what, document=document))

    async def update(self, identity: str, document: Mapping[str, str]) -> None:
        """Change a secret.

        Raises:
            NoSecretError: it is gone.
        """
        what = f"updating secret {identity} at ngrok"
        path = f"vault_secrets/{quote(identity)}"
        await self._calls.write("UpdateSecret", lambda: self._once("PATCH", path, what, document=document))

    async def remove(self, identity: str) -> None:
        """Delete a secret; one that is gone already is a success."""
        what = f"deleting secret {identity} at ngrok"
        path = f"vault_secrets/{quote(identity)}"
        try:
            await self._calls.write("DeleteSecret", lambda: self._once("DELETE", path, what))
        except NoSecretError:
            return

    async def _first(
        self, call: str, path: str, member: str, name: str, what: str, vault: str | None = None
    ) -> dict[str, Any] | None:
        """The first item of a list with this name, in this vault where one is given."""
        # Texts of CEL, in which filters are written, are quoted as those of JSON.
        wanted = {"filter": f"obj.name == {dumps(name, escape_html=False)}"}

        async def page(query: str) -> tuple[Sequence[dict[str, Any]], str]:
            # Of the next page's address only the query counts: the API key stays with the host of the store.
            params = {**wanted, **dict(parse_qsl(query))}
            answer = await self._calls.write(call, lambda: self._once("GET", path, what, params=params))
            matching = [each for each in _items(answer, member, what) if _is(each, name, vault)]
            return matching, "" if matching else _query(str(answer.get("next_page_uri") or ""), what)

        try:
            found = [item async for item in pages(page)]
        except NoSecretError as err:
            raise InvalidRequestError(f"{err}: check spec.provider.ngrok.apiUrl") from err
        return found[0] if found else None

    async def _once(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        document: Mapping[str, str] | None = None,
    ) -> Any:
        body = None if document is None else dumps(document, escape_html=False).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        with transport_errors(what):
            # A redirect would take the API key, and a value, along.
            async with self._http.request(
                method, path, params=params, data=body, headers=headers, allow_redirects=False
            ) as response:
                if response.status >= 300:
                    raise error_for_status(response.status, what, wait=retry_after(response.headers))
                if method == "GET":
                    return await read_json(response, what)
                # It was done; how the answer describes it does not matter.
                await read_body(response, what)
                return None


def _object(answer: Any, what: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ProviderError(f"{what}: the answer is not an object")
    return answer


def _items(answer: Any, member: str, what: str) -> list[dict[str, Any]]:
    found = _object(answer, what).get(member)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ProviderError(f"{what}: the answer has no list of {member}")
    return found


def _id_of(item: Mapping[str, Any], what: str) -> str:
    found = item.get("id")
    if not isinstance(found, str) or not found:
        raise ProviderError(f"{what}: the answer has no id")
    return found


def _is(item: Mapping[str, Any], name: str, vault: str | None) -> bool:
    if item.get("name") != name:
        return False
    return vault is None or _vault_of(item) == vault


def _vault_of(item: Mapping[str, Any]) -> Any:
    vault = item.get("vault")
    return vault.get("id") if isinstance(vault, dict) else item.get("vault_id")


def _query(address: str, what: str) -> str:
    try:
        return urlsplit(address).query
    except ValueError:
        raise ProviderError(f"{what}: the answer names a next page that is no address") from None
