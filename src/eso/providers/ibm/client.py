"""Secrets of IBM Cloud Secrets Manager, in the words of External Secrets Operator."""

from __future__ import annotations

from typing import Any

from eso.errors import InvalidRequestError, ProviderError
from eso.providers.base import RemoteRef, SecretsClient
from eso.providers.common import find_property
from eso.providers.ibm.api import IBMAPI
from eso.providers.ibm.model import KINDS, Answer, Kind, Place, required, text_of
from eso.transform.gojson import dumps, loads
from eso.values import SecretMap, SecretValue

__all__ = ["IBMClient"]


class IBMClient(SecretsClient):
    """Reads secrets; its validation asks nobody, as in External Secrets Operator.

    Args:
        api: Secrets Manager.
    """

    def __init__(self, api: IBMAPI) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The value of a secret, or a field of it; which of them depends on its type.

        Raises:
            InvalidRequestError: no such secret, or its type needs a property.
            ProviderError: it lacks the field or property.
        """
        place = Place.of(ref.key)
        kind = KINDS[place.type]
        if not kind.whole and not kind.document and not ref.property:
            raise InvalidRequestError(f"remoteRef.property required for secret type {place.type}")
        answer = await self._api.secret(place)
        if kind.document:
            return _selected(answer, kind, place, ref)
        if kind.whole:
            return required(answer, kind.whole, ref.key)
        return _field(answer, kind, ref.property, ref.key)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The fields that make up a secret of its type; with `metadataPolicy: Fetch` also all others."""
        place = Place.of(ref.key)
        kind = KINDS[place.type]
        answer = await self._api.secret(place)
        found: SecretMap = {}
        if ref.metadata_policy == "Fetch":
            found = {name: text_of(value) for name, value in answer.items() if value is not None}
        if kind.document:
            members = _members(_selected(answer, kind, place, ref), ref)
            return {**found, **{name: text_of(value) for name, value in members.items()}}
        return {**found, **{name: _field(answer, kind, source, ref.key) for name, source in kind.extracted.items()}}


def _field(answer: Answer, kind: Kind, name: str, key: str) -> SecretValue:
    if answer.get(name) is None and name in kind.optional:
        # So that a Secret of type kubernetes.io/tls comes into being.
        return SecretValue(b"")
    return required(answer, name, key)


def _selected(answer: Answer, kind: Kind, place: Place, ref: RemoteRef) -> SecretValue:
    """The document of a secret as JSON, or a property of it."""
    document = answer.get(kind.document)
    if not isinstance(document, dict):
        raise ProviderError(f"secret {ref.key} is not of type {place.type}: the answer has no {kind.document}")
    whole = SecretValue(dumps(document))
    if not ref.property:
        return whole
    found = find_property(whole, ref.property, order="escaped-first")
    if found is None:
        raise ProviderError(f"key {ref.property} does not exist in secret {ref.key}")
    return found


def _members(value: SecretValue, ref: RemoteRef) -> dict[str, Any]:
    try:
        members = loads(value.reveal())
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise ProviderError(
            f"unable to unmarshal secret from JSON: {ref.property} of secret {ref.key} is not an object"
        )
    return members
