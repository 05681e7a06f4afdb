"""Whether server-side apply would change anything, as far as can be told from here."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from reconcile.errors import APIError

__all__ = ["AppliedMemory", "FieldConflict", "field_conflicts", "holds"]

_CONFLICT = re.compile(r'conflict with "([^"]*)"')
_REMEMBERED = 65536


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that an apply without `force` may not change.

    Attributes:
        field: its path, for example `.data.password`.
        manager: who owns it.
    """

    field: str
    manager: str


def field_conflicts(err: APIError) -> list[FieldConflict]:
    """The fields and managers that a ConflictError of `apply` names; empty for other conflicts."""
    found: list[FieldConflict] = []
    for cause in err.causes:
        if cause.get("reason") == "FieldManagerConflict":
            named = _CONFLICT.search(str(cause.get("message") or ""))
            found.append(FieldConflict(str(cause.get("field") or ""), named[1] if named else ""))
    return found


def holds(current: Any, wanted: Any) -> bool:
    """Whether every field of `wanted` has its value in `current`.

    Says no when in doubt: lists must have the same length and order, because only the schema knows which of them
    are sets or maps. A wrong no costs a request that changes nothing; a wrong yes would lose a write.
    """
    if isinstance(wanted, Mapping):
        return isinstance(current, Mapping) and all(
            key in current and holds(current[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return (
            isinstance(current, Sequence)
            and len(current) == len(wanted)
            and all(holds(one, other) for one, other in zip(current, wanted, strict=True))
        )
    return type(current) is type(wanted) and bool(current == wanted)


class AppliedMemory:
    """What this program applied last to which object, as digests.

    An object can hold all we want and still need an apply: to give up a field that we no longer name. That
    the same fields were named last time rules it out.
    """

    def __init__(self) -> None:
        self._digests: OrderedDict[tuple[str, ...], tuple[str, bytes]] = OrderedDict()

    def unchanged(self, key: tuple[str, ...], uid: str, wanted: Mapping[str, Any]) -> bool:
        """Whether exactly this was applied last, to this very object."""
        return self._digests.get(key) == (uid, _digest(wanted))

    def remember(self, key: tuple[str, ...], uid: str, wanted: Mapping[str, Any]) -> None:
        """Keep in mind what was applied."""
        self._digests[key] = (uid, _digest(wanted))
        self._digests.move_to_end(key)
        if len(self._digests) > _REMEMBERED:
            self._digests.popitem(last=False)


def _digest(wanted: Mapping[str, Any]) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(wanted, order="sorted"), digest_size=16).digest()
