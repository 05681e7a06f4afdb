"""Calls of functions and methods with the outcomes that Go gave; `tests.support.gooracle.record` wrote them."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.support.calls import comparable, outcome

Records = list[dict[str, Any]]


def _recorded() -> dict[str, Records]:
    groups: dict[str, Records] = defaultdict(list)
    for line in (Path(__file__).parent / "recorded.jsonl").read_text().splitlines():
        record = json.loads(line)
        groups[f"{'.' if record.get('method') else ''}{record['fn']}"].append(record)
    return groups


RECORDED = _recorded()


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of local times were recorded in UTC."""
    monkeypatch.setenv("TZ", "UTC")


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_same_outcome(name: str) -> None:
    for record in RECORDED[name]:
        mine = outcome(record["fn"], record["args"], method=record.get("method", False))
        assert mine == comparable(record["go"]), record["args"]
