"""Every Python block of the library's pages runs: a page is one module, and its tests are tests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "docs" / "reconcile").rglob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
SETTINGS = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
python_files = page_*.py
filterwarnings = error
"""
EVERY_PAGE_RUNS = "def test_the_page_runs() -> None:\n    pass\n"


def program(page: Path) -> str:
    """The Python blocks of a page, in order; lines keep their numbers, so that a failure points at the page."""
    text = page.read_text()
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1))
        body = block[1].splitlines()
        lines[first : first + len(body)] = body
    return "\n".join(lines)


@pytest.mark.slow
def test_the_pages_run_as_a_stranger_would_run_them(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    named = {page.relative_to(ROOT / "docs" / "reconcile").with_suffix(""): program(page) for page in PAGES}
    written = {name: source for name, source in named.items() if source.strip()}
    for name, source in written.items():
        path = tmp_path / f"page_{str(name).replace('/', '_').replace('-', '_')}.py"
        path.write_text(f"{source}\n\n\n{EVERY_PAGE_RUNS}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert len(written) >= 8
    # Not one page less than was written: a page that is not collected would pass unseen.
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) >= len(written) + 6
