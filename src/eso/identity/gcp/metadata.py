"""The metadata server of machines at Google."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import aiohttp

from eso.errors import InvalidSpecError, UnavailableError
from eso.identity.gcp.http import Answer, answer_to

__all__ = ["ASKING", "MetadataServer"]

ASKING: Final = "asking the Google metadata server"
_SECONDS: Final = 5.0


class MetadataServer:
    """Asks the machine who it is.

    Args:
        http: carries the requests.
        root: base URL.
    """

    def __init__(self, http: aiohttp.ClientSession, root: str) -> None:
        self._http = http
        self._root = root

    async def text(self, path: str) -> str:
        """A value.

        Raises:
            InvalidSpecError: the server does not know it.
            ProviderError: the server refuses, or is not ready; on GKE it starts after the Pod.
            UnavailableError: there is no such server.
        """
        answer = await self.answer(path)
        if answer.status not in (200, 404):
            raise answer.error(ASKING)
        if answer.status == 404 or not answer.text:
            raise InvalidSpecError(f"the Google metadata server does not know {path}: set it in the spec")
        return answer.text

    async def answer(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Whatever it says.

        Raises:
            UnavailableError: there is no such server.
        """
        url = f"{self._root}/computeMetadata/v1/{path}"
        headers = {"Metadata-Flavor": "Google"}
        try:
            return await answer_to(self._http, "GET", url, ASKING, headers=headers, params=params, timeout=_SECONDS)
        except UnavailableError as err:
            raise UnavailableError(f"{err}; outside of Google Cloud give credentials in spec.auth") from err
