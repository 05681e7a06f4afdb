"""Templates reach nothing: what the engine and its functions import has no way out of the process, and cannot be talked into one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import eso.template.functions as functions

PACKAGE = Path(functions.__file__).parents[1]
_WAYS_OUT = {
    "aiohttp",
    "asyncio",
    "builtins",
    "ctypes",
    "http",
    "importlib",
    "io",
    "multiprocessing",
    "os",
    "pathlib",
    "pickle",
    "shutil",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "urllib.request",
}
_ALLOWED = {
    "functions/lazy.py: importlib": "imports the module of a function by a constant name, at its first use",
    "functions/lazy.py: importlib.import_module": "the same",
    "functions/locations.py: os": "TZ, the zone that `Local` stands for",
    "engine.py: sys": "the depth of the stack",
}
_FORBIDDEN_CALLS = {"open", "eval", "exec", "compile", "__import__"}


def _modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text())


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_that_leaves_the_process_is_imported() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path, tree in _modules()
        for name in _imported(tree)
        if name in _WAYS_OUT or name.split(".")[0] in _WAYS_OUT or name.startswith("reconcile.client")
    }
    assert found == set(_ALLOWED)


def test_nothing_is_opened_or_evaluated() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.func.id}"
        for path, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FORBIDDEN_CALLS
    }
    assert found == set()


def test_functions_that_look_outside_are_not_there() -> None:
    known = set(functions.FUNCTIONS)
    assert len(known) > 100
    assert not known & {"env", "expandenv", "getHostByName", "include", "tpl", "lookup", "readFile", "getSecretKey"}
