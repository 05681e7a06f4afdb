"""Which states of a replicated server are remembered."""

from __future__ import annotations

import base64

import pytest

from eso.identity.vault.replication import SeenStates


def state(cluster: str, local: int, replicated: int) -> str:
    return base64.b64encode(f"v1:{cluster}:{local}:{replicated}:mac".encode()).decode()


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        ([("c", 1, 1), ("c", 2, 1)], [("c", 2, 1)]),
        ([("c", 2, 2), ("c", 1, 1)], [("c", 2, 2)]),
        ([("c", 1, 2), ("c", 2, 1)], [("c", 1, 2), ("c", 2, 1)]),
        ([("c", 1, 2), ("c", 2, 1), ("c", 3, 3)], [("c", 3, 3)]),
        ([("a", 1, 1), ("b", 1, 1)], [("a", 1, 1), ("b", 1, 1)]),
    ],
)
def test_newest_of_each(seen: list[tuple[str, int, int]], kept: list[tuple[str, int, int]]) -> None:
    states = SeenStates()
    for each in seen:
        states.record(state(*each))
    assert states.headers == tuple(state(*each) for each in kept)


@pytest.mark.parametrize("text", ["", "nonsense", "é", base64.b64encode(b"v2:c:1:1:m").decode(), "djE6Yzp4OjE6bQ=="])
def test_what_is_not_understood_is_left_out(text: str) -> None:
    states = SeenStates()
    states.record(text)
    assert states.headers == ()


def test_the_number_is_limited() -> None:
    states = SeenStates()
    for number in range(100):
        states.record(state(f"cluster{number}", 1, 1))
    assert len(states.headers) == 16
