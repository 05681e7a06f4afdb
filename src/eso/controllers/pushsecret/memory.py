"""What this process has pushed, as keyed digests: an unchanged value is not written again."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from eso.controllers.pushsecret.plan import Planned
from eso.stores.client_manager import identity_of
from eso.stores.context import StoreIdentity
from eso.stores.selection import AnyStore
from eso.values import SecretValue
from reconcile.api.request import Request

__all__ = ["Place", "PushMemory", "Pushed"]

_DIGEST: Final = 16

Place = tuple[StoreIdentity, str]
"""A store as it is configured, and a destination in it."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """One value as it was pushed last.

    Attributes:
        sent: digest of what was handed to the provider.
        found: digest of what the provider answered afterwards; None where it cannot be read.
        verified: loop time at which the provider was last known to hold it.
    """

    sent: bytes
    found: bytes | None
    verified: float


class PushMemory:
    """Digests by PushSecret, store and destination. The key of the digests never leaves the process."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: dict[Request, dict[Place, Pushed]] = {}

    def sent(self, planned: Planned) -> bytes:
        """Digest of everything that a provider is given."""
        source, entry = planned.source, planned.entry
        keys = [entry.secret_key] if entry.secret_key else sorted(source.data)
        digest = hashlib.blake2b(key=self._key, digest_size=_DIGEST)
        head = (
            entry.secret_key,
            entry.metadata,
            source.type,
            sorted(source.labels.items()),
            sorted(source.annotations.items()),
        )
        # Lengths go first, so that no two different inputs run together to the same bytes.
        for part in (msgspec.json.encode(head, order="sorted"), *(_pair(key, source.data[key]) for key in keys)):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()

    def found(self, value: SecretValue) -> bytes:
        """Digest of what a provider answered."""
        return hashlib.blake2b(value.reveal(), key=self._key, digest_size=_DIGEST).digest()

    def last(self, request: Request, store: AnyStore, where: str) -> Pushed | None:
        """What was pushed there last."""
        return self._known.get(request, {}).get((identity_of(store), where))

    def remember(self, request: Request, store: AnyStore, where: str, pushed: Pushed) -> None:
        """It was pushed."""
        self._known.setdefault(request, {})[identity_of(store), where] = pushed

    def verified(self, request: Request, store: AnyStore, where: str, at: float) -> None:
        """It is still there."""
        last = self.last(request, store, where)
        if last is not None:
            self.remember(request, store, where, replace(last, verified=at))

    def retain(self, request: Request, places: Container[Place]) -> None:
        """Forget every other destination of the PushSecret."""
        known = self._known.get(request, {})
        self._known[request] = {place: pushed for place, pushed in known.items() if place in places}

    def forget(self, request: Request) -> None:
        """The PushSecret is gone, or what it pushed was deleted."""
        self._known.pop(request, None)


def _pair(key: str, value: SecretValue) -> bytes:
    name = key.encode("utf-8", "surrogateescape")
    return len(name).to_bytes(4, "big") + name + value.reveal()
