"""Points at the place in a template where it failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eso.errors import find_cause
from eso.template.errors import TemplateError

__all__ = ["pointed_at"]


def pointed_at(err: BaseException, document: Mapping[str, Any]) -> str:
    """The line of the template with a caret under the failing column; empty when the error is of another kind.

    Args:
        err: the failure; the template's error is looked for among its causes.
        document: the manifest that holds the template.
    """
    failure = find_cause(err, TemplateError)
    if failure is None or failure.line < 1:
        return ""
    source = _source(failure.key, document)
    lines = source.split("\n") if source is not None else []
    if failure.line > len(lines):
        return ""
    line = lines[failure.line - 1]
    # Columns count bytes; the caret has to stand under a character.
    before = line.encode()[: failure.column].decode(errors="ignore")
    blank = "".join("\t" if char == "\t" else " " for char in before)
    number = f"{failure.line}"
    return f"  {number} | {line}\n  {' ' * len(number)} | {blank}^\n"


def _source(key: str, document: Mapping[str, Any]) -> str | None:
    target = (document.get("spec") or {}).get("target") or {}
    template = target.get("template") or {}
    metadata = template.get("metadata") or {}
    for templates in (template.get("data"), metadata.get("labels"), metadata.get("annotations")):
        if key in (templates or {}):
            return str((templates or {})[key])
    if key == "literal":
        literals = [entry["literal"] for entry in template.get("templateFrom") or () if entry.get("literal")]
        return str(literals[0]) if len(literals) == 1 else None
    return None
