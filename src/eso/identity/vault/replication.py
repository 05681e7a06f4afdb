"""Read-your-writes: which states of a replicated Vault a client has seen, so that it is never answered from an older one."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

__all__ = ["SeenStates"]

_MOST: Final = 16


@dataclass(frozen=True, slots=True)
class _State:
    cluster: str
    local: int
    replicated: int
    text: str

    def covers(self, other: _State) -> bool:
        return self.cluster == other.cluster and self.local >= other.local and self.replicated >= other.replicated


class SeenStates:
    """The newest `X-Vault-Index` values; each is Base64 of `v1:<cluster>:<local>:<replicated>:<mac>`.

    Source: the client library of Vault, which merges states the same way.
    """

    def __init__(self) -> None:
        self._states: list[_State] = []

    def record(self, text: str) -> None:
        """Remember the header of an answer; one that is not understood is left out."""
        new = _parsed(text)
        if new is None or any(known.covers(new) for known in self._states):
            return
        kept = [known for known in self._states if not new.covers(known)]
        self._states = [*kept[-(_MOST - 1) :], new]

    @property
    def headers(self) -> tuple[str, ...]:
        """The values to send with the next request."""
        return tuple(state.text for state in self._states)


def _parsed(text: str) -> _State | None:
    try:
        parts = base64.b64decode(text, validate=True).decode("ascii").split(":")
        if len(parts) != 5 or parts[0] != "v1":
            return None
        return _State(parts[1], int(parts[2]), int(parts[3]), text)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
