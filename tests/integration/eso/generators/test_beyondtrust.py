"""generators/beyondtrustworkloadcredentials.md against a server that checks what the vendor checks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from eso.errors import (
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    ProviderError,
)
from tests.support.tokenvendors import (
    against,
    beyondtrust,
    beyondtrust_spec,
)
from tests.support.vendors.beyondtrustworkloadcredentials import SITE


@pytest.mark.parametrize(("path", "query"), [("a/b/db", "?folder=a/b"), ("db", "")])
@pytest.mark.parametrize("status", [200, 201])
def test_beyondtrust_lease(path: str, query: str, status: int) -> None:
    case = beyondtrust(status=status)
    values, state = against(case.vendor, lambda: case.bench.generate(case.generator, beyondtrust_spec(case, path)))
    assert values == {
        "accessKeyId": "AK",
        "secretAccessKey": "canary-key",
        "sessionToken": "canary-session",
        "leaseId": "lease-1",
        "expiration": "2026-01-01T00:00:00Z",
    }
    assert state == {"path": path}
    assert case.vendor.seen == [f"POST /api/{SITE}/secrets/dynamic/db/generate{query}"]
    asyncio.run(case.bench.cleanup(case.generator, beyondtrust_spec(case, path), state))
    assert len(case.vendor.seen) == 1


def test_beyondtrust_members_that_are_absent_are_empty() -> None:
    case = beyondtrust(secret={"accessKeyId": "AK"})
    values, _ = against(case.vendor, lambda: case.bench.generate(case.generator, beyondtrust_spec(case, "db")))
    assert values == {"accessKeyId": "AK", "secretAccessKey": "", "leaseId": "", "expiration": ""}


@pytest.mark.parametrize(
    ("path", "options", "error"),
    [
        ("", {}, InvalidSpecError),
        ("a/", {}, InvalidSpecError),
        ("db", {"secret": {}}, ProviderError),
        ("db", {"status": 204}, ProviderError),
        ("other", {}, InvalidRequestError),
    ],
)
def test_beyondtrust_refuses(path: str, options: dict[str, Any], error: type[EsoError]) -> None:
    case = beyondtrust(**options)
    with pytest.raises(error):
        against(case.vendor, lambda: case.bench.generate(case.generator, beyondtrust_spec(case, path)))
