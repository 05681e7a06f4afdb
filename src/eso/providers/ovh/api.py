"""The requests to OKMS, OVHcloud's key management service: one secret and its versions, and the folders of secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.gathering import gathered
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.transform.gojson import dumps, loads
from eso.values import SecretValue

__all__ = ["OvhAPI", "Stored"]

_NO_SUCH_SECRET: Final = 17125377
"""Code of the service's error; source: External Secrets Operator."""

_ERROR_LIMIT: Final = 1 << 16
_MOST_FOLDERS: Final = 10_000
_DATA: Final = {"includeData": "true"}


@dataclass(frozen=True, slots=True)
class Stored:
    """What a secret holds: its data as JSON text (empty where the version has none), and the number of the current version."""

    data: SecretValue = field(repr=False)
    version: int | None


class OvhAPI:
    """One OKMS domain.

    Args:
        http: a session that shows a token or a client certificate.
        base: URL below which the API of the domain is, without slash at its end.
        calls: the metered way.
    """

    def __init__(self, http: aiohttp.ClientSession, base: str, calls: ProviderCalls) -> None:
        self._http = http
        self._base = base
        self._calls = calls

    async def secret(self, path: str, version: int | None = None) -> Stored:
        """A version of a secret; None for the latest.

        Raises:
            NoSecretError: there is no such secret.
        """
        what = f"reading secret {path} from OKMS"
        query = _DATA if version is None else {"version": str(version), **_DATA}

        async def fetch() -> Stored:
            found = await self._send("GET", f"v2/secret/{_segment(path)}", what, query)
            if found is None:
                raise NoSecretError(f"{what}: it does not exist")
            return _stored(found, what)

        return await self._calls.read("GetSecret", (path, version), fetch)

    async def exists(self, path: str) -> bool:
        """Whether there is such a secret; its data is not read."""
        what = f"looking for secret {path} at OKMS"
        try:
            await self._calls.write("GetSecret", lambda: self._send("GET", f"v2/secret/{_segment(path)}", what))
        except NoSecretError:
            return False
        return True

    async def create(self, path: str, data: Mapping[str, Any]) -> None:
        """A new secret with its first version."""
        document = {"path": path, "version": {"data": data}}
        what = f"creating secret {path} at OKMS"
        await self._calls.write("CreateSecret", lambda: self._send("POST", "v2/secret", what, document=document))

    async def update(self, path: str, data: Mapping[str, Any], cas: int | None) -> None:
        """A new version of a secret; with `cas` only if that version is the current one."""
        document = {"version": {"data": data}}
        query = {} if cas is None else {"cas": str(cas)}
        what = f"writing secret {path} at OKMS"
        await self._calls.write(
            "UpdateSecret", lambda: self._send("PUT", f"v2/secret/{_segment(path)}", what, query, document)
        )

    async def delete(self, path: str) -> None:
        """Remove a secret with all its versions.

        Raises:
            NoSecretError: there is no such secret.
        """
        what = f"deleting secret {path} at OKMS"
        await self._calls.write("DeleteSecret", lambda: self._send("DELETE", f"v2/secret/{_segment(path)}", what))

    async def probe(self) -> None:
        """List secrets: it needs nothing but a valid identity."""
        await self._calls.write("ListSecrets", lambda: self._send("GET", "v2/secret", "listing the secrets of OKMS"))

    async def paths(self, folder: str) -> list[str]:
        """The paths of all secrets in a folder and the folders in it; empty for the root.

        Raises:
            ProviderError: a folder cannot be listed; never a NoSecretError.
        """
        found: list[str] = []
        waiting, seen = [folder], 0
        while waiting:
            seen += len(waiting)
            if seen > _MOST_FOLDERS:
                raise ProviderError(
                    f"listing folder {folder} of OKMS: there are more than {_MOST_FOLDERS} folders in it"
                )
            listed = await gathered([self._names(each) for each in waiting])
            inner: list[str] = []
            for parent, names in zip(waiting, listed, strict=True):
                for name in names:
                    whole = f"{parent}/{name}" if parent else name
                    if name.endswith("/"):
                        inner.append(whole[:-1])
                    else:
                        found.append(whole)
            waiting = inner
        return found

    async def _names(self, folder: str) -> list[str]:
        """What is in a folder itself; folders end with a slash."""
        what = f"listing folder {folder or '/'} of OKMS"
        path = f"v1/secret/metadata/{quote(folder, safe='')}"

        async def fetch() -> list[str]:
            try:
                found = await self._send("GET", path, what, {"list": "true"})
            except NoSecretError as err:
                raise InvalidRequestError(f"{err}: there is no such folder") from err
            data = found.get("data") if isinstance(found, dict) else None
            keys = (data.get("keys") if isinstance(data, dict) else None) or []
            if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
                raise ProviderError(f"{what}: the answer is not a list of names")
            return [key for key in keys if key and not key.startswith("/")]

        return await self._calls.read("GetMetadata", folder, fetch)

    async def _send(
        self, method: str, path: str, what: str, query: Mapping[str, str] | None = None, document: Any = None
    ) -> Any:
        """The JSON of an answer; None where it is empty."""
        try:
            # Paths are one segment, whose escapes must not be undone.
            url = URL(f"{self._base}/{path}" + (f"?{urlencode(query)}" if query else ""), encoded=True)
        except ValueError as err:
            raise InvalidSpecError("server: it is not a URL") from err
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        body = None if document is None else dumps(document).encode()
        with transport_errors(what):
            async with self._http.request(method, url, headers=headers, data=body, allow_redirects=False) as response:
                if response.status >= 300:
                    raise await _refusal(response, what)
                answer = await read_body(response, what)
        if not answer.strip():
            return None
        try:
            return loads(answer)
        except ValueError as err:
            raise ProviderError(f"{what}: the answer is not JSON") from err


async def _refusal(response: aiohttp.ClientResponse, what: str) -> ProviderError:
    """The error in an answer: by the service's code, else by status. The service's own words may repeat what was sent."""
    code = None
    try:
        content = loads(await read_body(response, what, limit=_ERROR_LIMIT))
        code = content.get("error_code") if isinstance(content, dict) else None
    except (ValueError, InvalidRequestError):
        pass  # No JSON, or more of it than an error has.
    stated = f" (error code {int(code)})" if isinstance(code, float) else ""
    if code == _NO_SUCH_SECRET:
        return NoSecretError(f"{what}: it does not exist{stated}")
    error = error_for_status(response.status, f"{what}{stated}", wait=retry_after(response.headers))
    return InvalidRequestError(str(error)) if isinstance(error, NoSecretError) else error


def _stored(found: Any, what: str) -> Stored:
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the answer is not a JSON object")
    version, metadata = found.get("version"), found.get("metadata")
    data = version.get("data") if isinstance(version, dict) else None
    if data is not None and not isinstance(data, dict):
        raise ProviderError(f"{what}: the answer has data that is not a JSON object")
    current = metadata.get("current_version") if isinstance(metadata, dict) else None
    number = int(current) if isinstance(current, float) else None
    return Stored(SecretValue(dumps(data) if data else ""), number)


def _segment(path: str) -> str:
    if path in ("", ".", ".."):
        raise InvalidRequestError(f"{path!r} is not the path of a secret (remoteRef.key)")
    return quote(path, safe="")
