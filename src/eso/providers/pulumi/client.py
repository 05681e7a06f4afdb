"""Values of a Pulumi ESC environment, in the words of External Secrets Operator."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Final

from eso.errors import InvalidRequestError, ProviderError, ThrottledError, UnavailableError
from eso.providers.base import PushEntry, RemoteRef, SecretsClient, SourceSecret
from eso.providers.common import pushed_value
from eso.providers.pulumi.api import ConflictError, PulumiAPI
from eso.providers.pulumi.definition import with_secret
from eso.transform.gojson import byte_value
from eso.values import SecretMap, SecretValue

__all__ = ["PulumiClient"]

_TRIES: Final = 3
"""Of a write that somebody else's change came before."""

_WORD: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


class PulumiClient(SecretsClient):
    """A client of one environment; its validation asks nobody, as in External Secrets Operator.

    Args:
        api: the environment.
    """

    def __init__(self, api: PulumiAPI) -> None:
        self._api = api
        self._writing = asyncio.Lock()

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The value at a property path; an object is JSON in which values keep their wrappers."""
        return SecretValue(byte_value(await self._api.value(ref.key)))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The entries of the object at a property path, without their outermost wrapper.

        Raises:
            ProviderError: it is not an object.
        """
        members = await self._api.value(ref.key)
        if not isinstance(members, dict):
            raise ProviderError(f"{ref.key} of the environment is not an object, dataFrom.extract needs one")
        return {name: SecretValue(byte_value(_unwrapped(member, name))) for name, member in members.items()}

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Set one value as a secret, at the path that the dots of the remote key make, and leave the rest as it is.

        Raises:
            InvalidRequestError: the entry has no `secretKey`, or the environment cannot take the value.
        """
        if not entry.secret_key:
            raise InvalidRequestError("pushing the whole secret is not yet implemented: set secretKey")
        path = entry.remote.remote_key.split(".")
        if not all(path):
            raise InvalidRequestError(f"remoteKey {entry.remote.remote_key} has an empty part between its dots")
        value = pushed_value(source, entry)
        try:
            text = value.reveal().decode()
        except UnicodeDecodeError:
            raise InvalidRequestError(f"{entry.secret_key} cannot be pushed to Pulumi: it is not UTF-8") from None
        # An environment is written as a whole: what is written meanwhile would be lost.
        async with self._writing:
            if not await self._holds(path, value):
                await self._write(path, text)

    async def _holds(self, path: Sequence[str], value: SecretValue) -> bool:
        try:
            return await self._api.holds(_property_path(path), value)
        except (ThrottledError, UnavailableError):
            raise
        except ProviderError:
            # It does not exist, the environment cannot be evaluated, or may be written only.
            return False

    async def _write(self, path: Sequence[str], text: str) -> None:
        for left in reversed(range(_TRIES)):
            definition, tag = await self._api.definition()
            changed = await asyncio.to_thread(with_secret, definition, path, text)
            try:
                return await self._api.update(changed, tag)
            except ConflictError:
                if not left:
                    raise
        raise AssertionError  # The last try returns or raises.


def _unwrapped(member: Any, name: str) -> Any:
    if not isinstance(member, dict) or "value" not in member:
        raise ProviderError(f"{name} of the environment: the answer has no value")
    return member["value"]


def _property_path(path: Sequence[str]) -> str:
    """Keys in Pulumi's syntax of property paths."""
    found = ""
    for key in path:
        if _WORD.fullmatch(key):
            found += f".{key}" if found else key
        else:
            escaped = key.replace('"', '\\"')
            found += f'["{escaped}"]'
    return found
