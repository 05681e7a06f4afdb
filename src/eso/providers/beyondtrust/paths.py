"""What a remote key says: a folder and a title of Secrets Safe, or a managed system and an account of it."""

from __future__ import annotations

from typing import Final, NamedTuple

from eso.errors import InvalidRequestError

__all__ = ["AccountPath", "SecretPath"]

_DEEPEST: Final = 7
_LONGEST_FOLDER: Final = 1792
_LONGEST_TITLE: Final = 256
_LONGEST_SYSTEM: Final = 128
_LONGEST_ACCOUNT: Final = 245
"""Limits of the vendor: folders in a path, characters. Source: its Go client."""

_INVALID: Final = "invalid retrieval path. Provide one path, separator and name"


class SecretPath(NamedTuple):
    """A secret of Secrets Safe."""

    folder: str
    title: str

    @classmethod
    def of(cls, key: str, separator: str) -> SecretPath:
        """The last part is the title, those before it are folders.

        Raises:
            InvalidRequestError: a part is missing, or too long, or there are too many.
        """
        folder, title = _split(key, separator)
        if len(folder.split(separator)) > _DEEPEST:
            raise InvalidRequestError(f"{_INVALID}: {key} has more than {_DEEPEST} folders")
        _check(folder, _LONGEST_FOLDER, "path", key)
        _check(title, _LONGEST_TITLE, "title", key)
        return cls(folder, title)


class AccountPath(NamedTuple):
    """An account of a managed system."""

    system: str
    account: str

    @classmethod
    def of(cls, key: str, separator: str) -> AccountPath:
        """One separator stands between them.

        Raises:
            InvalidRequestError: a part is missing or too long, or there are more than two.
        """
        system, account = _split(key, separator)
        if separator in system:
            raise InvalidRequestError(f"{_INVALID}: {key} must name one system and one account")
        _check(system, _LONGEST_SYSTEM, "system name", key)
        _check(account, _LONGEST_ACCOUNT, "account name", key)
        return cls(system, account)


def _split(key: str, separator: str) -> tuple[str, str]:
    path, _, name = key.rpartition(separator)
    return path.strip(), name.strip()


def _check(part: str, longest: int, what: str, key: str) -> None:
    if not 1 <= len(part) <= longest:
        raise InvalidRequestError(f"{_INVALID}: the {what} in {key} must have 1 to {longest} characters")
