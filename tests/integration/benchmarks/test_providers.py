"""`python -m benchmarks providers` at a small size."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def output(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "providers", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_reads_are_measured_with_and_without_latency() -> None:
    said = output("--reads", "70", "--only", "webhook", "--latency", "0", "10")
    figures = re.findall(r"webhook, (\d+) ms: (\d+), (\d+), (\d+) reads/s; (\d+\.\d+) ms CPU per read", said)
    assert [found[0] for found in figures] == ["0", "10"]
    assert all(int(rate) > 0 for found in figures for rate in found[1:4])
    # Seventy reads with sixty-four in flight take the latency twice.
    assert all(int(rate) <= 70 / 0.02 for rate in figures[1][1:4])


def test_the_first_use_is_measured_in_a_fresh_process() -> None:
    said = output("--first-use", "fake", "nope", "--settle", "0")
    assert re.search(r"^fake: import \d+ ms CPU, longest pause of the loop \d+ ms, memory \d+ -> \d+ MB", said, re.M)
    assert "nope: eso.errors.InvalidSpecError" in said
