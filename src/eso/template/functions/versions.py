"""Semantic versions, coerced from anything that looks like one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from eso.template.functions.jsongo import JsonObject
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.values import Uint64, Value

__all__ = ["Version", "VersionValue", "compare_prereleases", "parse_version"]

_IDENTIFIERS: Final = r"[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*"
_LOOSE: Final = re.compile(rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-({_IDENTIFIERS}))?(?:\+({_IDENTIFIERS}))?")
_IDENTIFIER: Final = re.compile(r"[0-9A-Za-z\-]+")
_MAX: Final = (1 << 64) - 1


def _segment(digits: str | None) -> int:
    if digits is None:
        return 0
    number = int(digits) if len(digits.lstrip("0")) <= 20 else _MAX + 1
    if number > _MAX:
        raise FunctionError("error parsing version segment: value out of range")
    return number


def _check_prerelease(text: str) -> None:
    for part in text.split("."):
        if _IDENTIFIER.fullmatch(part) is None:
            raise FunctionError("invalid prerelease string")
        if part.isdigit() and len(part) > 1 and part[0] == "0":
            raise FunctionError("version segment starts with 0")


def _check_metadata(text: str) -> None:
    if not all(_IDENTIFIER.fullmatch(part) for part in text.split(".")):
        raise FunctionError("invalid metadata string")


def _number(text: str) -> int | None:
    """An identifier as a 64-bit number; None when it is text."""
    if not text.isdigit() or len(text.lstrip("0")) > 20 or int(text) > _MAX:
        return None
    return int(text)


def _compare_parts(left: str, right: str) -> int:
    if left == right:
        return 0
    if not left or not right:
        return 1 if left else -1
    one, other = _number(left), _number(right)
    if one is None and other is None:
        return 1 if left > right else -1
    if one is None or other is None:
        # Numbers come before text.
        return -1 if other is None else 1
    return 1 if one > other else -1


def compare_prereleases(left: str, right: str) -> int:
    """-1, 0 or 1: identifiers are compared one by one, an absent one comes first."""
    one, other = left.split("."), right.split(".")
    for index in range(max(len(one), len(other))):
        order = _compare_parts(one[index] if index < len(one) else "", other[index] if index < len(other) else "")
        if order:
            return order
    return 0


class VersionValue(JsonObject):
    """A version as the methods that make new ones return it: not a pointer, so it lacks the methods of pointers.

    Attributes:
        parts: major, minor and patch.
        original: the text it was read from, or would be.
    """

    __slots__ = ("metadata", "original", "parts", "prerelease")
    go_type: ClassVar[str] = "semver.Version"
    kind: ClassVar[str] = "struct"
    methods: ClassVar[Mapping[str, Function]] = {}

    def __init__(self, parts: tuple[int, int, int], prerelease: str, metadata: str, original: str) -> None:
        self.parts = parts
        self.prerelease = prerelease
        self.metadata = metadata
        self.original = original

    def __str__(self) -> str:
        text = ".".join([str(part) for part in self.parts])
        if self.prerelease:
            text += f"-{self.prerelease}"
        return f"{text}+{self.metadata}" if self.metadata else text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VersionValue) and self.go_type == other.go_type and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def _content(self) -> tuple[object, ...]:
        return self.parts, self.prerelease, self.metadata, self.original

    def printed(self) -> Mapping[str, Value]:
        """The fields that templates cannot reach but verbs for numbers print."""
        major, minor, patch = [Uint64(part) for part in self.parts]
        return {
            "major": major, "minor": minor, "patch": patch, "pre": self.prerelease, "metadata": self.metadata, "original": self.original,
        }  # fmt: skip

    def to_json_value(self) -> Value:
        """Its text."""
        return str(self)

    def compare(self, other: VersionValue) -> int:
        """-1, 0 or 1; metadata does not count, and a pre-release comes before its release."""
        if self.parts != other.parts:
            return 1 if self.parts > other.parts else -1
        if not self.prerelease or not other.prerelease:
            return bool(other.prerelease) - bool(self.prerelease)
        return compare_prereleases(self.prerelease, other.prerelease)

    def _made(self, parts: tuple[int, int, int], prerelease: str = "", metadata: str = "") -> VersionValue:
        made = VersionValue(parts, prerelease, metadata, "")
        made.original = ("v" if self.original.startswith("v") else "") + str(made)
        return made

    def incremented(self, index: int) -> VersionValue:
        """The next version with part `index` raised; a pre-release only becomes its release when that is the patch."""
        if index == 2 and self.prerelease:
            return self._made(self.parts)
        raised = list(self.parts[: index + 1]) + [0] * (2 - index)
        raised[index] = (raised[index] + 1) & _MAX
        return self._made((raised[0], raised[1], raised[2]))

    def with_prerelease(self, text: str) -> VersionValue:
        """The same version with another pre-release.

        Raises:
            FunctionError: the text is no pre-release.
        """
        if text:
            _check_prerelease(text)
        return self._made(self.parts, text, self.metadata)

    def with_metadata(self, text: str) -> VersionValue:
        """The same version with other metadata.

        Raises:
            FunctionError: the text is no metadata.
        """
        if text:
            _check_metadata(text)
        return self._made(self.parts, self.prerelease, text)


class Version(VersionValue):
    """Go's *semver.Version."""

    __slots__ = ()
    go_type: ClassVar[str] = "*semver.Version"
    kind: ClassVar[str] = "ptr"


def parse_version(text: str) -> Version:
    """The version a text says: `v` in front, absent parts and leading zeros are fine.

    Raises:
        FunctionError: it says none.
    """
    found = _LOOSE.fullmatch(text)
    if found is None:
        raise FunctionError("invalid semantic version")
    major, minor, patch, prerelease, metadata = found.groups()
    if prerelease:
        _check_prerelease(prerelease)
    return Version((_segment(major), _segment(minor), _segment(patch)), prerelease or "", metadata or "", text)


def _value_methods() -> Mapping[str, Function]:
    text = (Param.STRING,)
    table = (
        Function("String", str),
        Function("Major", lambda version: Uint64(version.parts[0])),
        Function("Minor", lambda version: Uint64(version.parts[1])),
        Function("Patch", lambda version: Uint64(version.parts[2])),
        Function("Prerelease", lambda version: version.prerelease),
        Function("Metadata", lambda version: version.metadata),
        Function("IncMajor", lambda version: version.incremented(0)),
        Function("IncMinor", lambda version: version.incremented(1)),
        Function("IncPatch", lambda version: version.incremented(2)),
        Function("SetPrerelease", VersionValue.with_prerelease, text),
        Function("SetMetadata", VersionValue.with_metadata, text),
    )
    return {function.name: function for function in table}


def _pointer_methods() -> Mapping[str, Function]:
    orders: Mapping[str, Callable[[int], bool]] = {
        "LessThan": lambda order: order < 0,
        "LessThanEqual": lambda order: order <= 0,
        "GreaterThan": lambda order: order > 0,
        "GreaterThanEqual": lambda order: order >= 0,
        "Equal": lambda order: order == 0,
    }

    def ordering(name: str, holds: Callable[[int], bool]) -> Function:
        return Function(name, lambda left, right: holds(left.compare(right)), (Param.VERSION,))

    return {
        "Original": Function("Original", lambda version: version.original),
        "Compare": Function("Compare", VersionValue.compare, (Param.VERSION,)),
        **{name: ordering(name, holds) for name, holds in orders.items()},
    }


VersionValue.methods = _value_methods()
Version.methods = {**VersionValue.methods, **_pointer_methods()}
