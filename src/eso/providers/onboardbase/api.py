"""The requests to Onboardbase: the secrets of an environment, which come encrypted, and the members of the team."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_json, retry_after, transport_errors
from eso.providers.onboardbase.decryption import decrypted
from eso.values import SecretMap, SecretValue

__all__ = ["OnboardbaseAPI"]

_READING: Final = "reading the secrets of Onboardbase"
_PROBING: Final = "asking Onboardbase for the members of the team"


class OnboardbaseAPI:
    """One environment of a project.

    Args:
        http: a session that sends the API key, with the URL of the API and a slash as its base.
        calls: the metered way.
        place: `project` and `environment`, as far as they are set.
        passcode: that keys and values are encrypted with.
    """

    def __init__(
        self, http: aiohttp.ClientSession, calls: ProviderCalls, place: Mapping[str, str], passcode: SecretValue
    ) -> None:
        self._http = http
        self._calls = calls
        self._place = dict(place)
        self._passcode = passcode

    async def secrets(self) -> SecretMap:
        """All secrets of the environment.

        Raises:
            ProviderError: Onboardbase refused, its answer is none, or the passcode does not decrypt it.
        """

        async def fetch() -> SecretMap:
            found = _listed(await self._get("secrets", self._place, _READING))
            # Some hundred secrets take some milliseconds.
            return await asyncio.to_thread(_opened, found, self._passcode.reveal())

        return dict(await self._calls.read("GetSecrets", (), fetch))

    async def probe(self) -> None:
        """Make sure that Onboardbase accepts the API key."""
        await self._calls.write("GetTeamMembers", lambda: self._get("team/members", {}, _PROBING))

    async def _get(self, path: str, query: Mapping[str, str], what: str) -> Any:
        try:
            with transport_errors(what):
                # Followed, a redirect would carry the API key to wherever it points.
                async with self._http.get(path, params=query, allow_redirects=False) as response:
                    if response.status >= 400:
                        raise error_for_status(response.status, what, wait=retry_after(response.headers))
                    return await read_json(response, what)
        except NoSecretError as err:
            raise InvalidRequestError(f"{err}, check apiHost, project and environment") from err


def _listed(answer: Any) -> list[tuple[str, str]]:
    """Key and value of each secret, both encrypted."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise ProviderError(f"{_READING}: the answer has no data")
    listed = data.get("secrets") or []
    if not isinstance(listed, list):
        raise ProviderError(f"{_READING}: the answer has no list of secrets")
    pairs = [(each.get("key"), each.get("value")) for each in listed if isinstance(each, dict)]
    if len(pairs) < len(listed) or not all(isinstance(text, str) for pair in pairs for text in pair):
        raise ProviderError(f"{_READING}: the answer holds a secret without key or value")
    return [(str(key), str(value)) for key, value in pairs]


def _opened(listed: list[tuple[str, str]], passcode: bytes) -> SecretMap:
    try:
        return {decrypted(key, passcode).decode(): SecretValue(decrypted(value, passcode)) for key, value in listed}
    except ValueError:  # also of a key that is not UTF-8, whose error holds it
        raise ProviderError(
            f"{_READING}: they cannot be decrypted, check that auth.passcodeRef names the passcode of the project"
        ) from None
