"""Wildcards of GJSON keys and of the `%` operator: `*` any characters, `?` one, a backslash takes the next as it is."""

from __future__ import annotations

__all__ = ["glob_match"]


def glob_match(text: str, pattern: str) -> bool:
    """Whether the whole text matches; time grows with the product of the lengths at most."""
    tokens = _tokens(pattern)
    if tokens is None:
        return False
    at = token = 0
    star, resume = -1, 0
    while at < len(text):
        if token < len(tokens) and tokens[token] == ("*", True):
            star, resume = token, at
            token += 1
        elif token < len(tokens) and (tokens[token] == ("?", True) or tokens[token] == (text[at], False)):
            at += 1
            token += 1
        elif star >= 0:
            resume += 1
            at, token = resume, star + 1
        else:
            return False
    return all(rest == ("*", True) for rest in tokens[token:])


def _tokens(pattern: str) -> list[tuple[str, bool]] | None:
    tokens: list[tuple[str, bool]] = []
    chars = iter(pattern)
    for char in chars:
        if char == "\\":
            follows = next(chars, None)
            if follows is None:
                return None
            tokens.append((follows, False))
        else:
            tokens.append((char, char in "*?"))
    return tokens
