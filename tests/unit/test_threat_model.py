"""Every rule of THREAT_MODEL.md names the tests that guard it, and those exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| (?P<rule>[^|]+) \| (?P<why>[^|]+) \| (?P<guards>[^|]+) \|$", re.M)
_GUARD = re.compile(r"`(tests/[^`:]+)(?:::([^`]+))?`")
_TEST = re.compile(r"^\s*(?:async )?def (test_\w+)", re.M)
_ADVISORIES = {
    "CVE-2024-45041",
    "GHSA-fcxq-v2r3-cc8h",
    "GHSA-77v3-r3jw-j2v2",
    "CVE-2026-34984",
    "CVE-2026-42875",
    "CVE-2026-42876",
}
_TEXT = (ROOT / "THREAT_MODEL.md").read_text()
_RULES = {
    row["rule"]: row["guards"]
    for row in _ROW.finditer(_TEXT[_TEXT.index("## Rules") :])
    if row["rule"].strip() not in ("rule", "---")
}


def _tests(path: str) -> set[str]:
    place = ROOT / path
    files = sorted(place.rglob("test_*.py")) if place.is_dir() else [place]
    return {name for file in files if file.exists() for name in _TEST.findall(file.read_text())}


def test_there_are_rules() -> None:
    assert len(_RULES) >= 15


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: rule[:60])
def test_the_guards_of_a_rule_exist(rule: str) -> None:
    guards = _GUARD.findall(_RULES[rule])
    assert guards, "no test guards this rule"
    for path, name in guards:
        found = _tests(path)
        assert found, f"{path} holds no test"
        assert not name or name in found, f"{path} has no test {name}"


def test_every_advisory_of_the_field_has_taught_a_rule() -> None:
    assert {advisory for advisory in _ADVISORIES if advisory not in _TEXT} == set()
