"""Talking HTTP to a vendor; the same functions that sign-in code uses."""

from __future__ import annotations

from eso.identity.http import (
    BODY_LIMIT,
    error_for_status,
    json_object,
    pages,
    read_body,
    read_json,
    retry_after,
    transport_errors,
)

__all__ = [
    "BODY_LIMIT",
    "error_for_status",
    "json_object",
    "pages",
    "read_body",
    "read_json",
    "retry_after",
    "transport_errors",
]
