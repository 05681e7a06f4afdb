"""Functions on versions, and constraints like `>=1.2 <2 || ~3.1`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import re2

from eso.template.functions.runes import runes
from eso.template.functions.versions import Version, compare_prereleases, parse_version
from eso.template.gotext.function import Function, FunctionError, Param

__all__ = ["TABLE"]

_OPERATORS: Final = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^"
_IDENTIFIERS: Final = r"[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*"
_VERSION: Final = rf"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?(-{_IDENTIFIERS})?(?:\+{_IDENTIFIERS})?"

# On RE2, because the constraint is the user's and these expressions would backtrack.
_ONE: Final[Any] = re2.compile(rf"\s*({_OPERATORS})\s*(?:{_VERSION})\s*")
_FIND: Final[Any] = re2.compile(rf"(?:{_OPERATORS})\s*(?:{_VERSION})")
_VALID: Final[Any] = re2.compile(
    rf"\s*(?:{_OPERATORS})\s*(?:{_VERSION})\s*(?:(?:\s+|,\s*)(?:{_OPERATORS})\s*(?:{_VERSION})\s*)*"
)
_RANGE: Final[Any] = re2.compile(rf"\s*({_VERSION})\s+-\s+({_VERSION})\s*")
_RANGE_END: Final = 6
_ANY: Final = ("x", "X", "*")


@dataclass(frozen=True, slots=True)
class _Constraint:
    """One comparison.

    Attributes:
        open: the major version, the minor one or the patch is a wildcard or absent.
        open_minor: the minor version is the first that is.
        open_patch: the patch is the first that is.
    """

    operator: str
    version: Version
    open: bool
    open_minor: bool
    open_patch: bool


def _parsed(text: str) -> _Constraint:
    found = _ONE.fullmatch(text)
    if found is None:
        raise FunctionError("improper constraint")
    operator, major, minor, patch, prerelease = [group or "" for group in found.groups()]
    open_major = major in _ANY
    open_minor = not open_major and minor[1:] in ("", *_ANY)
    open_patch = not open_major and not open_minor and patch[1:] in ("", *_ANY)
    if open_major:
        base = "0.0.0"
    elif open_minor:
        base = f"{major}.0.0"
    else:
        base = f"{major}{minor}{'.0' if open_patch else patch}"
    try:
        version = parse_version(base + prerelease)
    except FunctionError:
        raise FunctionError("constraint parser error") from None
    return _Constraint(operator, version, open_major or open_minor or open_patch, open_minor, open_patch)


def _not_equal(version: Version, constraint: _Constraint) -> bool:
    wanted = constraint.version
    if not constraint.open:
        return version.compare(wanted) != 0
    if wanted.parts[0] != version.parts[0]:
        return True
    if constraint.open_minor:
        return False
    if wanted.parts[1] != version.parts[1]:
        return True
    if constraint.open_patch:
        either = version.prerelease or wanted.prerelease
        return bool(either) and compare_prereleases(version.prerelease, wanted.prerelease) != 0
    return wanted.parts[2] != version.parts[2] or version.compare(wanted) != 0


def _greater(version: Version, constraint: _Constraint) -> bool:
    wanted = constraint.version
    if not constraint.open or version.parts[0] != wanted.parts[0]:
        return version.compare(wanted) > 0
    if constraint.open_minor:
        return False
    if constraint.open_patch:
        return version.parts[1] > wanted.parts[1]
    return version.compare(wanted) > 0


def _less(version: Version, constraint: _Constraint) -> bool:
    return version.compare(constraint.version) < 0


def _at_least(version: Version, constraint: _Constraint) -> bool:
    return version.compare(constraint.version) >= 0


def _at_most(version: Version, constraint: _Constraint) -> bool:
    wanted = constraint.version
    if not constraint.open:
        return version.compare(wanted) <= 0
    if version.parts[0] != wanted.parts[0]:
        return version.parts[0] < wanted.parts[0]
    return constraint.open_minor or version.parts[1] <= wanted.parts[1]


def _tilde(version: Version, constraint: _Constraint) -> bool:
    wanted = constraint.version
    if version.compare(wanted) < 0:
        return False
    if wanted.parts == (0, 0, 0) and not constraint.open_minor and not constraint.open_patch:
        # ~0.0.0 and ~x accept everything.
        return True
    return version.parts[0] == wanted.parts[0] and (constraint.open_minor or version.parts[1] == wanted.parts[1])


def _tilde_or_equal(version: Version, constraint: _Constraint) -> bool:
    return _tilde(version, constraint) if constraint.open else version.compare(constraint.version) == 0


def _caret(version: Version, constraint: _Constraint) -> bool:
    wanted = constraint.version
    if version.compare(wanted) < 0 or version.parts[0] != wanted.parts[0]:
        return False
    if wanted.parts[0] > 0 or constraint.open_minor:
        return True
    if version.parts[1] != wanted.parts[1]:
        return False
    return wanted.parts[1] > 0 or constraint.open_patch or version.parts[2] == wanted.parts[2]


_CHECKS: Final[dict[str, Callable[[Version, _Constraint], bool]]] = {
    "": _tilde_or_equal,
    "=": _tilde_or_equal,
    "!=": _not_equal,
    ">": _greater,
    "<": _less,
    ">=": _at_least,
    "=>": _at_least,
    "<=": _at_most,
    "=<": _at_most,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}


def _without_ranges(text: str) -> str:
    """`1.2 - 2.3` as two comparisons."""
    for found in list(_RANGE.finditer(text)):
        text = text.replace(found[0], f">= {found[1]}, <= {found[_RANGE_END]} ", 1)
    return text


def _group(text: str) -> list[_Constraint]:
    """The comparisons of one group, all of which must hold."""
    if _VALID.fullmatch(text) is None:
        raise FunctionError("improper constraint")
    return [_parsed(found[0]) for found in _FIND.finditer(text)]


def _holds(version: Version, group: list[_Constraint]) -> bool:
    # A pre-release is only taken by a group that names one.
    if version.prerelease and not any(constraint.version.prerelease for constraint in group):
        return False
    return all(_CHECKS[constraint.operator](version, constraint) for constraint in group)


def semver_compare(constraint: str, version: str) -> bool:
    """Whether the version satisfies the constraint.

    Raises:
        FunctionError: one of them cannot be read.
    """
    groups = [_group(part) for part in _without_ranges(runes(constraint)).split("||")]
    parsed = parse_version(version)
    return any(_holds(parsed, group) for group in groups)


_S: Final = Param.STRING

TABLE: Final = (
    Function("semver", parse_version, (_S,)),
    Function("semverCompare", semver_compare, (_S, _S)),
)
