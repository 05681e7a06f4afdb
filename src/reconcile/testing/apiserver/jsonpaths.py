"""The JSONPath of printer columns and scale subresources: the part of kubectl's dialect that CRDs allow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

__all__ = ["assign", "evaluate"]

_STEP = re.compile(
    r"""\.(?P<name>(?:\\.|[^.\[\]\\])+)          # .name, dots escaped by a backslash
      | \[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\]   # ['name']
      | \[(?P<index>-?\d+)\]
      | \[(?P<all>\*)\]
      | \[\?\(\s*@\.?(?P<field>[^=!<>\s]+)\s*(?P<op>==|!=)\s*(?P<value>"[^"]*"|'[^']*'|[^)]+?)\s*\)\]""",
    re.VERBOSE,
)

_Step = tuple[str, str, str, str]


@lru_cache(maxsize=512)
def _steps(path: str) -> tuple[_Step, ...]:
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if text and text[0] not in ".[":
        text = "." + text
    steps: list[_Step] = []
    for match in _STEP.finditer(text):
        if match["name"] is not None:
            name = re.sub(r"\\(.)", r"\1", match["name"])
            steps.append(("all" if name == "*" else "name", name, "", ""))
        elif match["quoted"] is not None:
            steps.append(("name", match["quoted"], "", ""))
        elif match["index"] is not None:
            steps.append(("index", match["index"], "", ""))
        elif match["all"] is not None:
            steps.append(("all", "*", "", ""))
        else:
            steps.append(("filter", match["field"], match["op"], match["value"].strip("\"'")))
    return tuple(steps)


def _holds(item: Any, field: str, op: str, value: str) -> bool:
    for name in field.split("."):
        item = item.get(name) if isinstance(item, Mapping) else None
    text = str(item).lower() if isinstance(item, bool) else str(item)
    return item is not None and (text == value) == (op == "==")


def _advance(value: Any, step: _Step) -> list[Any]:
    kind, name, op, wanted = step
    if kind == "name":
        return [value[name]] if isinstance(value, Mapping) and name in value else []
    if kind == "all":
        return list(value.values()) if isinstance(value, Mapping) else list(value) if isinstance(value, list) else []
    if not isinstance(value, list):
        return []
    if kind == "index":
        index = int(name)
        return [value[index]] if -len(value) <= index < len(value) else []
    return [item for item in value if _holds(item, name, op, wanted)]


def evaluate(obj: Any, path: str) -> list[Any]:
    """Every value the path leads to; empty when it leads nowhere."""
    values = [obj]
    for step in _steps(path):
        values = [found for value in values for found in _advance(value, step)]
    return values


def assign(obj: dict[str, Any], path: str, value: Any) -> None:
    """Set a plain dotted path, in place; missing parents are made."""
    *parents, last = [name for _, name, _, _ in _steps(path)]
    for name in parents:
        obj = obj.setdefault(name, {})
    obj[last] = value
