"""Writing to a key vault: whether there is something to write, and the marker on what was written."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any, Final

from eso.errors import InvalidSpecError, ProviderError
from eso.providers.azurekv.api import KeyVault
from eso.providers.azurekv.material import certificate_der, jwk_of, same_key
from eso.providers.base import PushEntry, SourceSecret
from eso.providers.common import parse_push_metadata, pushed_value
from eso.values import SecretValue
from reconcile.api.model import Model

__all__ = ["MANAGED_BY", "MANAGER", "Pusher"]

MANAGED_BY = "managed-by"
MANAGER = "external-secrets"
"""The tag on everything that was pushed; nothing without it is changed."""

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


class PushMetadata(Model):
    """`data[].metadata.spec`."""

    expiration_date: str | None = None
    content_type: str | None = None
    tags: dict[str, str] | None = None


class Pusher:
    """Writes secrets, certificates and keys of one vault."""

    def __init__(self, api: KeyVault) -> None:
        self._api = api

    async def push(self, kind: str, name: str, source: SourceSecret, entry: PushEntry) -> None:
        """Write one value unless it is there already.

        Raises:
            ProviderError: the object exists and somebody else made it, or the value is not of that kind.
            InvalidSpecError: the entry's metadata is wrong.
        """
        value = pushed_value(source, entry)
        metadata = parse_push_metadata(entry.metadata, PushMetadata) or PushMetadata()
        own = metadata.tags or {}
        if MANAGED_BY in own:
            raise InvalidSpecError(f"metadata.spec.tags must not contain {MANAGED_BY}: the operator sets it")
        expires = _seconds(metadata.expiration_date)
        tags = {**own, MANAGED_BY: MANAGER}
        match kind:
            case "secret":
                await self._secret(name, value, metadata.content_type, expires, tags)
            case "cert":
                await self._certificate(name, value, tags)
            case _:
                await self._key(name, value, tags)

    async def _managed(self, kind: str, name: str) -> dict[str, Any] | None:
        present = await self._api.find(kind, name)
        if present is not None and (present.get("tags") or {}).get(MANAGED_BY) != MANAGER:
            raise ProviderError(f"{kind} {name} is not overwritten: it is not managed by external-secrets")
        return present

    async def _secret(
        self, name: str, value: SecretValue, content_type: str | None, expires: int | None, tags: dict[str, str]
    ) -> None:
        try:
            text = value.reveal().decode()
        except UnicodeDecodeError:
            raise ProviderError(
                f"secret {name} cannot be written: a key vault holds text, the value is not UTF-8"
            ) from None
        present = await self._managed("secret", name) or {}
        kept = present.get("contentType") or ""
        if (
            present.get("value") == text
            and (present.get("attributes") or {}).get("exp") == expires
            and (not content_type or content_type == kept)
        ):
            return
        body: dict[str, Any] = {"value": text, "tags": tags, "attributes": {"enabled": True}}
        if content_type or kept:
            body["contentType"] = content_type or kept
        if expires is not None:
            body["attributes"]["exp"] = expires
        await self._api.set_secret(name, body)

    async def _certificate(self, name: str, value: SecretValue, tags: dict[str, str]) -> None:
        der = certificate_der(value)
        present = await self._managed("cert", name)
        if present is not None and b64decode(str(present.get("cer") or "")) == der:
            return
        await self._api.import_certificate(name, {"value": b64encode(value.reveal()).decode(), "tags": tags})

    async def _key(self, name: str, value: SecretValue, tags: dict[str, str]) -> None:
        jwk = jwk_of(value)
        present = await self._managed("key", name)
        if present is not None and same_key(present.get("key") or {}, jwk):
            return
        await self._api.import_key(name, {"key": jwk, "tags": tags})


def _seconds(date: str | None) -> int | None:
    if not date:
        return None
    try:
        if not _RFC3339.fullmatch(date):
            raise ValueError
        return int(datetime.fromisoformat(date).timestamp())
    except ValueError:
        raise InvalidSpecError(
            "metadata.spec.expirationDate must be a time in RFC 3339 form: 2030-01-31T12:00:00Z"
        ) from None
