"""Regular expressions that users write: RE2 syntax, linear time, Go's rules for replacing.

Source of the replacement rules: `regexp.Expand` and `ReplaceAllString` of the Go standard library.
"""

from __future__ import annotations

import re
from typing import Any, Final

import re2

from eso.goregexp import reason

__all__ = ["RegexpError", "UserRegexp"]

# `$$`, `${name}` and `$name`, where a name takes the longest run of letters, digits and underscore.
_REFERENCE: Final = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")


class RegexpError(ValueError):
    """The pattern does not compile; the text says why."""


class UserRegexp:
    """A compiled pattern.

    Raises:
        RegexpError: it does not compile.
    """

    __slots__ = ("_compiled", "pattern")

    def __init__(self, pattern: str) -> None:
        options = re2.Options()
        options.log_errors = False
        self.pattern = pattern
        try:
            self._compiled: Any = re2.compile(pattern, options)
        except re2.error as err:
            words, place = reason(err)
            raise RegexpError(f"error parsing regexp: {words}: `{place or pattern}`") from err

    def search(self, text: str) -> bool:
        """Whether it matches anywhere in the text."""
        return self._compiled.search(text) is not None

    def fullmatch(self, text: str) -> bool:
        """Whether it matches the whole text."""
        return self._compiled.fullmatch(text) is not None

    def replace_all(self, text: str, target: str) -> str:
        """The text with every match replaced; `$1`, `${1}` and `${name}` in the target stand for groups, `$$` for a dollar."""
        parts: list[str] = []
        end = 0
        previous = -1
        for match in self._compiled.finditer(text):
            if match.start() == match.end() == previous:
                continue  # Go takes no empty match right behind another match.
            parts.append(text[end : match.start()])
            parts.append(self._expand(target, match))
            end = previous = match.end()
        parts.append(text[end:])
        return "".join(parts)

    def _expand(self, target: str, match: Any) -> str:
        def group(reference: re.Match[str]) -> str:
            if reference[1]:
                return "$"
            name = reference[2] or reference[3]
            if name.isascii() and name.isdigit():
                found = match.group(int(name)) if int(name) <= self._compiled.groups else None
            else:
                found = match.group(name) if name in self._compiled.groupindex else None
            return found or ""

        return _REFERENCE.sub(group, target)
