"""Writing secrets: only those that carry the operator's marker, only when something differs, by version where asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError, UnavailableError
from eso.providers.base import PushEntry, PushRemoteRef, SourceSecret
from eso.providers.common import pushed_value
from eso.providers.vault.api import MANAGED_BY, MARKER, VaultAPI
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["VaultPush"]

CUSTOM: Final = "custom_metadata"
"""In version 1, which has no metadata, the key of the secret that holds the marker."""

_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class _Present:
    """A secret as it is.

    Attributes:
        values: its pairs without the marker; None when it does not exist.
        managed: whether it carries the marker.
        version: current one; 0 when it never had any.
    """

    values: dict[str, Any] | None
    managed: bool
    version: int


class VaultPush:
    """Pushes and deletes.

    Args:
        api: requests.
        check_and_set: state the version that a write replaces (version 2).
    """

    def __init__(self, api: VaultAPI, *, check_and_set: bool) -> None:
        self._api = api
        self._check_and_set = check_and_set

    async def push(self, source: SourceSecret, entry: PushEntry) -> None:
        """See `SecretsClient.push_secret`.

        Raises:
            InvalidSpecError: the value is not a JSON object, or the property holds something else than text.
            ProviderError: somebody else made the secret.
        """
        value = pushed_value(source, entry)
        for attempt in range(1, _TRIES + 1):
            try:
                await self._push_once(value, entry.remote)
                return
            except InvalidRequestError as err:
                # 400 is also how the server says that the version is another by now.
                if not self._check_and_set:
                    raise
                if attempt == _TRIES:
                    raise UnavailableError(
                        f"writing secret {entry.remote.remote_key}: refused {_TRIES} times, it may keep changing"
                    ) from err

    async def delete(self, remote: PushRemoteRef) -> None:
        """See `SecretsClient.delete_secret`."""
        relative = self._api.mount.relative(remote.remote_key)
        present = await self._present(relative)
        if present.values is None or not present.managed:
            return
        if remote.property:
            if remote.property not in present.values:
                return
            rest = {name: value for name, value in present.values.items() if name != remote.property}
            if rest:
                await self._api.rewrite(relative, self._marked(rest), expected=self._expected(present))
                return
        await self._api.remove(relative)

    async def _push_once(self, value: SecretValue, remote: PushRemoteRef) -> None:
        relative = self._api.mount.relative(remote.remote_key)
        present = await self._present(relative)
        if present.values is not None and not present.managed:
            raise ProviderError(
                f"secret {remote.remote_key} is not managed by external-secrets; delete it, or push to another key"
            )
        wanted = _with_property(present, value, remote) if remote.property else _pairs(value, remote)
        if present.values is not None and wanted == present.values:
            return
        if not self._api.mount.v2 and CUSTOM in wanted:
            raise InvalidSpecError(f"the key {CUSTOM} is reserved in stores of version 1")
        if self._api.mount.v2 and not present.managed:
            await self._api.mark(relative)
        await self._api.write(relative, self._marked(wanted), expected=self._expected(present))

    async def _present(self, relative: str) -> _Present:
        try:
            values: dict[str, Any] | None = await self._api.read(relative)
        except NoSecretError:
            values = None
        if not self._api.mount.v2:
            marker = values.pop(CUSTOM, None) if values is not None else None
            return _Present(values, isinstance(marker, Mapping) and _marked_by_us(marker), 0)
        if values is None and not self._check_and_set:
            return _Present(None, False, 0)
        metadata = await self._api.metadata(relative)
        unknown = 0 if values is None else 1
        version = unknown if metadata is None else _version(metadata.get("current_version"), unknown)
        return _Present(values, metadata is not None and _marked_by_us(metadata), version)

    def _expected(self, present: _Present) -> int | None:
        return present.version if self._check_and_set and self._api.mount.v2 else None

    def _marked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return dict(values) if self._api.mount.v2 else {**values, CUSTOM: dict(MARKER)}


def _marked_by_us(metadata: Mapping[str, Any]) -> bool:
    return metadata.get(MANAGED_BY) == MARKER[MANAGED_BY]


def _version(text: str | None, unknown: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else unknown


def _pairs(value: SecretValue, remote: PushRemoteRef) -> dict[str, Any]:
    try:
        found = loads(value.reveal(), exact=True)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidSpecError(
            f"pushing to secret {remote.remote_key} without remoteRef.property needs a JSON object as value; set a property"
        )
    return found


def _with_property(present: _Present, value: SecretValue, remote: PushRemoteRef) -> dict[str, Any]:
    values = present.values or {}
    if remote.property in values and not _is_text(values[remote.property]):
        raise InvalidSpecError(f"property {remote.property} of secret {remote.remote_key} does not hold text")
    return {**values, remote.property: value.reveal().decode("utf-8", "replace")}


def _is_text(value: Any) -> bool:
    # Numbers come as a kind of text, see `gojson.Number`.
    return type(value) is str
