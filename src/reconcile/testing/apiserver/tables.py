"""`Table` answers: what `kubectl get` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reconcile.testing.apiserver.columns import BUILTIN_TABLES, Column, Table
from reconcile.testing.apiserver.durations import age
from reconcile.testing.apiserver.jsonpaths import evaluate
from reconcile.testing.apiserver.requests import ApiRequest
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.shapes import partial_object

__all__ = ["table_object"]

Object = Mapping[str, Any]


_NAME = Column("Name", lambda obj, now: obj["metadata"]["name"], format="name")
_AGE = Column("Age", lambda obj, now: age(obj["metadata"].get("creationTimestamp"), now), type="date")
_CREATED = Column("Created At", lambda obj, now: obj["metadata"].get("creationTimestamp"), type="date")
_DEFAULT = Table((_NAME, _CREATED))


def _cell(obj: Object, column: Mapping[str, Any], now: datetime) -> Any:
    values = evaluate(obj, column["jsonPath"])
    if not values or values[0] is None:
        return None if column["type"] != "string" else ""
    value = values[0]
    kind = column["type"]
    if kind == "string":
        return ",".join(_text(item) for item in values) if len(values) > 1 else _text(value)
    if kind == "date":
        return age(str(value), now)
    if kind == "integer":
        return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if kind == "number":
        return value if isinstance(value, (int, float)) else None
    return value if isinstance(value, bool) else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{_text(item)}" for key, item in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(_text(item) for item in value) + "]"
    return str(value)


def _custom_table(info: ResourceInfo) -> Table:
    columns = (info.crd or {}).get("additionalPrinterColumns") or ()
    if not columns:
        return Table((_NAME, _AGE))

    def made(column: Mapping[str, Any]) -> Column:
        return Column(
            column["name"],
            lambda obj, now: _cell(obj, column, now),
            type=column["type"],
            format=column.get("format", ""),
            priority=column.get("priority", 0),
            description=column.get("description", ""),
        )

    return Table((_NAME, *(made(column) for column in columns)))


def table_for(info: ResourceInfo) -> Table:
    """The columns of a kind."""
    if info.crd is not None:
        return _custom_table(info)
    return BUILTIN_TABLES.get(info.plural, _DEFAULT)


def table_object(
    info: ResourceInfo,
    objects: Sequence[Object],
    request: ApiRequest,
    now: datetime,
    metadata: Mapping[str, Any],
    *,
    headers: bool = True,
) -> dict[str, Any]:
    """A `Table` of objects.

    Args:
        info: their kind.
        objects: in the served version.
        request: `includeObject` says what each row carries.
        now: for ages.
        metadata: of the list.
        headers: whether to send the column definitions; a watch sends them once.
    """
    table = table_for(info)
    include = request.query.get("includeObject") or "Metadata"
    rows = []
    for obj in objects:
        row: dict[str, Any] = {"cells": [column.value(obj, now) for column in table.columns]}
        if include == "Object":
            row["object"] = obj
        elif include == "Metadata":
            row["object"] = partial_object(obj)
        rows.append(row)
    definitions = [column.definition() for column in table.columns] if headers else None
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(metadata),
        "columnDefinitions": definitions,
        "rows": rows,
    }
