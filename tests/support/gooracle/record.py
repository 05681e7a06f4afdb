"""Records what Go answers to calls of functions, for tests that run without it: `python -m tests.support.gooracle.record`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.support.gooracle import HERE, GoOracle, build
from tests.support.gooracle.arguments import functions, methods

RECORDED = HERE.parents[1] / "unit" / "eso" / "template" / "functions" / "recorded.jsonl"
PER_FUNCTION = 10
PER_METHOD = 3
LONGEST = 700
"""Characters of one record; longer ones are left out, the same cases appear in shorter form."""


def _records(
    oracle: GoOracle, name: str, make: Callable[[], list[Any]], count: int, method: bool
) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for _ in range(count * 4):
        args = make()
        key = json.dumps(args)
        if key in seen or len(seen) >= count:
            continue
        answer = oracle.call(name, args, method=method)
        record = {"fn": name, "args": args}
        if method:
            record["method"] = True
        record["go"] = {"failed": True} if answer.get("failed") else answer
        if len(json.dumps(record)) <= LONGEST:
            seen.add(key)
            yield record


def main() -> None:
    """Write the file anew."""
    lines: list[str] = []
    with GoOracle(build(), calls=True) as oracle:
        for name in sorted(functions(Random(0))):
            make = functions(Random(f"recorded {name}"))[name]
            lines += [json.dumps(record) for record in _records(oracle, name, make, PER_FUNCTION, False)]
        for kind, name in sorted(methods(Random(0))):
            make = methods(Random(f"recorded {kind} {name}"))[kind, name]
            lines += [json.dumps(record) for record in _records(oracle, name, make, PER_METHOD, True)]
    Path(RECORDED).write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
