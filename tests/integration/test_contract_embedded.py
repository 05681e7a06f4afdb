"""The API server contract on the embedded server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.contract import CASES, Api, Case, Server, embedded_server, prepare

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with embedded_server() as running:
        prepare(Api(running))
        yield running


@pytest.fixture
def api(server: Server) -> Iterator[Api]:
    api = Api(server)
    api.ok("POST", NAMESPACES, {"metadata": {"name": api.ns}})
    yield api
    api.ok("DELETE", f"{NAMESPACES}/{api.ns}")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_contract(case: Case, api: Api) -> None:
    case.check(api)


def test_the_contract_is_large_and_its_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 150
