from __future__ import annotations

import logging

from reconcile.api.request import Request
from reconcile.log import RequestFilter, RequestIdentity, current_request, request_scope


def _record() -> logging.LogRecord:
    record = logging.LogRecord("a", logging.INFO, __file__, 1, "hello", None, None)
    assert RequestFilter().filter(record)
    return record


def test_records_carry_the_request_inside_of_a_reconcile_only() -> None:
    identity = RequestIdentity("team", Request("default", "a", "east"), 3)
    with request_scope(identity):
        assert current_request() is identity
        record = _record()
    assert (record.controller, record.request, record.run) == ("team", "east:default/a", 3)  # type: ignore[attr-defined]
    record = _record()
    assert (record.controller, record.request, record.run) == ("", "", 0)  # type: ignore[attr-defined]
    assert current_request() is None
