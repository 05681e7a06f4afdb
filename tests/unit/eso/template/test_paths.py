"""Target paths."""

from __future__ import annotations

import pytest

from eso.template.paths import PathError, parse_path


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("a", ["a"]), ("a.b", ["a", "b"]), ("a[0]", ["a", 0]), ("a[1][2].c", ["a", 1, 2, "c"]), ("a.[3]", ["a", 3]), ("a[+1]", ["a", 1]), ("a[007]", ["a", 7]),
        ("a[-0]", ["a", 0]), ("a[10000]", ["a", 10000]), ("é.x-y", ["é", "x-y"]), ("a]b", ["a]b"]),
    ],
)  # fmt: skip
def test_path(path: str, segments: list[str | int]) -> None:
    assert parse_path(path) == segments


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "[0]",
        "[0].a",
        "a[",
        "a[1",
        "a[]",
        "a[x]",
        "a[ 1]",
        "a[1]b",
        "a[-1]",
        "a[10001]",
        "a[" + "9" * 5000 + "]",
        "a[1.5]",
        "a[1_0]",
        "a[١]",
    ],
)
def test_malformed_path(path: str) -> None:
    with pytest.raises(PathError) as caught:
        parse_path(path)
    assert f'invalid path "{path}"' in str(caught.value)
