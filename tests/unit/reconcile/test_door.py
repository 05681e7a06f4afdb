"""What `from reconcile import ...` offers, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import reconcile


def test_the_door_is_small_and_every_name_is_there() -> None:
    assert len(reconcile.__all__) <= 30
    assert sorted(reconcile.__all__) == reconcile.__all__
    assert all(hasattr(reconcile, name) for name in reconcile.__all__)


def test_importing_it_pulls_in_nothing_heavy() -> None:
    program = "import sys, reconcile; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )
    heavy = {"cryptography", "structlog", "yaml", "kubernetes_asyncio", "celpy", "pytest", "eso", "re2"}
    assert loaded & heavy == set()
