"""The layout rules of CONTRIBUTING.md: where things are and how large they may become."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
MODULES = [path for path in SOURCES if path.name != "__init__.py"]

LONGEST = 500
P90 = 300
MEDIAN = 150


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_modules_are_small() -> None:
    sizes = sorted(_lines(path) for path in MODULES)
    too_long = [str(path.relative_to(ROOT)) for path in MODULES if _lines(path) > LONGEST]
    assert too_long == []
    assert statistics.median(sizes) <= MEDIAN
    assert sizes[int(len(sizes) * 0.9)] <= P90


def test_no_vague_module_names() -> None:
    vague = {"utils", "util", "helpers", "helper", "misc", "manager_impl", "common_utils"}
    assert [str(path) for path in SOURCES if path.stem in vague] == []


def test_nothing_unfinished() -> None:
    marks = re.compile(r"\b(NotImplementedError|TODO|FIXME|XXX)\b|pragma: no cover")
    assert [str(path.relative_to(ROOT)) for path in SOURCES if marks.search(path.read_text())] == []


def test_every_ignore_names_its_code() -> None:
    bare = re.compile(r"type:\s*ignore(?!\[)|#\s*noqa(?!:)")
    assert [str(path.relative_to(ROOT)) for path in SOURCES if bare.search(path.read_text())] == []


def test_imports_stand_at_the_top() -> None:
    """No import inside a function of our own packages: that would hide a cycle.

    Modules of the operator that are loaded on first use are named through `importlib`, not imported in a function.
    """
    hidden = []
    for path in SOURCES:
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("reconcile", "eso"):
                    hidden.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert hidden == []


def test_no_path_of_a_machine_and_no_registry() -> None:
    names = re.compile(r"/(home|Users)/\w+|/work/|pythonhosted|pypi\.org|proxy\.golang|registry\.npmjs")
    suffixes = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".go", ".mod", ".sum", ".cfg", ".sh"}
    skipped = {".venv", ".git", ".cache", "build", "dist", "site"}
    found = []
    for path in ROOT.rglob("*"):
        if path.suffix not in suffixes or skipped & set(path.relative_to(ROOT).parts) or path == Path(__file__):
            continue
        if names.search(path.read_text(errors="replace")):
            found.append(str(path.relative_to(ROOT)))
    assert found == []
