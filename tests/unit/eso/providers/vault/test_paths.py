"""Where a key is."""

from __future__ import annotations

import pytest

from eso.errors import InvalidSpecError
from eso.providers.vault.paths import Mount


@pytest.mark.parametrize(
    ("mount", "v2", "key", "data"),
    [
        ("secret", True, "a/b", ("secret", "a/b")),
        ("secret", True, "secret/a/b", ("secret", "a/b")),
        ("secret", True, "secret/data/a/b", ("secret", "a/b")),
        ("secret", True, "data/a", ("secret", "a")),
        ("secret", True, "secretly/a", ("secret", "secretly/a")),
        ("team/kv", True, "team/kv/a", ("team/kv", "a")),
        ("secret", False, "secret/data/a", ("secret", "data/a")),
        ("secret", False, "a", ("secret", "a")),
        ("", True, "secret/a/b", ("secret", "a/b")),
        ("", True, "secret/data/a/b", ("secret", "a/b")),
        ("", True, "team/kv/data/a", ("team/kv", "a")),
        ("", False, "secret/a", ("secret", "a")),
    ],
)
def test_data(mount: str, v2: bool, key: str, data: tuple[str, str]) -> None:
    subject = Mount(mount, v2)
    assert subject.data_of(subject.relative(key)) == data


@pytest.mark.parametrize(
    ("mount", "key", "metadata"),
    [
        ("secret", "a", ("secret", "a")),
        ("secret", "secret/data/a", ("secret", "a")),
        ("", "secret/data/a/data/b", ("secret", "a/data/b")),
    ],
)
def test_metadata(mount: str, key: str, metadata: tuple[str, str]) -> None:
    subject = Mount(mount, True)
    assert subject.metadata_of(subject.relative(key)) == metadata


def test_metadata_need_a_path_or_data_in_the_key() -> None:
    with pytest.raises(InvalidSpecError):
        Mount("", True).metadata_of("secret/a")


def test_folders() -> None:
    assert Mount("secret", True).folder("a/") == ("secret", "a/")
    assert Mount("secret", False).folder("a/") == ("secret", "a/")
    assert Mount("", True).folder("secret/data/") == ("secret", "")
    with pytest.raises(InvalidSpecError):
        Mount("", False).folder("a/")
