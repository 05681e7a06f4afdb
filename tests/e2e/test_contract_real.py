"""The API server contract on a real kube-apiserver: it proves that the cases are right."""

from __future__ import annotations

import pytest

from tests.support.contract import CASES, Api, Case, Server, prepare
from tests.support.controlplane import ControlPlane

pytestmark = pytest.mark.controlplane


@pytest.fixture(scope="module")
def server(control_plane: ControlPlane) -> Server:
    running = Server(control_plane.url, control_plane.token, ca_file=str(control_plane.ca_file))
    prepare(Api(running))
    return running


@pytest.fixture
def api(server: Server) -> Api:
    """Requests in a namespace of their own; all of them go away with the control plane."""
    api = Api(server)
    api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": api.ns}})
    return api


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_contract(case: Case, api: Api) -> None:
    case.check(api)
