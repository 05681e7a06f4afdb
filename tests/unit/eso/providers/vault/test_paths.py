"""Where a key is in the API."""

from __future__ import annotations

import pytest

from eso.errors import InvalidSpecError
from eso.providers.vault.paths import Mount


@pytest.mark.parametrize(
    ("mount", "v2", "key", "data"),
    [
        ("secret", True, "a/b", "secret/data/a/b"),
        ("secret", True, "secret/a/b", "secret/data/a/b"),
        ("secret", True, "secret/data/a/b", "secret/data/a/b"),
        ("secret", True, "data/a", "secret/data/a"),
        ("secret", True, "secretly/a", "secret/data/secretly/a"),
        ("team/kv", True, "team/kv/a", "team/kv/data/a"),
        ("secret", False, "secret/data/a", "secret/data/a"),
        ("secret", False, "a", "secret/a"),
        ("", True, "secret/a/b", "secret/data/a/b"),
        ("", True, "secret/data/a/b", "secret/data/a/b"),
        ("", True, "team/kv/data/a", "team/kv/data/a"),
        ("", False, "secret/a", "secret/a"),
    ],
)
def test_data(mount: str, v2: bool, key: str, data: str) -> None:
    assert Mount(mount, v2).data(key) == data


@pytest.mark.parametrize(
    ("mount", "key", "metadata"),
    [
        ("secret", "a", "secret/metadata/a"),
        ("secret", "secret/data/a", "secret/metadata/a"),
        ("", "secret/data/a/data/b", "secret/metadata/a/data/b"),
    ],
)
def test_metadata(mount: str, key: str, metadata: str) -> None:
    assert Mount(mount, True).metadata(key) == metadata


def test_metadata_need_a_path_or_data_in_the_key() -> None:
    with pytest.raises(InvalidSpecError):
        Mount("", True).metadata("secret/a")


def test_folders() -> None:
    assert Mount("secret", True).folder("a/") == "secret/metadata/a/"
    assert Mount("secret", False).folder("a/") == "secret/a/"
    assert Mount("", True).folder("secret/data/") == "secret/metadata/"
    with pytest.raises(InvalidSpecError):
        Mount("", False).folder("a/")
