"""`dataFrom[].find`: which names and tags match."""

from __future__ import annotations

from collections.abc import Mapping

from eso.errors import InvalidSpecError
from eso.transform.regexp import RegexpError, UserRegexp

__all__ = ["name_matcher", "tags_match"]


def name_matcher(pattern: str) -> UserRegexp:
    """The compiled `find.name.regexp`; search with it, it is not anchored.

    Raises:
        InvalidSpecError: it does not compile.
    """
    try:
        return UserRegexp(pattern)
    except RegexpError as err:
        raise InvalidSpecError(f"could not compile find.name.regexp [{pattern}]: {err}") from err


def tags_match(wanted: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """Whether every wanted tag is there with the same value."""
    return all(found.get(key) == value for key, value in wanted.items())
