"""The bill of materials names what is installed, in the pinned versions, with licences; nothing is asked of anybody."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_NAME = re.compile(r"^[A-Za-z0-9._-]+")
_LICENCED = 0.9
"""Share of packages whose metadata tells a licence in a form that can be read."""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _closure(name: str, seen: set[str]) -> set[str]:
    """What a package needs without extras, transitively."""
    for requirement in distribution(name).requires or []:
        found = _NAME.match(requirement)
        if found and ";" not in requirement and _canonical(found[0]) not in seen:
            seen.add(_canonical(found[0]))
            _closure(found[0], seen)
    return seen


@pytest.fixture(scope="module")
def bom(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """That of the environment of the tests."""
    output = tmp_path_factory.mktemp("sbom") / "sbom.json"
    program = Path(sys.executable).parent / "cyclonedx-py"
    environment = {**os.environ, "CYCLONEDX": str(program)}
    command = [str(ROOT / "image" / "sbom"), sys.executable, str(output)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(output.read_text())
    return content


def test_it_is_of_this_program(bom: dict[str, Any]) -> None:
    assert bom["bomFormat"] == "CycloneDX"
    assert (bom["metadata"]["component"]["name"], bom["metadata"]["component"]["type"]) == ("eso", "application")


def test_every_package_is_there_in_its_pinned_version(bom: dict[str, Any]) -> None:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    pinned = {_canonical(name): version.strip() for name, version in pins.items()}
    found = {_canonical(each["name"]): each["version"] for each in bom["components"]}
    needed = _closure("eso", set())
    assert len(needed) > 15
    assert needed <= set(found)
    assert {name: found[name] for name in needed} == {name: pinned[name] for name in needed}


def test_packages_tell_their_licences(bom: dict[str, Any]) -> None:
    licenced = [each for each in bom["components"] if each.get("licenses")]
    assert len(licenced) >= _LICENCED * len(bom["components"])
    assert all(each["purl"].startswith("pkg:pypi/") for each in bom["components"] if each.get("purl"))
